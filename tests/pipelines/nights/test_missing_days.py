"""A night knows the days of its window: delivered ones are read first, missing ones are named or stop it, by a knob."""

import shutil
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

NIGHT = "2026-01-08"
DATA = [dg.AssetKey(name) for name in ("events", "rejected_events", "sessions", "splits")]


@pytest.fixture
def shop(house: Any, tmp_path: Path) -> Iterator[Any]:
    """The tests' shop, with the events of all days but the last two read, and a Dagster memory of its own."""
    for folder in ("raw", "deliveries", "events", "rejected_events"):
        shutil.copytree(house.root / folder, tmp_path / folder)
    for table in ("events", "rejected_events"):
        for day in ("2026-01-07", "2026-01-08"):
            (tmp_path / table / f"{day}.parquet").unlink()
    shutil.copy(house.root / "pipeline.toml", tmp_path)
    with dg.DagsterInstance.ephemeral() as instance:
        yield type(house)(tmp_path, instance)


def check(result: Any, name: str) -> Any:
    [found] = [check for check in result.get_asset_check_evaluations() if check.check_name == name]
    return found


def page(shop: Any, asset: str, day: str) -> dict[str, Any]:
    records = dg.AssetRecordsFilter(asset_key=dg.AssetKey(asset), asset_partitions=[day])
    [newest] = shop.instance.fetch_materializations(records, limit=1).records
    return {name: value.value for name, value in newest.asset_materialization.metadata.items()}


def delivered(shop: Any, day: str) -> Path:
    [file] = shop.layout.raw_events(day).glob("*.parquet")
    return file


def rows(file: Path) -> list[dict[str, Any]]:
    return pq.read_table(file).to_pylist()


def test_one_night_heals_days_that_nobody_ran(house: Any, shop: Any) -> None:
    """Days 7 and 8 were delivered, day 3's events file was deleted, and more of day 5 arrived since it was read."""
    shop.layout.partition("events", "2026-01-03").unlink()
    late = pq.read_table(delivered(shop, "2026-01-05")).slice(0, 3)
    pq.write_table(
        late.set_column(late.column_names.index("user_id"), "user_id", pa.array([9001] * 3)),
        shop.layout.raw_events("2026-01-05") / "late.parquet",
    )
    untouched = shop.layout.partition("events", "2026-01-04").stat().st_mtime_ns
    before = pq.read_metadata(shop.layout.partition("events", "2026-01-05")).num_rows
    result = shop.run("nightly", NIGHT, select=DATA)
    assert result.success
    assert [day.isoformat() for day in shop.layout.days("events")] == [f"2026-01-0{day}" for day in range(1, 9)]
    for day in ("2026-01-03", "2026-01-07"):
        assert rows(shop.layout.partition("events", day)) == rows(house.layout.partition("events", day))
    assert pq.read_metadata(shop.layout.partition("events", "2026-01-05")).num_rows == before + 3
    assert shop.layout.partition("events", "2026-01-04").stat().st_mtime_ns == untouched
    for table in ("events", "rejected_events"):
        read = shop.instance.get_materialized_partitions(dg.AssetKey(table))
        assert read == {"2026-01-03", "2026-01-05", "2026-01-07", NIGHT}
    assert page(shop, "events", "2026-01-05")["dagster/row_count"] == before + 3
    assert check(result, "window_is_whole").passed
    assert check(result, "every_part_has_sessions").passed
    shown = page(shop, "sessions", NIGHT)
    assert (shown["days"], shown["days_read"], shown["days_missing"]) == (8, 8, "none")


WEEK = [f"2026-01-0{day}" for day in range(2, 9)]


