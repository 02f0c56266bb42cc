"""A backfill of nights asked for in any order: one at a time, by date, with the tables of nights run in order."""

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from pipelines.shell.home import make_home

ASKED = ["2026-01-08", "2026-01-06,2026-01-07"]  # two backfills: one of them is put into order by Dagster's command
NIGHTS = ["2026-01-06", "2026-01-07", "2026-01-08"]
PATIENCE = 1500.0  # seconds for all nights; each of their steps is a process of its own


@pytest.fixture
def copies(house: Any, tmp_path: Path, fresh_mlflow: Callable[[Path], None]) -> list[Path]:
    """Two data folders with the same raw files and settings, and nothing read."""
    roots = [tmp_path / "in-order", tmp_path / "backfill"]
    for root in roots:
        shutil.copytree(house.root / "raw", root / "raw")
        shutil.copy(house.root / "pipeline.toml", root)
        fresh_mlflow(root)
    return roots


def lists(root: Path, night: str) -> dict[str, list[Any]]:
    from warehouse import recommendations
    from warehouse.layout import Layout

    columns = ["user_id", "rank", "item_id", "score", "model", "model_version"]
    return recommendations.night(Layout(root), date.fromisoformat(night)).to_arrow(columns).to_pydict()


@pytest.fixture
def backfilled(
    copies: list[Path], environment: Callable[[Path, Path], dict[str, str]], tmp_path: Path
) -> Iterator[list[dg.RunRecord]]:
    """The finished runs of a backfill by Dagster's own command and daemon, in a home as the shell makes it."""
    home = make_home(tmp_path / "home")
    variables = environment(copies[1], home)
    tools = Path(sys.executable).parent
    elsewhere = tmp_path / "home"  # the project's own folder has an .env that would overrule DAGSTER_HOME
    for nights in ASKED:
        ask = [str(tools / "dagster"), "job", "backfill", "-j", "nightly", "--noprompt", "--partitions", nights]
        subprocess.run([*ask, "-m", "pipelines.definitions"], cwd=elsewhere, env=variables, check=True)
    daemon = [str(tools / "dagster-daemon"), "run", "-m", "pipelines.definitions"]
    with (tmp_path / "daemon.log").open("w") as log:
        running = subprocess.Popen(daemon, cwd=elsewhere, env=variables, stdout=log, stderr=log)
    try:
        with dg.DagsterInstance.from_config(str(home)) as instance:
            deadline = time.monotonic() + PATIENCE
            while time.monotonic() < deadline and not all(run.is_finished for run in instance.get_runs()):
                time.sleep(2)
            yield sorted(instance.get_run_records(), key=lambda record: record.start_time or 0)
    finally:
        running.send_signal(signal.SIGINT)
        running.wait(60)


@pytest.mark.slow
def test_a_backfill_in_any_order_gives_the_tables_of_nights_in_order(
    house: Any, copies: list[Path], backfilled: list[dg.RunRecord]
) -> None:
    assert [record.dagster_run.status for record in backfilled] == [dg.DagsterRunStatus.SUCCESS] * len(NIGHTS)
    assert [record.dagster_run.tags["dagster/partition"] for record in backfilled] == NIGHTS
    for earlier, later in pairwise(backfilled):
        assert earlier.end_time <= later.start_time
    with dg.DagsterInstance.ephemeral() as instance:
        in_order = type(house)(copies[0], instance)
        for night in NIGHTS:
            assert in_order.run("nightly", night).success
    for night in NIGHTS:
        assert lists(copies[1], night) == lists(copies[0], night)
