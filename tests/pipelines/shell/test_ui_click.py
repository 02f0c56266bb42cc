"""A person's click: `python -m pipelines ui`, a browser, the button Materialize, and a partition that stands there.

Then a page with a picture, as the assets of evaluation have.
"""

import time
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import dagster as dg
import pyarrow.parquet as pq
import pytest

from pipelines.evaluation.figures import realised_curve
from pipelines.policy.pictures import show
from tests.pipelines.browser import Browser
from tests.pipelines.shell.loopback import started_ui
from warehouse.layout import Layout
from warehouse.sources.shop.generate import generate

LAST = "2026-01-03"
CURVE = [
    {"lists": lists, "run_date": date(2026, 1, 3), "recall": 0.2, "recall_low": 0.1, "recall_high": 0.3}
    for lists in ("published", "popular")
]
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
        pictures = show(Layout(tmp_path), LAST, {"realised_over_days": realised_curve(CURVE)})
        instance.report_runless_asset_event(dg.AssetMaterialization("realised", partition=LAST, metadata=pictures))
    assert pq.read_metadata(Layout(tmp_path).partition("events", LAST)).num_rows > 0
    browser.call("Page.navigate", url=f"{ui}/assets/events")
    browser.until("['Latest materialization', 'Row count', 'user_id'].every(s => document.body.innerText.includes(s))")
    browser.call("Page.navigate", url=f"{ui}/assets/realised")
    browser.until("[...document.images].some(one => one.src.includes('realised_over_days') && one.naturalWidth > 100)")
