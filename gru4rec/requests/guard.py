"""A guard before MLflow's scoring server: what it cannot read is a 4xx with a sentence, and small requests go first.

The server parses a body before the model sees it. Left alone it answers a body nested too deep, or without a content
type, with a bare 500, sends stack traces, and repeats the body in its messages. It also takes up as many large
requests at once as it has threads, and a small one waits behind all of them.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from gru4rec.config.sentences import brief, shown
from gru4rec.requests.rows import read_requests

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

PATH = "/invocations"
LISTS = ("dataframe_records", "inputs")  # forms of a body that are a list of rows
FORMS = (*LISTS, "dataframe_split")
KINDS = ("application/json", "text/csv", "application/x-parquet", "application/vnd.apache.parquet")
MAX_BYTES = 8 * 2**20
MAX_DEPTH = 8  # the deepest body that means something has five: object, list, object, list, id
SMALL = 1000  # answers that are made at once; requests for more are made one after another


class Guard:
    """An ASGI application before another one, MLflow's.

    Refused are: a body of more than MAX_BYTES (413), one of another kind (415), and what is not JSON, nested too deep,
    of no known form, or no list of readable rows (400). An error of the inner application keeps its status, and its
    message in at most 480 characters; nothing else of it is sent.
    """

    def __init__(self, app: App) -> None:
        self._app = app
        self._large = asyncio.Lock()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """One connection: HTTP, or the server's own start and stop."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = _Answer(send)
        if scope["method"] != "POST" or scope["path"] != PATH:
            await self._app(scope, receive, answer.pass_on)
            return
        body = await _body(receive)
        kind = dict(scope["headers"]).get(b"content-type", b"").decode("latin-1")
        try:
            answers = await asyncio.to_thread(judge, kind, body)
        except Refusal as refusal:
            await answer.refuse(refusal.status, str(refusal))
            return
        if answers <= SMALL:
            await self._ask(scope, body, answer)
            return
        async with self._large:
            await self._ask(scope, body, answer)

    async def _ask(self, scope: Message, body: bytes, answer: "_Answer") -> None:
        async def receive() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        await self._app(scope, receive, answer.pass_on)


class Refusal(ValueError):
    """Why a request is not handed on, in a sentence, and the status that says so."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(brief(sentence))
        self.status = status


def judge(kind: str, body: bytes) -> int:
    """Judge a request from outside, before the server parses it.

    Args:
        kind: the header Content-Type.
        body: at most one byte more than MAX_BYTES of the body.

    Returns:
        How many items its answers hold together; more than SMALL where only the server's own parser can tell.

    Raises:
        Refusal: the request cannot be answered.
    """
    if len(body) > MAX_BYTES:
        raise Refusal(413, f"the body is larger than {MAX_BYTES // 2**20} MiB; send fewer rows at a time")
    name = kind.split(";")[0].strip().lower()
    if name not in KINDS:
        raise Refusal(415, f"the content type is {shown(kind)}; send application/json")
    if name != KINDS[0]:
        return SMALL + 1
    given = _json(body)
    forms = [form for form in FORMS if isinstance(given, dict) and form in given]
    if len(forms) != 1:
        raise Refusal(400, 'the body is no request; send an object such as {"dataframe_records": [{"items": [1, 2]}]}')
    rows = given[forms[0]]
    if given.get("params"):  # MLflow would pass over them, and answer as if nothing had been asked
        raise Refusal(400, "the body has params, which mean nothing here; say n and exclude in each row")
    if forms[0] in LISTS and not isinstance(rows, list):
        raise Refusal(400, f'{forms[0]} is {shown(rows)}; send a list of rows such as [{{"items": [1, 2], "n": 10}}]')
    if forms[0] not in LISTS:
        columns = rows.get("columns") if isinstance(rows, dict) else None
        if isinstance(columns, list) and len({str(name) for name in columns}) < len(columns):
            raise Refusal(400, f"{forms[0]} has a column twice ({shown(columns)}); send it once")
        return SMALL + 1
    try:
        return sum(request.n for request in read_requests(rows))
    except ValueError as error:
        raise Refusal(400, str(error)) from error


def _json(body: bytes) -> Any:
    try:
        given = json.loads(body, object_pairs_hook=_object)
    except Refusal:
        raise
    except UnicodeDecodeError:
        raise Refusal(400, "the body is no UTF-8 text; send JSON in UTF-8") from None
    except json.JSONDecodeError as error:
        raise Refusal(400, f"the body is no JSON: {error}") from None
    except RecursionError:
        raise Refusal(400, f"the body is nested deeper than {MAX_DEPTH} levels; send a list of rows") from None
    except ValueError as error:  # a number of thousands of digits
        raise Refusal(400, f"the body is no JSON that can be read: {error}") from None
    level = [given]
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for one in level
            if isinstance(one, dict | list)
            for inner in (one.values() if isinstance(one, dict) else one)
        ]
    if level:
        raise Refusal(400, f"the body is nested deeper than {MAX_DEPTH} levels; send a list of rows")
    return given


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON; Refusal where it has a key twice, of which Python would drop the first."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise Refusal(400, f"an object of the body has {shown(name)} twice; send it once")
        found[name] = value
    return found


async def _body(receive: Receive) -> bytes:
    """The body, or its first MAX_BYTES + 1 bytes; the rest of a longer one is read and dropped."""
    kept = bytearray()
    while True:
        message = await receive()
        kept += message.get("body", b"")[: MAX_BYTES + 1 - len(kept)]
        if not message.get("more_body", False):
            return bytes(kept)


class _Answer:
    """The way back: an answer passes as it is, an error as a sentence."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._status = 0
        self._body = bytearray()

    async def pass_on(self, message: Message) -> None:
        """Send on a message of the inner application; an error's are held until its body is whole."""
        if message["type"] == "http.response.start":
            self._status = message["status"]
        if self._status < 400:
            await self._send(message)
        elif message["type"] == "http.response.body":
            self._body += message.get("body", b"")
            if not message.get("more_body", False):
                await self.refuse(self._status, _sentence(bytes(self._body)))

    async def refuse(self, status: int, sentence: str) -> None:
        """Send a status with a sentence, as MLflow forms its errors."""
        code = "BAD_REQUEST" if status < 500 else "INTERNAL_ERROR"
        body = json.dumps({"error_code": code, "message": brief(sentence)}).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await self._send({"type": "http.response.start", "status": status, "headers": headers})
        await self._send({"type": "http.response.body", "body": body})


def _sentence(body: bytes) -> str:
    """What an error of the inner application says."""
    try:
        given = json.loads(body)
        text = str(given.get("message") or given.get("detail") or "")
    except (ValueError, AttributeError):
        text = body.decode("utf-8", "replace")
    return text.strip() or "the server gave no reason"
