"""The MLflow model: its answers in process (fast), and over HTTP on loopback (slow)."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from gru4rec.config.options import Config
from gru4rec.data.vocabulary import Vocabulary
from gru4rec.network.model import GRU4Rec
from gru4rec.serving.recommend import Recommender
from gru4rec.storage import checkpoint


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MLflow model folder made from gru4rec/pyfunc.py and a small checkpoint."""
    mlflow = pytest.importorskip("mlflow")
    import gru4rec

    folder = tmp_path_factory.mktemp("served")
    vocabulary = Vocabulary(pa.array(range(1, 31)), np.arange(30, 0, -1))
    config = Config().override({"hidden_size": 8})
    model = GRU4Rec(config.model, vocabulary)
    model.initialise(1)
    checkpoint.save(folder / "checkpoint", model, config, {"temperature": 2.0, "model_version": 3})
    mlflow.pyfunc.save_model(
        folder / "model",
        python_model=str(Path(gru4rec.__path__[0]) / "pyfunc.py"),
        artifacts={"model": str(folder / "checkpoint")},
        pip_requirements=["torch"],
    )
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
        ({"items": [[1]]}, "list"),
        ({"items": [1], "exclude": 7}, "exclude of row 0"),
        ({"items": [1], "user": 7}, "unknown fields user"),
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


@pytest.fixture(scope="module")
def address(saved: Path) -> Iterator[str]:
    """`mlflow models serve` on a free port of loopback, stopped at the end."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    bin_folder = Path(sys.executable).parent
    command = [str(bin_folder / "mlflow"), "models", "serve", "-m", str(saved / "model"), "--env-manager", "local"]
    process = subprocess.Popen(
        [*command, "-h", "127.0.0.1", "-p", str(port), "-w", "1"],
        env={**os.environ, "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}"},
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


def post(url: str, body: str) -> tuple[int, dict]:
    """Status and JSON of the answer to a POST."""
    request = urllib.request.Request(f"{url}/invocations", body.encode(), {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


@pytest.mark.slow
@pytest.mark.parametrize("form", ["dataframe_records", "inputs"])
def test_served_over_http(address: str, form: str) -> None:
    status, answer = post(address, json.dumps({form: [{"items": [1, 2], "n": 5, "exclude": [4]}, {"items": [3]}]}))
    assert status == 200, answer
    first, second = answer["predictions"]
    assert [row["rank"] for row in first["items"]] == [1, 2, 3, 4, 5]
    assert {"item_id", "score", "probability", "rank"} == set(first["items"][0])
    assert not {1, 2, 4} & {row["item_id"] for row in first["items"]}
    assert first["model"] == "GRU4Rec"
    assert first["version"] == "3"
    assert len(second["items"]) == 20


@pytest.mark.slow
@pytest.mark.parametrize(
    "body",
    [
        "{not json",
        '{"inputs": [{"n": 5}]}',
        '{"inputs": [{"items": ["a"]}]}',
        '{"dataframe_records": [{"items": [1], "n": -1}]}',
        '{"inputs": 5}',
        "[1, 2]",
    ],
)
def test_a_bad_body_is_a_4xx_with_a_sentence(address: str, body: str) -> None:
    status, answer = post(address, body)
    assert 400 <= status < 500
    assert len(answer["message"]) > 10
    assert "Traceback" not in answer["message"]
