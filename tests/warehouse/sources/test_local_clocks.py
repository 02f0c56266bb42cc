"""Clocks of a zone in a mapping: text, text of another form, and parquet without a zone; a named zone counts."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from warehouse.engine.errors import DataError
from warehouse.sources.mapped import import_mapped

ATHENS = "Europe/Athens"
CLOCKS = ["2024-01-15 10:00:00", "2024-07-15 10:00:00.25", "2024-03-31 02:59", "2024-10-27 04:00", "2024-07-15"]
COLUMNS = 'user_id = "who"\nitem_id = "what"\ntimestamp = "at"\n'


def read(engine, layout, log, form, more=""):
    mapping = log.parent / "mapping.toml"
    mapping.write_text(f'[events]\nformat = "{form}"\n{COLUMNS}time_zone = "{ATHENS}"\n{more}')
    import_mapped(engine, layout, log, mapping=mapping)
    rows = [
        row
        for path in sorted((layout.raw / "events").glob("*/*.parquet"))
        for row in pq.read_table(path, columns=["item_id", "timestamp"]).to_pylist()
    ]
    return [row["timestamp"] for row in sorted(rows, key=lambda row: int(row["item_id"]))]


def expected(clock):
    return datetime.fromisoformat(clock).replace(tzinfo=ZoneInfo(ATHENS)).astimezone(UTC)


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_iso_text(engine, layout, tmp_path, form):
    log = tmp_path / f"log.{form}"
    if form == "csv":
        log.write_text("who,what,at\n" + "".join(f"1,{n},{clock}\n" for n, clock in enumerate(CLOCKS)))
    else:
        log.write_text("".join(f'{{"who": 1, "what": {n}, "at": "{clock}"}}\n' for n, clock in enumerate(CLOCKS)))
    assert read(engine, layout, log, form) == [expected(clock) for clock in CLOCKS]


def test_text_of_another_form(engine, layout, tmp_path):
    log = tmp_path / "log.csv"
    log.write_text("who,what,at\n1,0,15.07.2024 10:00\n1,1,15.01.2024 00:30\n")
    found = read(engine, layout, log, "csv", 'timestamp_format = "%d.%m.%Y %H:%M"\n')
    assert found == [expected("2024-07-15 10:00"), expected("2024-01-15 00:30")]


@pytest.mark.parametrize(
    ("form", "text", "hour"),
    [
        ("%Y-%m-%dT%H:%M:%S%z", "2024-07-15T10:00:00+0500", 5),
        ("%Y-%m-%dT%H:%M:%S%z", "2024-07-15T10:00:00-05:00", 15),
        ("%d.%m.%Y %H:%M %Z", "15.07.2024 10:00 Asia/Tokyo", 1),
        ("%d.%m.%Y %%z %H:%M", "15.07.2024 %z 10:00", 7),  # a percent sign and a letter: no zone
    ],
)
def test_a_zone_in_text_of_another_form_counts(engine, layout, tmp_path, form, text, hour):
    log = tmp_path / "log.csv"
    log.write_text(f"who,what,at\n1,0,{text}\n")
    assert read(engine, layout, log, "csv", f'timestamp_format = "{form}"\n') == [
        datetime(2024, 7, 15, hour, tzinfo=UTC)
    ]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_parquet_without_a_zone(engine, layout, tmp_path, unit):
    log = tmp_path / "log.parquet"
    at = pa.array([datetime.fromisoformat(clock).replace(microsecond=0) for clock in CLOCKS], pa.timestamp(unit))
    pq.write_table(pa.table({"who": [1] * 5, "what": range(5), "at": at}), log)
    assert read(engine, layout, log, "parquet") == [expected(clock).replace(microsecond=0) for clock in CLOCKS]


def test_a_zone_in_the_data_itself_counts(engine, layout, tmp_path):
    log = tmp_path / "log.csv"
    named = ["2024-07-15T10:00:00Z", "2024-07-15 10:00:00+05:30", "2024-07-15 10:00:00.5-03", "2024-07-15T10:00+0100"]
    log.write_text("who,what,at\n" + "".join(f"1,{n},{clock}\n" for n, clock in enumerate(named)))
    assert read(engine, layout, log, "csv") == [datetime.fromisoformat(clock).astimezone(UTC) for clock in named]


def test_a_parquet_time_with_a_zone_is_left_alone(engine, layout, tmp_path):
    log = tmp_path / "log.parquet"
    moment = datetime(2024, 7, 15, 10, tzinfo=UTC)
    pq.write_table(pa.table({"who": [1], "what": [0], "at": pa.array([moment], pa.timestamp("us", "Asia/Tokyo"))}), log)
    assert read(engine, layout, log, "parquet") == [moment]


@pytest.mark.parametrize("clock", [datetime(2024, 7, 15, 10), "2024-07-15 10:00"], ids=["timestamp", "text"])
def test_a_zone_of_one_file_says_nothing_of_another(engine, layout, tmp_path, clock):
    moment = datetime(2024, 7, 15, 10, tzinfo=UTC)
    (tmp_path / "log").mkdir()
    for number, at in enumerate((clock, moment)):
        path = tmp_path / "log" / f"{number}.parquet"
        pq.write_table(pa.table({"who": [1], "what": [number], "at": [at]}), path)
    assert read(engine, layout, tmp_path / "log", "parquet", 'files = ["*.parquet"]\n') == [
        expected("2024-07-15 10:00"),
        moment,
    ]


def test_the_hour_that_comes_twice_and_the_one_that_does_not_come(engine, layout, tmp_path):
    log = tmp_path / "log.csv"
    log.write_text("who,what,at\n1,0,2024-10-27 03:30\n1,1,2024-03-31 03:30\n")
    assert read(engine, layout, log, "csv") == [
        datetime(2024, 10, 27, 1, 30, tzinfo=UTC),  # the second one, in winter time
        datetime(2024, 3, 31, 1, 30, tzinfo=UTC),  # half past four, in summer time
    ]


def test_the_local_day_decides_the_folder_in_utc(engine, layout, tmp_path):
    log = tmp_path / "log.csv"
    log.write_text("who,what,at\n1,0,2024-07-15 01:00\n")
    read(engine, layout, log, "csv")
    assert layout.raw_days() == [date(2024, 7, 14)]


@pytest.mark.parametrize("zone", ['"Mars/Olympus"', "5", '""', "[]", '"' + "x" * 5000 + '"'])
def test_a_zone_that_there_is_not_is_a_sentence(engine, layout, tmp_path, zone):
    mapping = tmp_path / "mapping.toml"
    mapping.write_text(f"[events]\n{COLUMNS}time_zone = {zone}\n")
    with pytest.raises(DataError, match="time_zone") as caught:
        import_mapped(engine, layout, tmp_path, mapping=mapping)
    assert len(str(caught.value)) < 500


def test_a_zone_beside_numbers_is_refused(engine, layout, tmp_path):
    mapping = tmp_path / "mapping.toml"
    mapping.write_text(f'[events]\n{COLUMNS}time_zone = "{ATHENS}"\ntimestamp_unit = "ms"\n')
    with pytest.raises(DataError, match="leave one of the two out"):
        import_mapped(engine, layout, tmp_path, mapping=mapping)


@pytest.mark.parametrize("kind", ["timestamp", "text"])
def test_clocks_of_raw_days(shop, kind):
    """A team's own folders, with the clocks of their shop; a zone in the data counts for itself."""
    clocks = [datetime(2024, 7, 15, 10), datetime(2024, 7, 15, 2, 30)]
    at = clocks if kind == "timestamp" else [*map(str, clocks)]
    shop.raw("2024-07-15", {"user_id": [1, 1], "item_id": [1, 2], "timestamp": at})
    zoned = pa.array([datetime(2024, 7, 15, 10, tzinfo=UTC)], pa.timestamp("us", "UTC"))
    (report,) = shop.ingest("2024-07-15", time_zone=ATHENS)
    assert [row[2] for row in shop.table("events", "2024-07-15")] == [
        datetime(2024, 7, 14, 23, 30, tzinfo=UTC),
        datetime(2024, 7, 15, 7, tzinfo=UTC),
    ]
    assert (report.rejected, report.late) == (0, 1)
    shop.raw("2024-07-15", {"user_id": [1], "item_id": [3], "timestamp": zoned})
    shop.ingest("2024-07-15", time_zone=ATHENS)
    assert [row[2] for row in shop.table("events", "2024-07-15")] == zoned.to_pylist()
    with pytest.raises(ValueError, match="time_zone is 'Mars/Base': it must be a time zone"):
        shop.ingest("2024-07-15", time_zone="Mars/Base")
