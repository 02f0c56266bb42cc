"""A night against an MLflow server, named by MLFLOW_TRACKING_URI: runs, artifacts and aliases go through it."""

import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from pipelines.shell.ui import SLIM
from pipelines.tracking import registry
from tests.ports import free_port

NIGHT = "2026-01-07"


@pytest.fixture
def server(tmp_path: Path, fresh_mlflow: Callable[[Path], None]) -> Iterator[str]:
    """An MLflow server on loopback that keeps the artifacts itself."""
    fresh_mlflow(tmp_path)
    port = free_port()
    command = [str(Path(sys.executable).with_name("mlflow")), "server", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--workers", "1", "--backend-store-uri", f"sqlite:///{tmp_path}/mlflow/mlflow.db"]
    command += ["--artifacts-destination", str(tmp_path / "kept")]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, env={**os.environ, **SLIM}, stdout=log, stderr=log, start_new_session=True)
    try:
        deadline = time.monotonic() + 300  # a busy machine takes minutes
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=2).close()
                break
            except OSError:
                assert time.monotonic() < deadline, (tmp_path / "log").read_text()
                time.sleep(0.5)
        yield f"http://127.0.0.1:{port}"
    finally:
        os.killpg(process.pid, signal.SIGKILL)  # its worker too; nothing of it is needed again
        process.wait()


@pytest.mark.slow
def test_a_night_works_against_a_server(house: Any, server: str, tmp_path: Path) -> None:
    root = tmp_path / "shop"
    for table in ("events", "items"):
        shutil.copytree(house.root / table, root / table)
    shutil.copy(house.root / "pipeline.toml", root)
    with dg.DagsterInstance.ephemeral() as instance:
        mine = type(house)(root, instance, environment={"MLFLOW_TRACKING_URI": server})
        assert mine.run("retrain", NIGHT).success
        champion = registry.aliased(mine.tracking, registry.CHAMPION)
        run = mine.tracking.client.get_run(champion.run_id)
    assert champion.tags["run_date"] == NIGHT
    assert run.info.artifact_uri.startswith("mlflow-artifacts:")
    assert "test/recall_at_20" in run.data.metrics
    assert not (root / "mlflow").exists()
    assert any((tmp_path / "kept").rglob("*.safetensors"))
