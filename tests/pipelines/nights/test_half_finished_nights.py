"""Half-finished nights: the Dagster run is killed in each asset in turn, then `nightly` runs again.

The table must be the one of an unbroken night, row by row. Each run is a process of its own, killed with SIGKILL in the
middle of the asset's step.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from warehouse import recommendations as table
from warehouse.layout import Layout
from warehouse.sources.shop.generate import generate

NIGHT = "2026-01-03"
STEPS = (
    "ingest_events", "items", "sessions", "splits", "splits_splits_do_not_overlap", "gru4rec_model",
    "offline_evaluation", "champion_model", "recommendations", "similar_items", "realised", "night_report",
)  # fmt: skip
SETTINGS = """
[partitions]
first_day = "2026-01-01"
last_day = "2026-01-03"
[engine]
threads = 1
[sessions]
min_item_support = 2
[model]
preset = "rsc15"
device = "cpu"
threads = 1
[model.overrides]
hidden_size = 16
epochs = 1
n_sample = 32
[evaluation]
baselines = ["popularity"]
bootstrap = 20
[gate]
min_events = 1
best_baseline_share = 0.0
[recommendations]
n = 10
[mlflow]
system_metrics = false
"""
# Runs a job in this process; kills the process `delay` seconds after a step began, or at its end where that comes
# first; prints the seconds of each step.
RUN = """
import json, os, signal, sys, threading
import dagster as dg
from pipelines.definitions import defs

job, night, victim, delay = sys.argv[1:]
handle = dg.DagsterInstance.handle_new_event


def watch(self, entry, **options):
    event = entry.dagster_event
    if event and event.event_type_value == "STEP_SUCCESS" and event.step_key == victim:
        os.kill(os.getpid(), signal.SIGKILL)
    handle(self, entry, **options)
    if event and event.event_type_value == "STEP_START" and event.step_key == victim:
        threading.Timer(float(delay), os.kill, (os.getpid(), signal.SIGKILL)).start()


dg.DagsterInstance.handle_new_event = watch
result = defs.resolve_job_def(job).execute_in_process(partition_key=night, raise_on_error=False)
seconds = {
    event.step_key: event.step_success_data.duration_ms / 1000
    for event in result.all_events if event.event_type_value == "STEP_SUCCESS"
}
print(json.dumps({"success": result.success, "seconds": seconds}))
"""


def run(root: Path, job: str, night: str, victim: str = "-", delay: float = 0.0) -> subprocess.CompletedProcess:
    environment = {**os.environ, "GRU4REC_DATA": str(root), "OMP_NUM_THREADS": "1", "DAGSTER_HOME": ""}
    for name in ("GRU4REC_CONFIG", "MLFLOW_TRACKING_URI", "DAGSTER_HOME"):
        environment.pop(name, None)
    command = [sys.executable, "-c", RUN, job, night, victim, str(delay)]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=600)


def whole(done: subprocess.CompletedProcess) -> dict[str, float]:
    """The seconds of each step of a run that must have succeeded."""
    assert done.returncode == 0, done.stderr[-3000:]
    answer = json.loads(done.stdout.splitlines()[-1])
    assert answer["success"], done.stderr[-3000:]
    return answer["seconds"]


def shop(root: Path) -> Path:
    """Raw events of a small shop, and events of the days before the night."""
    root.mkdir()
    generate(root, 3000, seed=1, n_items=60, days=3)
    (root / "pipeline.toml").write_text(SETTINGS, encoding="utf-8")
    for day in range(1, 3):
        whole(run(root, "backfill_events", f"2026-01-0{day}"))
    return root


def rows(root: Path) -> dict:
    kept = ["user_id", "rank", "item_id", "score", "probability", "model", "context_length"]
    return table.latest(Layout(root)).to_arrow(kept).to_pydict()


@pytest.mark.slow
def test_nights_killed_in_each_asset_in_turn_end_in_the_unbroken_night(tmp_path: Path) -> None:
    """What the killed runs leave adds up: half a file here, an open MLflow run or a registered version there."""
    root = shop(tmp_path / "shop")
    unbroken = shutil.copytree(root, tmp_path / "unbroken")
    seconds = whole(run(unbroken, "nightly", NIGHT))
    assert set(seconds) == set(STEPS)
    published = STEPS.index("recommendations")
    for number, step in enumerate(STEPS):
        killed = run(root, "nightly", NIGHT, step, 0.3 * seconds[step])
        assert killed.returncode == -signal.SIGKILL, f"the kill in {step} missed: {killed.stderr[-3000:]}"
        assert number >= published or not (root / "recommendations" / f"run_date={NIGHT}").exists()
    whole(run(root, "nightly", NIGHT))
    assert rows(root) == rows(unbroken)
    assert not list((root / "recommendations_staging").glob("*")), "no litter beside the table"
    left = [file for folder in ("events", "items", "sessions", "splits") for file in (root / folder).glob(".*.tmp")]
    assert not left
