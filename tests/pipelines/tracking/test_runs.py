"""MLflow runs: closed with the status of their body, or as killed when their process is gone."""

import os
import socket
from pathlib import Path

import pytest

from pipelines.tracking.runs import NOTE_TAG, Tracking


def test_interrupted_runs_are_closed_as_killed_and_living_ones_are_left(tracking: Tracking) -> None:
    host = {"host": socket.gethostname()}
    dead = tracking.client.create_run(tracking.experiment_id, tags={**host, "pid": "4194305"})
    mine = {**host, "pid": str(os.getpid())}
    alive = tracking.client.create_run(tracking.experiment_id, tags=mine)
    reused = tracking.client.create_run(tracking.experiment_id, tags={**mine, "process_started": "1000.00"})
    elsewhere = tracking.client.create_run(tracking.experiment_id, tags={"host": "another", "pid": "4194305"})
    with tracking.run("this one", {}) as active:
        closed = {run.info.run_id for run in tracking.close_interrupted()}
        runs = (dead, reused, alive, elsewhere, active)
        status = [tracking.client.get_run(run.info.run_id).info.status for run in runs]
    assert closed == {dead.info.run_id, reused.info.run_id}
    assert status == ["KILLED", "KILLED", "RUNNING", "RUNNING", "RUNNING"]


def test_a_new_store_shows_no_empty_experiment_beside_ours(tracking: Tracking) -> None:
    found = {one.name: one.artifact_location for one in tracking.client.search_experiments()}
    assert "Default" not in found
    assert found["nights"].startswith("file:///")
    again = Tracking(tracking.client.tracking_uri, Path("elsewhere"), "nights", "gru4rec")
    assert again.experiment_id == tracking.experiment_id


def test_a_run_ends_with_the_status_of_its_body(tracking: Tracking) -> None:
    with tracking.run("fine", {}) as fine:
        pass
    with pytest.raises(ValueError, match="no"), tracking.run("fails", {NOTE_TAG: "what is to come"}) as failed:
        raise ValueError("no items")
    with pytest.raises(KeyboardInterrupt), tracking.run("stopped", {}) as stopped:
        raise KeyboardInterrupt
    found = [tracking.client.get_run(run.info.run_id).info.status for run in (fine, failed, stopped)]
    assert found == ["FINISHED", "FAILED", "KILLED"]
    assert tracking.client.get_run(failed.info.run_id).data.tags[NOTE_TAG] == "**Failed.** no items"