@pytest.mark.parametrize(
    "select", [pytest.param(DATA, id="data"), pytest.param(None, id="whole", marks=pytest.mark.slow)]
)
def test_a_week_of_downtime_is_healed_by_one_night(
    house: Any, tmp_path: Path, fresh_mlflow: Callable[[Path], None], select: list[dg.AssetKey] | None
) -> None:
    """Nothing ran for seven days; the last day's night gives the tables that it gives where every day was read."""
    found = []
    for name, unread in (("every day", []), ("downtime", WEEK)):
        root = tmp_path / name
        for folder in ("raw", "deliveries", "events", "rejected_events"):
            shutil.copytree(house.root / folder, root / folder)
        for day in unread:
            (root / "deliveries" / f"{day}.json").unlink()
            for table in ("events", "rejected_events"):
                (root / table / f"{day}.parquet").unlink()
        shutil.copy(house.root / "pipeline.toml", root)
        fresh_mlflow(root)
        with dg.DagsterInstance.ephemeral() as instance:
            shop = type(house)(root, instance)
            assert shop.run("nightly", NIGHT, select=select).success
            read = shop.instance.get_materialized_partitions(dg.AssetKey("events"))
            assert read == {NIGHT, *unread}
        tables = {day: rows(shop.layout.partition("events", day)) for day in ["2026-01-01", *WEEK]}
        tables |= {name: rows(shop.layout.partition(name, NIGHT)) for name in ("sessions", "splits")}
        if select is None:
            from warehouse import recommendations

            columns = ["user_id", "rank", "item_id", "score", "model"]
            tables["lists"] = (
                recommendations.night(shop.layout, date.fromisoformat(NIGHT)).to_arrow(columns).to_pylist()
            )
        found.append(tables)
    assert all(found[0].values())
    assert found[0] == found[1]


def test_days_that_were_not_delivered_are_named_or_stop_the_night(
    shop: Any, sentence: Callable[[Any], str], capsys: pytest.CaptureFixture[str]
) -> None:
    for day in ("2026-01-04", "2026-01-07"):
        shutil.rmtree(shop.layout.raw_events(day))
        shop.layout.partition("events", day).unlink(missing_ok=True)
    result = shop.run("nightly", NIGHT, select=DATA)
    assert result.success
    said = "2026-01-04, 2026-01-07 of the window were not delivered"
    whole = check(result, "window_is_whole")
    assert not whole.passed
    assert whole.severity == dg.AssetCheckSeverity.WARN
    assert whole.description == said
    assert page(shop, "sessions", NIGHT)["days_missing"] == "2026-01-04, 2026-01-07"
    empty = check(result, "every_part_has_sessions")
    assert not empty.passed
    assert "no session of validation (2026-01-07)" in empty.description
    told = capsys.readouterr().err
    assert said in told
    assert "no session of validation (2026-01-07)" in told
    sessions = shop.layout.partition("sessions", NIGHT).read_bytes()
    config = {"ops": {"sessions": {"config": {"missing_days": "fail"}}}}
    refused = shop.run("nightly", NIGHT, config, select=DATA)
    assert not refused.success
    assert sentence(refused) == f"{said}: deliver them and read them, or set missing_days to 'warn'"
    assert shop.layout.partition("sessions", NIGHT).read_bytes() == sessions


