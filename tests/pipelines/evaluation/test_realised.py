"""The asset `realised` on a shop whose lists are written down: what it shows, when it skips, when its check warns."""

import shutil
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.evaluation.realised import CHECK, realised
from pipelines.policy.resources import resources
from pipelines.settings.read import load
from warehouse import recommendations as table
from warehouse.layout import Layout

LIMITS = table.AuditLimits(min_overlap=None, max_fallback_share=None, max_user_drop=None, max_score_shift=None)
N = 20
FIRST = date(2026, 1, 1)


def publish(layout: Layout, night: date, offset: int) -> None:
    """Lists of user u: the items u + offset, u + offset + 1, ..., of 100."""
    rows = [
        {"user_id": user, "rank": rank, "item_id": (user + offset + rank - 1) % 100, "score": 1.0 - rank / 100}
        for user in range(50)
        for rank in range(1, N + 1)
    ]
    lists = pa.Table.from_pylist(rows)
    lists = lists.append_column("probability", pa.array([0.01] * len(rows), pa.float32()))
    lists = lists.append_column("model", pa.array(["GRU4Rec"] * len(rows)))
    lists = lists.append_column("context_length", pa.array([3] * len(rows), pa.int16()))
    lists = lists.set_column(1, "rank", lists["rank"].cast(pa.int16())).set_column(
        3, "score", lists["score"].cast(pa.float32())
    )
    expected = table.Expected(n=N, users=50)
    table.publish(layout, night, lists.to_batches(), table.NightFacts(1, "run"), expected, LIMITS)


def deliver(layout: Layout, day: date) -> None:
    """Every user u meets item u."""
    moment = pa.scalar(day).cast(pa.timestamp("us", tz="UTC"))
    events = pa.table({"user_id": range(50), "item_id": range(50), "timestamp": [moment.as_py()] * 50})
    path = layout.partition("events", day)
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(events.set_column(2, "timestamp", events["timestamp"].cast(pa.timestamp("us", tz="UTC"))), path)


def page(result: Any) -> dict[str, Any]:
    [event] = result.asset_materializations_for_node("realised")
    return {name: value.value for name, value in event.metadata.items()}


@pytest.fixture
def root(house: Any, tmp_path: Path, fresh_mlflow: Callable[[Path], None]) -> Path:
    """A data folder with this suite's settings, lists of seven nights and events of eight days."""
    fresh_mlflow(tmp_path)
    shutil.copy(house.root / "pipeline.toml", tmp_path)
    layout = Layout(tmp_path)
    for number in range(8):
        deliver(layout, FIRST + timedelta(days=number))
        if number < 7:
            publish(layout, FIRST + timedelta(days=number), offset=0 if number < 6 else 50)
    return tmp_path


@pytest.fixture
def run(root: Path, instance: dg.DagsterInstance) -> Callable[[date], Any]:
    """Materialises `realised` of a day, as the UI does."""

    def materialise(day: date) -> Any:
        return dg.materialize(
            [dg.SourceAsset("events"), realised],
            partition_key=day.isoformat(),
            resources=resources(load({"GRU4REC_DATA": str(root)})),
            raise_on_error=False,
            instance=instance,
        )

    return materialise


def test_the_first_night_passes_and_says_why_nothing_was_scored(root: Path, run: Callable[[date], Any]) -> None:
    result = run(FIRST)
    assert result.success
    assert page(result)["skipped"].startswith(f"no lists were published before {FIRST}")
    [check] = result.get_asset_check_evaluations()
    assert check.passed
    assert not Layout(root).partition("realised", FIRST).exists()


def test_a_page_shows_the_figures_and_a_curve_and_a_spoiled_night_warns(root: Path, run: Callable[[date], Any]) -> None:
    for number in range(1, 7):
        result = run(FIRST + timedelta(days=number))
        [check] = result.get_asset_check_evaluations()
        assert check.passed, check.description
    shown = page(result)
    assert shown["recall@20"] == 1
    assert shown["list_date"] == "2026-01-06"
    assert shown["lists"].startswith("| lists | k | hit | recall |")
    assert shown["lists"].count("\n") == 9
    assert len(shown["lists"]) < 1000  # above that Dagster hides it behind a click
    day = FIRST + timedelta(days=6)
    assert f"(/pictures/{day}/realised_over_days.png?sum=" in shown["realised_over_days"]
    assert (root / "pictures" / str(day) / "realised_over_days.png").read_bytes().startswith(b"\x89PNG")
    assert "| popular items | " in shown["curve"]
    assert len(shown["curve"]) < 1000, "Dagster hides longer Markdown behind a click"
    spoiled = run(FIRST + timedelta(days=7))  # lists of other items
    [check] = spoiled.get_asset_check_evaluations()
    assert spoiled.success
    assert not check.passed
    assert check.severity == dg.AssetCheckSeverity.WARN
    assert check.check_name == CHECK
    assert "below 1.0000, the edge of the last 6 scored days" in check.description


def test_the_run_of_the_model_that_served_has_a_point_a_day(root: Path, run: Callable[[date], Any]) -> None:
    tracking = resources(load({"GRU4REC_DATA": str(root)}))["mlflow"].open()
    run_id = tracking.client.create_run(tracking.experiment_id).info.run_id
    tracking.client.create_registered_model(tracking.model)
    tracking.client.create_model_version(tracking.model, (root / "none").as_uri(), run_id)
    for number in (1, 2):
        assert run(FIRST + timedelta(days=number)).success
    points = tracking.client.get_metric_history(run_id, "realised/recall_at_20")
    assert [(point.step, point.value) for point in points] == [(20260102, 1.0), (20260103, 1.0)]
    assert points[0].timestamp == datetime(2026, 1, 2, tzinfo=UTC).timestamp() * 1000
    metrics = tracking.client.get_run(run_id).data.metrics
    assert metrics["realised/popular/recall_at_20"] == pytest.approx(20 / 50)  # 50 items, met once each
    assert metrics["realised/recall_at_20_low"] == 1.0
    assert metrics["realised/mrr_at_5"] == 1.0


def test_a_version_that_the_registry_lacks_is_no_failure(root: Path, run: Callable[[date], Any]) -> None:
    assert run(FIRST + timedelta(days=1)).success


def test_a_day_whose_events_are_missing_is_one_sentence(root: Path, run: Callable[[date], Any], sentence: Any) -> None:
    Layout(root).partition("events", "2026-01-04").unlink()
    result = run(date(2026, 1, 4))
    assert not result.success
    assert "materialise events for 2026-01-04 first" in sentence(result)


def test_a_cut_store_of_mlflow_is_one_sentence(root: Path, run: Callable[[date], Any], sentence: Any) -> None:
    store = root / "mlflow" / "mlflow.db"
    store.write_bytes(store.read_bytes()[:50_000])
    result = run(FIRST + timedelta(days=1))
    assert not result.success
    assert "put a copy of it back" in sentence(result)
