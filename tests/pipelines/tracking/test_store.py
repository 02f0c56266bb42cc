"""MLflow's sqlite file: waited for, told from others, in one sentence; a folder that was moved keeps its models."""

import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.tracking import registry, store
from pipelines.tracking.runs import Tracking

LOCK = """
import sqlite3, sys, time
database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.execute("BEGIN EXCLUSIVE")
print("locked", flush=True)
time.sleep(float(sys.argv[2]))
database.execute("ROLLBACK")
"""


def opened(root: Path) -> Tracking:
    return Tracking(f"sqlite:///{root}/mlflow/mlflow.db", root / "mlflow" / "artifacts", "nights", "gru4rec")


def locked(root: Path, seconds: float) -> subprocess.Popen:
    """A process that has the store locked now, and lets go after some seconds."""
    command = [sys.executable, "-c", LOCK, str(root / "mlflow" / "mlflow.db"), str(seconds)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "locked\n"
    return process


@pytest.fixture
def root(tmp_path: Path, fresh_mlflow: Callable[[Path], None]) -> Path:
    fresh_mlflow(tmp_path)
    return tmp_path


@pytest.mark.slow
def test_a_store_locked_for_eight_seconds_is_waited_for(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    holder = locked(root, 8)
    tracking = opened(root)
    assert holder.wait(timeout=30) == 0
    assert "is locked by another program: waiting" in caplog.text
    again = locked(root, 8)
    run = tracking.client.create_run(tracking.experiment_id)
    assert again.wait(timeout=30) == 0
    assert tracking.client.get_run(run.info.run_id).info.status == "RUNNING"


def test_a_store_that_stays_locked_is_a_sentence(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "PATIENCE", 2.0)
    holder = locked(root, 60)
    with pytest.raises(store.StoreUnusable, match="has been locked by another program for 2 s: end that program"):
        opened(root)
    holder.kill()
    holder.wait()


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def zeros(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[:8192] + bytes(len(data) - 8192))


def text(path: Path) -> None:
    path.write_text("this is a letter to somebody else, not a database\n" * 100)


def foreign(path: Path) -> None:
    path.unlink()
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE bills (sum INTEGER)")


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def file_above(path: Path) -> None:
    shutil.rmtree(path.parent)
    path.parent.write_text("a file")


@pytest.mark.parametrize("spoil", [cut, zeros, text, foreign, folder, file_above])
def test_what_is_no_store_is_a_sentence_at_once(root: Path, spoil: Callable[[Path], None]) -> None:
    path = root / "mlflow" / "mlflow.db"
    spoil(path)
    begun = time.monotonic()
    with pytest.raises(store.StoreUnusable, match=r"mlflow.*(put a copy of it back|clear its place)") as caught:
        opened(root)
    assert len(str(caught.value)) < 500
    assert time.monotonic() - begun < 20, "MLflow alone tries for a hundred seconds"


def test_on_a_full_disk_a_store_that_cannot_be_used_is_not_said_to_be_spoiled(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text(root / "mlflow" / "mlflow.db")
    monkeypatch.setattr(store, "LEAST", 2**62)  # no disk has so much free
    with pytest.raises(store.StoreUnusable, match=r"^the disk is full: free some space .*mlflow.db is as it was \("):
        opened(root)


def test_a_folder_that_was_moved_keeps_its_models(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    os.rename(root / "mlflow" / "mlflow.db", root / "mlflow.db")  # without the artifacts of another place
    shutil.rmtree(root / "mlflow")
    tracking = opened(root)
    with tracking.run("night", {}) as active:
        import mlflow

        (root / "weights.txt").write_text("weights")
        mlflow.log_artifact(str(root / "weights.txt"), "evaluated")
    tracking.client.create_registered_model("gru4rec")
    tracking.client.create_model_version("gru4rec", f"{active.info.artifact_uri}/evaluated", active.info.run_id)
    moved = tmp_path_factory.mktemp("moved to") / "a place"
    shutil.copytree(root, moved)
    shutil.rmtree(root / "mlflow")
    there = opened(moved)
    version = there.client.get_model_version("gru4rec", "1")
    copy = registry.evaluated_checkpoint(there, version, moved)
    assert (copy / "weights.txt").read_text() == "weights"
    assert (moved / "mlflow" / "artifacts").as_uri() in version.source
    with there.run("the next night", {}) as active:
        assert active.info.artifact_uri.startswith((moved / "mlflow" / "artifacts").as_uri())
    assert opened(moved).experiment_id == tracking.experiment_id


def test_another_name_of_the_same_folder_is_no_move(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    os.rename(root / "mlflow" / "mlflow.db", root / "mlflow.db")
    opened(root)
    link = tmp_path_factory.mktemp("linked") / "data"
    link.symlink_to(root)
    assert not store.follow(link / "mlflow" / "mlflow.db", link / "mlflow" / "artifacts")


def test_files_of_a_version_that_are_gone_are_a_sentence(tracking: Tracking) -> None:
    version = tracking.client.get_model_version("gru4rec", "1")
    with pytest.raises(registry.ModelUnreadable, match="the files of gru4rec version 1 cannot be read"):
        registry.evaluated_checkpoint(tracking, version, Path(tracking.client.tracking_uri[10:].split("?")[0]).parent)