def test_a_day_that_was_delivered_badly_is_named_and_its_good_events_are_used(
    shop: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    file = delivered(shop, "2026-01-05")
    table = pq.read_table(file)
    texts = pa.array(["soon"] * table.num_rows)
    pq.write_table(table.set_column(table.column_names.index("timestamp"), "timestamp", texts), file)
    good = shop.layout.partition("events", "2026-01-05").read_bytes()
    result = shop.run("nightly", NIGHT, select=DATA)
    assert result.success
    assert shop.layout.partition("events", "2026-01-05").read_bytes() == good
    assert check(result, "window_is_whole").description == (
        "2026-01-05 was delivered again, and the events read before are used"
    )
    assert "2026-01-05 is due and cannot be read" in (told := capsys.readouterr().err)
    assert f"timestamp is unreadable: {table.num_rows:,}" in told


def test_days_that_were_read_by_other_settings_are_named_and_used(
    shop: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """The settings of the events changed: days that were read before are not read again by themselves, nor unsaid."""
    config = {"ops": {"ingest_events": {"config": {"floor": "1999-01-01", "max_rejected_share": 0.5}}}}
    result = shop.run("nightly", NIGHT, config, select=DATA)
    assert result.success
    said = "2026-01-01 to 2026-01-06 were read with other settings than the newest day (floor)"
    assert check(result, "window_is_whole").description == said
    assert page(shop, "sessions", NIGHT)["days_otherwise"] == "2026-01-01 to 2026-01-06"
    assert said in capsys.readouterr().err


def test_a_stray_file_of_an_earlier_day_is_named_and_that_of_the_night_stops_it(
    shop: Any, sentence: Callable[[Any], str], capsys: pytest.CaptureFixture[str]
) -> None:
    stray = shop.layout.raw_events("2026-01-05") / "Thumbs.db"
    stray.touch()
    result = shop.run("nightly", NIGHT, select=DATA)
    assert result.success
    assert check(result, "window_is_whole").description == (
        "2026-01-05 was delivered again, and the events read before are used"
    )
    refused = "is no parquet file by its name and would not be read"
    assert f"2026-01-05 is due and cannot be read: {stray} {refused}" in capsys.readouterr().err
    own = shop.layout.raw_events(NIGHT) / "Thumbs.db"
    own.touch()
    failed = shop.run("nightly", NIGHT, select=DATA)
    assert not failed.success
    assert f"{own} {refused}" in sentence(failed)


def test_what_lies_among_the_raw_days_and_is_none_is_named_by_the_night(
    shop: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    raw = shop.layout.raw / "events"
    (raw / "2026-01-05").rename(raw / "2026-1-05")
    (raw / ".DS_Store").touch()
    selected = [dg.AssetKey("events"), dg.AssetKey("rejected_events")]
    assert shop.run("nightly", NIGHT, select=selected).success
    why = "a day's folder is called YYYY-MM-DD"
    assert capsys.readouterr().err.count(f"not read in {raw}: 2026-1-05; {why}") == 1
    for number in range(9):
        (raw / f"stray-{number}.parquet").touch()
    assert shop.run("nightly", NIGHT, select=selected).success
    assert f"stray-6.parquet and 2 more; {why}" in capsys.readouterr().err


def due(shop: Any, night: str = NIGHT, **config: Any) -> list[str]:
    """The days that the night reads first."""
    from pipelines.data.due_days import due_days
    from warehouse.config import EventsConfig

    return [day.isoformat() for day in due_days(shop.layout, date.fromisoformat(night), EventsConfig(**config))]


def damage(shop: Any) -> None:
    shop.layout.partition("events", "2026-01-04").write_bytes(b"PAR1")


def forget(shop: Any) -> None:
    shop.layout.delivery("2026-01-04").unlink()


def deliver_less(shop: Any) -> None:
    file = delivered(shop, "2026-01-04")
    shutil.copy(file, file.with_name("second.parquet"))
    file.unlink()


def withdraw(shop: Any) -> None:
    shutil.rmtree(shop.layout.raw_events("2026-01-04"))


@pytest.mark.parametrize(
    ("happened", "day_is_due"), [(damage, True), (forget, True), (deliver_less, True), (withdraw, False)]
)
def test_which_days_a_night_reads_first(shop: Any, happened: Callable[[Any], None], day_is_due: bool) -> None:
    assert due(shop) == ["2026-01-07"]
    happened(shop)
    assert due(shop) == (["2026-01-04", "2026-01-07"] if day_is_due else ["2026-01-07"])


def test_a_night_of_the_past_reads_no_later_day_and_every_night_its_own_in_its_turn(shop: Any) -> None:
    shop.layout.partition("events", "2026-01-05").unlink()
    assert due(shop, "2026-01-05") == []
    assert due(shop, "2026-01-06") == ["2026-01-05"]
    assert due(shop, "2026-01-08") == ["2026-01-05", "2026-01-07"]


def test_a_day_that_was_never_delivered_is_due_only_where_a_day_may_be_empty(shop: Any) -> None:
    withdraw(shop)
    shop.layout.partition("events", "2026-01-04").unlink()
    assert due(shop) == ["2026-01-07"]
    assert due(shop, allow_empty_day=True) == ["2026-01-04", "2026-01-07"]
    deliver = shop.layout.raw_events("2026-01-04")
    shutil.copytree(shop.layout.raw_events("2026-01-03"), deliver)  # it arrives late
    assert due(shop) == ["2026-01-04", "2026-01-07"]
