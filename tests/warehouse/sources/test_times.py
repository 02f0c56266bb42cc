"""Times of a log, by a mapping: each file's own type decides how they are read."""

from datetime import UTC, date, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from warehouse.sources.mapped import import_mapped

DAY = "2024-03-01"
MOMENT = datetime(2024, 3, 1, 10, tzinfo=UTC)
EVENTS = '[events]\nuser_id = "u"\nitem_id = "i"\ntimestamp = "t"\n'


def run(engine, layout, folder, mapping, *times):
    folder.mkdir(exist_ok=True)
    for number, column in enumerate(times):
        table = {"u": [number] * len(column), "i": [7] * len(column), "t": column}
        pq.write_table(pa.table(table), folder / f"{number}.pq")
    (folder.parent / "m.toml").write_text(EVENTS + mapping)
    return import_mapped(engine, layout, folder, mapping=folder.parent / "m.toml")


NUMBERS, MOMENTS, TEXT = [1_709_287_200], [MOMENT], ["2024-03-01 10:00:00"]


@pytest.mark.parametrize(
    ("mapping", "columns"),
    [
        ('timestamp_unit = "s"\n', [NUMBERS, MOMENTS]),
        ('timestamp_unit = "s"\n', [MOMENTS, [float(NUMBERS[0])], list(map(str, NUMBERS)), TEXT]),
        ('timestamp_unit = "s"\n', [MOMENTS]),
        ('timestamp_format = "%d.%m.%Y %H:%M"\n', [["01.03.2024 10:00"], MOMENTS]),
        ('timestamp_format = "%d.%m.%Y %H:%M"\n', [MOMENTS]),
        ('timestamp_format = "%d.%m.%Y %H:%M"\ntime_zone = "Europe/Athens"\n', [["01.03.2024 12:00"], MOMENTS]),
        ('timestamp_format = "%Y%m%d%H"\n', [[2024030110], ["2024030110"]]),
    ],
)
def test_files_of_times_in_different_types_are_read_each_by_its_own(tmp_path, layout, engine, shop, mapping, columns):
    """Numbers beside timestamps were said to be a broken file; timestamps beside text of a form had no time."""
    report = run(engine, layout, tmp_path / "in", mapping, *columns)
    assert (report.events, report.timeless) == (len(columns), 0)
    shop.ingest(DAY)
    assert [row[::2] for row in shop.table("events", DAY)] == [(number, MOMENT) for number in range(len(columns))]


@pytest.mark.parametrize("mapping", ["", 'time_zone = "Europe/Athens"\n'])
@pytest.mark.parametrize("columns", [[NUMBERS], [MOMENTS, NUMBERS], [TEXT, [float(NUMBERS[0])]]])
def test_numbers_without_a_unit_are_a_sentence(tmp_path, layout, engine, mapping, columns):
    with pytest.raises(ValueError, match=rf"'t' of .*{len(columns) - 1}\.pq is a number: name its timestamp_unit"):
        run(engine, layout, tmp_path / "in", mapping, *columns)
    assert not layout.raw.exists()


def test_dates_beside_timestamps_are_midnights(tmp_path, layout, engine, shop):
    run(engine, layout, tmp_path / "in", "", [date(2024, 3, 1)], MOMENTS)
    shop.ingest(DAY)
    assert [row[2].hour for row in shop.table("events", DAY)] == [0, 10]


def test_what_could_not_be_read_as_a_time_is_rejected_with_its_text(tmp_path, layout, engine, shop):
    """It was written as a null, and nobody could see what had stood there."""
    days = [f"a,{n},2024-02-{1 + n % 29:02} 10:00" for n in range(58)]
    rows = [*days, "b,1,31/31/2024", "b,2,", "b,x,1924-01-01", "b,4,01.03.2024"]
    (tmp_path / "log.csv").write_text("\n".join(["u,i,t", *rows, ""]))
    (tmp_path / "m.toml").write_text(EVENTS + 'format = "csv"\nitem_id_type = "int64"\n')
    report = import_mapped(engine, layout, tmp_path / "log.csv", mapping=tmp_path / "m.toml")
    assert (report.events, report.timeless, report.last_day) == (62, 4, date(2024, 2, 29))
    widths = [pq.read_schema(next(layout.raw_events(day).iterdir())).names for day in layout.raw_days()]
    assert widths == [["user_id", "item_id", "timestamp"]] * 28 + [
        ["user_id", "item_id", "timestamp", "timestamp_unread"]
    ]
    *_, last = shop.ingest(*layout.raw_days())
    assert (last.rows, last.rejected) == (2, 4)
    assert sorted(row[1:3] + row[5:6] for row in shop.table("rejected_events", "2024-02-29")) == [
        ("1", "31/31/2024", "timestamp is unreadable"),
        ("2", None, "timestamp is null"),
        ("4", "01.03.2024", "timestamp is unreadable"),
        ("x", "1924-01-01 00:00:00+00", "item_id is not a whole number of 64 bits"),
    ]
    assert {row[1] for row in shop.table("events", "2024-02-29")} == {28, 57}


@pytest.mark.parametrize(("time", "text"), [(1e30, "1e+30"), (float("nan"), None), (None, None)])
def test_numbers_that_are_no_time_keep_their_text(tmp_path, layout, engine, shop, time, text):
    run(engine, layout, tmp_path / "in", 'timestamp_unit = "s"\n', [float(NUMBERS[0]), time])
    (report,) = shop.ingest(DAY)
    assert report.rejected_by_reason == {"timestamp is unreadable" if text else "timestamp is null": 1}
    assert [row[2] for row in shop.table("rejected_events", DAY)] == [text]
