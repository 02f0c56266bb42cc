"""What people deliver wrongly ends with one clear sentence on the step, before anything is written."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

DAY = "2026-01-02"
WHEN = datetime(2026, 1, 2, 12, tzinfo=UTC)
NEVER = {"timestamp": pa.array([], pa.timestamp("us", "UTC"))}
GOOD = {"user_id": [1, 1], "item_id": [10, 11], "timestamp": [WHEN, WHEN]}


@pytest.fixture
def empty(house: Any, tmp_path: Path, fresh_mlflow: Callable[[Path], None]) -> Iterator[Any]:
    """A data folder with settings and nothing else, and a Dagster memory of its own."""
    (tmp_path / "pipeline.toml").write_text((house.root / "pipeline.toml").read_text())
    fresh_mlflow(tmp_path)
    with dg.DagsterInstance.ephemeral() as instance:
        yield type(house)(tmp_path, instance)


def deliver(root: Path, table: dict[str, Any]) -> Path:
    file = root / "raw" / "events" / DAY / "part-0.parquet"
    file.parent.mkdir(parents=True)
    pq.write_table(pa.table(table), file)
    return file


def no_folder(root: Path) -> list[str]:
    return [str(root / "raw" / "events" / DAY)]


def empty_day(root: Path) -> list[str]:
    deliver(root, {"user_id": pa.array([], pa.int64()), "item_id": pa.array([], pa.int64()), **NEVER})
    return [DAY, "no rows"]


def no_column(root: Path) -> list[str]:
    return [str(deliver(root, {name: GOOD[name] for name in ("user_id", "timestamp")})), "item_id"]


def wrong_type(root: Path) -> list[str]:
    return [str(deliver(root, {**GOOD, "timestamp": [True, False]})), "timestamp"]


def not_parquet(root: Path) -> list[str]:
    file = deliver(root, GOOD)
    file.write_text("user_id,item_id\n")
    return [str(file)]


@pytest.mark.parametrize("spoil", [no_folder, empty_day, no_column, wrong_type, not_parquet])
def test_bad_raw_data_is_one_sentence_and_nothing_is_written(
    empty: Any, sentence: Callable[[Any], str], spoil: Callable[[Path], list[str]]
) -> None:
    named = spoil(empty.root)
    result = empty.run("nightly", DAY, select=[dg.AssetKey("events"), dg.AssetKey("rejected_events")])
    assert not result.success
    said = sentence(result)
    assert "\n" not in said
    for part in named:
        assert part in said
    assert not list(empty.root.glob("events/*"))
    assert not list(empty.root.glob("rejected_events/*"))


def test_too_many_rejected_rows_stop_the_night_and_stay_to_be_looked_at(empty: Any) -> None:
    deliver(empty.root, {**GOOD, "user_id": [None, 1]})
    result = empty.run("nightly", DAY)
    assert not result.success
    [check] = [check for check in result.get_asset_check_evaluations() if check.check_name == "rejected_share"]
    assert (check.passed, check.partition) == (False, DAY)
    assert "1 of 2 raw rows" in check.description
    assert pq.read_metadata(empty.layout.partition("rejected_events", DAY)).num_rows == 1
    assert not list(empty.root.glob("events/*"))
    assert not list(empty.root.glob("sessions/*"))


def test_a_bad_delivery_of_a_day_leaves_its_good_events(empty: Any, sentence: Callable[[Any], str]) -> None:
    select = [dg.AssetKey("events"), dg.AssetKey("rejected_events")]
    file = deliver(empty.root, GOOD)
    assert empty.run("nightly", DAY, select=select).success
    good = empty.layout.partition("events", DAY).read_bytes()
    pq.write_table(pa.table({**GOOD, "timestamp": ["soon", "later"]}), file)
    result = empty.run("nightly", DAY, select=select)
    assert not result.success
    assert "2 of 2 raw rows of 2026-01-02 were rejected" in sentence(result)
    assert "timestamp is unreadable: 2" in sentence(result)
    assert empty.layout.partition("events", DAY).read_bytes() == good


def test_rows_of_the_catalogue_that_are_left_out_are_told(empty: Any) -> None:
    """They stood in the metadata of the asset alone, which no shell shows."""
    file = empty.root / "raw" / "items" / "items.parquet"
    file.parent.mkdir(parents=True)
    for ids, told in ([1, None, None], 1), ([1, 2, 3], 0):
        pq.write_table(pa.table({"item_id": pa.array(ids, pa.int64())}), file)
        result = empty.run("nightly", DAY, select=[dg.AssetKey("items")])
        lines = [entry.user_message for entry in empty.instance.all_logs(result.run_id)]
        assert lines.count(f"2 rows of the raw items of {DAY} name no item and are left out") == told


@pytest.mark.parametrize("asset", ["sessions", "splits", "gru4rec_model", "offline_evaluation", "recommendations"])
def test_an_asset_before_its_turn_says_what_is_missing(
    empty: Any, sentence: Callable[[Any], str], asset: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pipelines.policy.resources import MLflow

    def refuse(self: MLflow) -> None:
        raise AssertionError("MLflow was opened before the data was looked at")

    if asset != "recommendations":
        monkeypatch.setattr(MLflow, "open", refuse)
    said = sentence(empty.run("nightly", DAY, select=[dg.AssetKey(asset)]))
    assert DAY in said or "no champion" in said


def test_a_wrong_setting_in_the_launchpad_is_a_sentence(empty: Any, sentence: Callable[[Any], str]) -> None:
    deliver(empty.root, GOOD)
    config = {"ops": {"ingest_events": {"config": {"timestamp_unit": "minutes"}}}}
    select = [dg.AssetKey("events"), dg.AssetKey("rejected_events")]
    assert "timestamp_unit is 'minutes'" in sentence(empty.run("nightly", DAY, config, select=select))
