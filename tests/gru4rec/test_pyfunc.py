"""The MLflow model: its answers in process (fast), and over HTTP on loopback (slow)."""

import json
import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import numpy as np
import pyarrow as pa
import pytest

from gru4rec.serving.recommend import Recommender
from tests.gru4rec.requests.bad_requests import JSON, bad_requests
from tests.gru4rec.requests.saved_model import saved_model
from tests.ports import free_port


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MLflow model folder made from gru4rec/pyfunc.py and a small checkpoint."""
    pytest.importorskip("mlflow")
    folder = tmp_path_factory.mktemp("served")
    saved_model(folder)
    return folder


def test_it_answers_as_the_recommender_does(saved: Path) -> None:
    import mlflow

    model = mlflow.pyfunc.load_model(str(saved / "model"))
    answers = model.predict([{"items": [1, 2, 99], "n": 4, "exclude": [3]}, {"items": []}])
    recommender = Recommender.load(saved / "checkpoint", device="cpu")
    expected = recommender.recommend([1, 2], 4, exclude=[3])
    assert [row["item_id"] for row in answers[0]["items"]] == expected.ids.to_pylist()
    assert [row["rank"] for row in answers[0]["items"]] == [1, 2, 3, 4]
    assert [row["score"] for row in answers[0]["items"]] == pytest.approx(expected.scores.tolist(), rel=1e-5)
    assert answers[0]["model"] == "GRU4Rec"
    assert answers[0]["version"] == "3"
    assert answers[0]["unknown"] == [99]
    assert answers[1]["model"] == "popularity"
    assert len(answers[1]["items"]) == 20
    json.dumps(answers)


def test_loading_it_warns_of_nothing_that_is_on_purpose(saved: Path) -> None:
    import mlflow

    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        mlflow.pyfunc.load_model(str(saved / "model"))
    assert not [warning for warning in said if "type hint" in str(warning.message)]


def test_a_data_frame_with_gaps_is_a_request(saved: Path) -> None:
    import mlflow
    import pandas as pd

    model = mlflow.pyfunc.load_model(str(saved / "model"))
    frame = pd.DataFrame([{"items": [1], "n": 3}, {"items": np.array([2, 3])}])
    assert [len(answer["items"]) for answer in model.predict(frame)] == [3, 20]


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ({"n": 3}, "row 0 has no items"),
        ({"items": 5}, "give a list of item ids"),
        ({"items": "5"}, "give a list of item ids"),
        ({"items": [1], "n": 0}, "from 1 to"),
        ({"items": [1], "n": "many"}, "from 1 to"),
        ({"items": [1], "n": 2.5}, "from 1 to"),
        ({"items": ["a"]}, "string"),
        ({"items": [1, "a"]}, "mixed"),
        ({"items": [[1]]}, "integers or strings"),
        ({"items": [1], "exclude": 7}, "exclude of row 0"),
        ({"items": [1], "user": 7}, "unknown fields 'user'"),
        ({"items": [1], "exclude": [2**63]}, "does not fit"),
        ({"items": [2**70]}, "64 bits"),
        ({"items": [10**5000]}, "64 bits"),
        ({"items": ["7", 7]}, "items of row 0 are of mixed type"),
        ({"items": [7], "exclude": [7, "7"]}, "exclude of row 0 are of mixed type"),
        ({"items": [True, 5]}, "holds True"),
        ({"items": np.array([True, False])}, "holds True"),
        ({"items": np.array([1.0, np.nan])}, "missing"),
        ({"items": np.array([2**63 + 11, 1], np.uint64)}, "does not fit"),
        ({"items": [Decimal("1.5")]}, "integers or strings"),
        ({"items": [date(2026, 1, 1)]}, "integers or strings"),
        ({"items": ["\ud800"]}, "half of a character"),
        ({"items": [1], "n": 10**5000}, "about 5001 digits"),
        ("not json", "list of objects"),
        (5, "list of objects"),
    ],
)
def test_a_bad_request_is_one_sentence(saved: Path, row: object, sentence: str) -> None:
    import mlflow
    from mlflow.exceptions import MlflowException

    model = mlflow.pyfunc.load_model(str(saved / "model"))
    with pytest.raises(MlflowException, match=sentence) as caught:
        model.predict([row])
    assert caught.value.get_http_status_code() == 400
    assert len(caught.value.message) < 500


@pytest.mark.parametrize(
    ("items", "unknown"),
    [
        (["7", "\u0000", " 7", "e\u0301", "\u00e9"], ["\u0000", " 7", "e\u0301"]),  # no two ids become one
        (["07", "7.0", "+7", "", "7"], ["07", "7.0", "+7", ""]),
        (np.array(["\u00e9", "x y"]), []),
        ([b"7", b"\xc3\xa9"], []),
        (np.array([7, 2**63 + 11], np.uint64), [str(2**63 + 11)]),  # a column of hashes: of text in the log, too
        ([UUID(int=5)], [str(UUID(int=5))]),
    ],
)
def test_ids_of_text_are_themselves(tmp_path: Path, items: object, unknown: list[str]) -> None:
    import mlflow
    from mlflow.exceptions import MlflowException

    model = mlflow.pyfunc.load_model(str(saved_model(tmp_path, pa.array(["7", "\u00e9", "x y", "a"]))))
    [answer] = model.predict([{"items": items, "n": 1}])
    assert answer["unknown"] == unknown
    assert json.loads(json.dumps(answer)) == answer
    with pytest.raises(MlflowException, match="half of a character"):
        model.predict([{"items": ["7"], "exclude": ["a\udc80"]}])


def test_a_request_for_too_much_is_refused(saved: Path) -> None:
    import mlflow
    from mlflow.exceptions import MlflowException

    model = mlflow.pyfunc.load_model(str(saved / "model"))
    with pytest.raises(MlflowException, match="the 1001 rows ask for 20020 items together; ask for at most 20000"):
        model.predict([{"items": [1]}] * 1001)


@pytest.mark.parametrize("wide", [pa.int8(), pa.uint64(), pa.float32(), pa.decimal128(38, 0)])
def test_ids_of_any_whole_type_are_the_models(saved: Path, wide: pa.DataType) -> None:
    import mlflow
    import pandas as pd

    model = mlflow.pyfunc.load_model(str(saved / "model"))
    [expected] = model.predict([{"items": [1, 2], "n": 3}])
    frame = pd.DataFrame({"items": [pa.array([1, 2]).cast(wide).to_numpy(zero_copy_only=False)], "n": [3]})
    assert model.predict(frame) == [expected]


REGISTER = """
import sys
import mlflow

