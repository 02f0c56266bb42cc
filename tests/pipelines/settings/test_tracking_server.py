"""A password in MLFLOW_TRACKING_URI reaches MLflow's server and nothing that is shown or kept."""

import json
import os
import subprocess
import sys
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.policy.resources import resources
from pipelines.settings.read import SettingsError, load
from pipelines.settings.tracking_server import address, lend_credentials

SECRET = "s3cret"


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("http://127.0.0.1:5001", "http://127.0.0.1:5001"),
        (f"https://ann:{SECRET}@mlflow.shop:5001/below/?a=b", "https://mlflow.shop:5001/below/?a=b"),
        (f"http://ann%40shop:{SECRET}%2F%40@[::1]:5000", "http://[::1]:5000"),
        (f"http://a@b:{SECRET}@host", "http://host"),
        ("sqlite:////data/a@b/mlflow.db", "sqlite:////data/a@b/mlflow.db"),
    ],
)
def test_what_is_shown_has_no_password(uri: str, shown: str, tmp_path: Path) -> None:
    assert address(uri) == shown
    assert load({"GRU4REC_DATA": str(tmp_path), "MLFLOW_TRACKING_URI": uri}).tracking_uri == shown


@pytest.mark.parametrize(
    ("uri", "says"),
    [
        (f"postgresql://ann:{SECRET}@host/mlflow", "start an MLflow server on that database"),
        (f"postgresql://host/mlflow?password={SECRET}", "start an MLflow server on that database"),
        (f"http://ann:{SECRET}/@host", "percent-encoded"),
        (f"http://ann:{SECRET}#@host", "percent-encoded"),
        (f"http://ann:80{SECRET}@host:none", "percent-encoded"),
        (f"http://[{SECRET}", "percent-encoded"),
        (f"http://{SECRET}@host", "a user without a password"),
        ("http://", "is no address of a server"),
    ],
)
def test_a_password_that_cannot_be_told_apart_is_refused_unsaid(uri: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=says) as caught:
        load({"GRU4REC_DATA": str(tmp_path), "MLFLOW_TRACKING_URI": uri})
    assert SECRET not in str(caught.value)


@given(st.text(min_size=1), st.text(min_size=1))
def test_any_user_and_password_arrive_and_none_is_shown(user: str, password: str) -> None:
    from urllib.parse import quote

    uri = f"http://{quote(user, safe='')}:{quote(password, safe='')}@host:5000"
    environment = {"MLFLOW_TRACKING_URI": uri}
    lend_credentials(environment)
    assert environment["MLFLOW_TRACKING_USERNAME"] == user
    assert environment["MLFLOW_TRACKING_PASSWORD"] == password
    assert address(uri) == "http://host:5000"


@pytest.fixture
def server() -> Iterator[tuple[str, list[str]]]:
    """A server that lets nobody in: its host and port, and the credentials that it was sent."""
    sent: list[str] = []

    class Refusing(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            sent.append(self.headers.get("Authorization", ""))
            self.send_response(401)
            self.end_headers()

        do_POST = do_GET

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as found:
        threading.Thread(target=found.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{found.server_port}", sent
        found.shutdown()


def test_the_server_is_sent_the_password_and_the_error_does_not_say_it(
    server: tuple[str, list[str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host, sent = server
    for name in ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"):
        monkeypatch.setenv(name, "another")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://ann:{SECRET}@{host}")
    monkeypatch.setenv("GRU4REC_DATA", str(tmp_path))
    with pytest.raises(Exception, match="401") as caught:
        resources(load())["mlflow"].open()
    assert sent == ["Basic " + b64encode(f"ann:{SECRET}".encode()).decode()]
    assert SECRET not in str(caught.value)
    assert os.environ["MLFLOW_TRACKING_URI"] == f"http://{host}", "MLflow itself knows the address without it"


def test_dagsters_records_have_no_password(environment: Callable[[Path, Path], dict[str, str]], tmp_path: Path) -> None:
    """Dagster stores a snapshot of every job that runs, with its resources' configuration."""
    code = (
        "from dagster._core.remote_representation.external_data import JobDataSnap\n"
        "from dagster._serdes import serialize_value\n"
        "from pipelines.definitions import defs\n"
        "for job in defs.get_repository_def().get_all_jobs():\n"
        "    print(serialize_value(JobDataSnap.from_job_def(job, include_parent_snapshot=True)))\n"
    )
    own = {**environment(tmp_path, tmp_path), "MLFLOW_TRACKING_URI": f"http://ann:{SECRET}@mlflow.shop:5001"}
    told = subprocess.run([sys.executable, "-c", code], env=own, capture_output=True, text=True, check=True).stdout
    assert "mlflow.shop:5001" in told, "the address is in the records"
    assert SECRET not in told
    assert json.loads(told.splitlines()[0])
