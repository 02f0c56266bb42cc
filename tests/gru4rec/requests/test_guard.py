"""The guard before MLflow's own application, in process: every bad request is a 4xx with one short sentence."""

import asyncio
import importlib
import json
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from gru4rec.requests.guard import SMALL, Guard
from tests.gru4rec.requests.bad_requests import JSON, Bad, bad_requests
from tests.gru4rec.requests.saved_model import saved_model

BAD = bad_requests()


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """MLflow's application as its server makes it, over a saved model of 30 items."""
    pytest.importorskip("mlflow")
    import fastapi
    from mlflow.pyfunc import scoring_server

    folder = saved_model(tmp_path_factory.mktemp("guarded"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fastapi, "FastAPI", fastapi.FastAPI)  # put back at the end
        patch.setenv(scoring_server._SERVER_MODEL_PATH, str(folder))
        patch.setenv("MLFLOW_SCORING_SERVER_REQUEST_TIMEOUT", "600")
        yield importlib.import_module("mlflow.pyfunc.scoring_server.app").app
        del sys.modules["mlflow.pyfunc.scoring_server.app"]


def ask(
    app: Any, kind: str | None, body: bytes, *, method: str = "POST", path: str = "/invocations"
) -> tuple[int, Any]:
    """Status and parsed body of the application's answer to one request."""
    return asyncio.run(asked(app, kind, body, method, path))


async def asked(
    app: Any, kind: str | None, body: bytes, method: str = "POST", path: str = "/invocations"
) -> tuple[int, Any]:
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "path": path,
        "raw_path": path.encode(), "query_string": b"", "scheme": "http", "server": ("127.0.0.1", 1),
        "headers": [] if kind is None else [(b"content-type", kind.encode("latin-1"))],
    }  # fmt: skip
    parts = [body[at : at + 65536] for at in range(0, len(body), 65536)] or [b""]
    coming = [
        {"type": "http.request", "body": part, "more_body": number + 1 < len(parts)}
        for number, part in enumerate(parts)
    ]
    sent: list[Any] = []

    async def receive() -> Any:
        return coming.pop(0) if coming else await asyncio.sleep(3600)

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    answer = b"".join(message.get("body", b"") for message in sent[1:])
    return sent[0]["status"], json.loads(answer) if answer.strip() else None


def test_there_are_at_least_200_bad_requests() -> None:
    assert len(BAD) >= 200


@pytest.mark.parametrize("bad", BAD, ids=[bad.what[:70] for bad in BAD])
def test_a_bad_request_is_a_4xx_with_a_sentence(guarded: Any, bad: Bad) -> None:
    status, answer = ask(guarded, bad.kind, bad.body)
    judge_refusal(status, answer)


def judge_refusal(status: int, answer: Any) -> None:
    """Whether an answer is a 4xx with one short sentence and nothing else."""
    assert 400 <= status < 500, answer
    assert set(answer) == {"error_code", "message"}
    message = answer["message"]
    assert 10 < len(message) < 500
    assert "\n" not in message
    assert "Traceback" not in message
    assert 'File "' not in message


def test_a_request_without_a_content_type_is_refused(guarded: Any) -> None:
    judge_refusal(*ask(guarded, None, b'{"inputs": [{"items": [1]}]}'))


def test_another_method_and_path_are_refused_in_a_sentence(guarded: Any) -> None:
    assert ask(guarded, None, b"", method="GET")[0] == 405
    assert ask(guarded, None, b"", path="/nowhere") == (404, {"error_code": "BAD_REQUEST", "message": "Not Found"})


@pytest.mark.parametrize(
    "body",
    [
        {"inputs": [{"items": [1, 2], "n": 3}]},
        {"dataframe_records": [{"items": [1, 2], "n": 3.0, "exclude": None}]},
        {"dataframe_split": {"columns": ["items", "n"], "data": [[[1, 2], 3]]}},
    ],
)
def test_good_requests_pass(guarded: Any, body: Any) -> None:
    status, answer = ask(guarded, f"{JSON}; charset=utf-8", json.dumps(body).encode())
    assert status == 200, answer
    [row] = answer["predictions"]
    assert (len(row["items"]), row["version"], row["context_length"]) == (3, "3", 2)


def test_the_server_answers_that_it_lives(guarded: Any) -> None:
    assert ask(guarded, None, b"", method="GET", path="/ping")[0] == 200


def test_an_error_of_the_server_itself_says_no_more_than_a_sentence() -> None:
    async def broken(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 500, "headers": []})
        body = json.dumps({"message": "out of memory " * 100, "stack_trace": "Traceback (most recent call last)"})
        await send({"type": "http.response.body", "body": body.encode()})

    status, answer = ask(Guard(broken), JSON, b'{"inputs": [{"items": [1]}]}')
    assert status == 500
    assert set(answer) == {"error_code", "message"}
    assert len(answer["message"]) < 500


def test_a_small_request_passes_large_ones_which_go_one_by_one() -> None:
    order: list[int] = []
    running = {"large": 0, "most": 0}
    go_on = threading.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        rows = len(json.loads((await receive())["body"])["inputs"])
        if rows > 1:
            running["large"] += 1
            running["most"] = max(running["most"], running["large"])
            await asyncio.to_thread(go_on.wait, 60)
            running["large"] -= 1
        order.append(rows)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"{}"})

    def body(rows: int) -> bytes:
        return json.dumps({"inputs": [{"items": [1]}] * rows}).encode()

    async def both() -> None:
        guard = Guard(app)
        large = [asyncio.create_task(asked(guard, JSON, body(SMALL // 20 + 1 + i))) for i in range(20)]
        await asyncio.sleep(0.1)
        assert (await asked(guard, JSON, body(1)))[0] == 200
        go_on.set()
        await asyncio.gather(*large)

    asyncio.run(both())
    assert order[0] == 1
    assert len(order) == 21
    assert running["most"] == 1