mlflow.set_tracking_uri(sys.argv[1])
client = mlflow.MlflowClient()
client.create_registered_model("gru4rec")
for _ in range(4):
    version = client.create_model_version("gru4rec", sys.argv[2]).version
client.set_registered_model_alias("gru4rec", "champion", "3")
"""


@pytest.fixture(scope="module")
def registry(saved: Path) -> str:
    """A store with four versions of the model, of which the third is champion; MLflow notes a version in its folder."""
    uri = f"sqlite:///{saved / 'mlflow.db'}"
    source = shutil.copytree(saved / "model", saved / "registered")
    subprocess.run([sys.executable, "-c", REGISTER, uri, str(source)], check=True)
    return uri


@pytest.mark.slow
def test_the_version_is_the_one_that_was_loaded(saved: Path, registry: str) -> None:
    import mlflow

    def version(model: mlflow.pyfunc.PyFuncModel) -> str:
        [answer] = model.predict([{"items": [1]}])
        return str(answer["version"])

    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(registry)
    try:
        champion = mlflow.pyfunc.load_model("models:/gru4rec@champion")
        assert version(champion) == "3"
        assert version(mlflow.pyfunc.load_model("models:/gru4rec/2")) == "2"
        assert version(mlflow.pyfunc.load_model("models:/gru4rec/latest")) == "4"
        mlflow.MlflowClient().set_registered_model_alias("gru4rec", "champion", "1")
        assert version(champion) == "3", "a promotion does not change what is loaded"
        assert version(mlflow.pyfunc.load_model("models:/gru4rec@champion")) == "1"
        assert version(mlflow.pyfunc.load_model(str(saved / "model"))) == "3", "of a folder: the checkpoint's own"
    finally:
        mlflow.MlflowClient().set_registered_model_alias("gru4rec", "champion", "3")
        mlflow.set_tracking_uri(before)


@pytest.fixture(scope="module")
def address(registry: str) -> Iterator[str]:
    """`mlflow models serve -m models:/gru4rec@champion` on a free port of loopback, stopped at the end."""
    port = free_port()
    bin_folder = Path(sys.executable).parent
    serve = [str(bin_folder / "mlflow"), "models", "serve", "-m", "models:/gru4rec@champion", "--env-manager", "local"]
    path = f"{bin_folder}{os.pathsep}{os.environ['PATH']}"
    process = subprocess.Popen(
        [*serve, "-h", "127.0.0.1", "-p", str(port), "-w", "1"],
        env={**os.environ, "PATH": path, "MLFLOW_TRACKING_URI": registry},
        start_new_session=True,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 300  # a busy machine takes minutes to import all that MLflow needs
        while True:
            assert process.poll() is None, "the server ended before it answered"
            assert time.monotonic() < deadline, "the server did not answer within five minutes"
            try:
                urllib.request.urlopen(f"{url}/ping", timeout=10)
                break
            except OSError:
                time.sleep(0.5)
        yield url
    finally:
        os.killpg(process.pid, 15)
        process.wait(30)


def post(url: str, body: bytes, kind: str = JSON) -> tuple[int, dict]:
    """Status and JSON of the answer to a POST."""
    request = urllib.request.Request(f"{url}/invocations", body, {"Content-Type": kind})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


@pytest.mark.slow
@pytest.mark.parametrize("form", ["dataframe_records", "inputs"])
def test_served_over_http(address: str, form: str) -> None:
    status, answer = post(
        address, json.dumps({form: [{"items": [1, 2], "n": 5, "exclude": [4]}, {"items": [3]}]}).encode()
    )
    assert status == 200, answer
    first, second = answer["predictions"]
    assert [row["rank"] for row in first["items"]] == [1, 2, 3, 4, 5]
    assert {"item_id", "score", "probability", "rank"} == set(first["items"][0])
    assert not {1, 2, 4} & {row["item_id"] for row in first["items"]}
    assert first["model"] == "GRU4Rec"
    assert first["version"] == "3"
    assert len(second["items"]) == 20


@pytest.mark.slow
def test_200_bad_requests_over_http_are_each_a_4xx_with_a_sentence(address: str) -> None:
    for bad in bad_requests():
        status, answer = post(address, bad.body, bad.kind)
        assert 400 <= status < 500, (bad.what, answer)
        assert set(answer) == {"error_code", "message"}, bad.what
        assert 10 < len(answer["message"]) < 500, bad.what
        assert "Traceback" not in answer["message"], bad.what


@pytest.mark.slow
def test_a_small_request_beside_twenty_large_ones_is_answered_first(address: str) -> None:
    large = json.dumps({"inputs": [{"items": [1, 2]}] * 1000}).encode()
    done: list[str] = []

    def send(name: str, body: bytes) -> int:
        status, _ = post(address, body)
        done.append(name)
        return status

    with ThreadPoolExecutor(21) as threads:
        asked = [threads.submit(send, "large", large) for _ in range(20)]
        time.sleep(0.05)
        asked.append(threads.submit(send, "small", json.dumps({"inputs": [{"items": [1]}]}).encode()))
        assert {future.result() for future in asked} == {200}
    assert done.index("small") < 20
