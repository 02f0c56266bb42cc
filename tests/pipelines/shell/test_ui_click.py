"""A person's click: `python -m pipelines ui`, a browser, the button Materialize, and a partition that stands there."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import pyarrow.parquet as pq
import pytest

from pipelines.shell.ui import make_records
from tests.pipelines.browser import Browser
from tests.pipelines.shell.loopback import PROJECT, started_ui
from warehouse.layout import Layout
from warehouse.sources.shop.generate import generate

LAST = "2026-01-03"
SETTINGS = f'[partitions]\nfirst_day = "2026-01-01"\nlast_day = "{LAST}"\n'


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Browser]:
    found = Browser(tmp_path)
    yield found
    found.close()


@pytest.fixture
def ui(browser: Browser, environment: Callable[[Path, Path], dict[str, str]], tmp_path: Path) -> Iterator[str]:
    """The UIs over three raw days; the Dagster UI's address, once all links are printed."""
    (tmp_path / "pipeline.toml").write_text(SETTINGS)
    generate(tmp_path, 1_000, n_items=100, days=3)
    with started_ui(tmp_path, environment) as address:
        yield address


@pytest.mark.slow
def test_materialize_by_click(browser: Browser, ui: str, tmp_path: Path) -> None:
    browser.call("Page.navigate", url=f"{ui}/assets/events")
    for button in ("Materialize", "Latest", "Launch 1 run"):
        browser.click(button)
    with dg.DagsterInstance.from_config(str(tmp_path / "home")) as instance:
        deadline = time.monotonic() + 300
        while not any(run.is_finished for run in instance.get_runs()):
            assert time.monotonic() < deadline, browser.do("document.body.innerText")
            time.sleep(0.5)
        [run] = instance.get_runs()
        assert run.status == dg.DagsterRunStatus.SUCCESS
        there = set(instance.get_materialized_partitions(dg.AssetKey("events")))
        assert there == {"2026-01-01", "2026-01-02", LAST}, "days that were delivered and never read are read first"
    assert pq.read_metadata(Layout(tmp_path).partition("events", LAST)).num_rows > 0
    browser.call("Page.navigate", url=f"{ui}/assets/events")
    browser.until("['Latest materialization', 'Row count', 'user_id'].every(s => document.body.innerText.includes(s))")


@pytest.mark.slow
def test_dagsters_databases_are_made_before_its_servers_start(tmp_path: Path) -> None:
    """Of two servers that made them at once one ended: "table alembic_version already exists"."""
    (tmp_path / "dagster.yaml").write_text((PROJECT / ".dagster" / "dagster.yaml").read_text())
    make_records(tmp_path)
    made = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.db")}
    assert {path.name for path in made} == {"runs.db", "index.db", "schedules.db"}
    make_records(tmp_path)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.db")} == made
    next(iter(made)).write_bytes(b"no database")
    make_records(tmp_path)  # the servers say what is wrong
