"""A backfill of nights asked for in any order: one at a time, by date, with the tables of nights run in order."""

import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from pipelines.shell.home import make_home

ROOT = Path(__file__).resolve().parents[3]
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


def _ask(home: Path, variables: dict[str, str], nights: str, code: list[str]) -> None:
    """Ask for nights by Dagster's own command, in its home: the project's folder has an .env that overrules it."""
    ask = [str(Path(sys.executable).with_name("dagster")), "job", "backfill", "-j", "nightly", "--noprompt"]
    subprocess.run([*ask, "--partitions", nights, *code], cwd=home, env=variables, check=True)


@contextmanager
def _daemon(home: Path, variables: dict[str, str], code: list[str]) -> Iterator[None]:
    """Dagster's own daemon, which takes the runs from its queue."""
    command = [str(Path(sys.executable).with_name("dagster-daemon")), "run", *code]
    with (home / "daemon.log").open("w") as log:
        running = subprocess.Popen(command, cwd=home, env=variables, stdout=log, stderr=log)
    try:
        yield
    finally:
        running.send_signal(signal.SIGINT)
        running.wait(60)


@contextmanager
def _instance(home: Path) -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.from_config(str(home)) as instance:
        yield instance


def _wait(instance: dg.DagsterInstance) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and not all(run.is_finished for run in instance.get_runs()):
        time.sleep(2)


@pytest.fixture
def backfilled(
    copies: list[Path], environment: Callable[[Path, Path], dict[str, str]], tmp_path: Path
) -> list[dg.RunRecord]:
    """The finished runs of two backfills, in a home as the shell makes it."""
    home = make_home(tmp_path / "home")
    variables, code = environment(copies[1], home), ["-m", "pipelines.definitions"]
    for nights in ASKED:
        _ask(home, variables, nights, code)
    with _daemon(home, variables, code), _instance(home) as instance:
        _wait(instance)
        return sorted(instance.get_run_records(), key=lambda record: record.start_time or 0)


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


# A smaller shop of sixteen days, whose steps run in their own run's process: what is shown is the order of the runs.
TINY = """
[partitions]
first_day = "2026-01-01"
last_day = "2026-01-16"
[engine]
threads = 1
[sessions]
window_days = 5
min_item_support = 1
[model]
preset = "rsc15"
device = "cpu"
threads = 1
[model.overrides]
hidden_size = 8
epochs = 1
n_sample = 16
batch_size = 32
[evaluation]
baselines = ["popularity"]
bootstrap = 20
[gate]
min_events = 1
best_baseline_share = 0.0
[recommendations]
n = 5
[mlflow]
system_metrics = false
"""
IN_PROCESS = """
import dagster as dg
from pipelines import definitions

defs = dg.Definitions.merge(definitions.defs, dg.Definitions(executor=dg.in_process_executor))
"""
FORTNIGHT = [f"2026-01-{day:02}" for day in range(3, 17)]
IN_ORDER = "import sys; from pipelines.shell.night import night; sys.exit(not all(map(night, sys.argv[1:])))"


@pytest.mark.slow
def test_fourteen_nights_asked_for_in_any_order_give_the_tables_of_fourteen_in_order(
    environment: Callable[[Path, Path], dict[str, str]], fresh_mlflow: Callable[[Path], None], tmp_path: Path
) -> None:
    import pyarrow.parquet as pq

    from warehouse.layout import Layout
    from warehouse.sources.shop.generate import generate

    roots, homes = [tmp_path / "in-order", tmp_path / "backfill"], [tmp_path / "home-1", tmp_path / "home-2"]
    for root, home in zip(roots, homes, strict=True):
        root.mkdir()
        (root / "pipeline.toml").write_text(TINY)
        generate(root, 5000, seed=1, n_items=60, days=16)
        fresh_mlflow(root)
        make_home(home)
    variables = [environment(root, home) for root, home in zip(roots, homes, strict=True)]
    subprocess.run([sys.executable, "-c", IN_ORDER, *FORTNIGHT], cwd=ROOT, env=variables[0], check=True)

    (tmp_path / "nights.py").write_text(IN_PROCESS)
    shuffled = random.Random(14).sample(FORTNIGHT, 14)
    for asked in (shuffled[:5], shuffled[5:6], shuffled[6:]):
        _ask(homes[1], variables[1], ",".join(asked), ["-f", str(tmp_path / "nights.py")])
    with _daemon(homes[1], variables[1], ["-f", str(tmp_path / "nights.py")]), _instance(homes[1]) as instance:
        _wait(instance)
        runs = sorted(instance.get_run_records(), key=lambda record: record.start_time or 0)
    assert [record.dagster_run.status for record in runs] == [dg.DagsterRunStatus.SUCCESS] * 14
    assert [record.dagster_run.tags["dagster/partition"] for record in runs] == FORTNIGHT
    for night in FORTNIGHT:
        assert lists(roots[1], night) == lists(roots[0], night)
        for table in ("events", "rejected_events", "items", "sessions", "splits"):
            one, other = (pq.read_table(Layout(root).files(table, night)) for root in roots)
            assert one.equals(other), (table, night)
