"""raw -> events + rejected_events: every row has one fate, and the report adds up."""

from datetime import UTC, date, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from warehouse.config import EventsConfig
from warehouse.partitions import noted
from warehouse.steps.events.ingest import TooManyRejected, ingest_day, ingest_days
from warehouse.sums import beside

DAY = date(2024, 3, 1)
NAN = float("nan")


def accounts_for_all(report):
    assert report.raw_rows == report.rows + report.duplicates + report.filtered + report.rejected
    assert report.rejected == sum(report.rejected_by_reason.values())


def test_each_reason_is_named_and_the_row_kept_as_found(shop, clock):
    shop.rows(
        DAY,
        [
            ("u", "i", clock("10:00")),
            (None, "i", clock("10:00")),
            ("u", None, clock("10:00")),
            ("u", "i", None),
            ("", "i", clock("10:00")),
            ("u", "", clock("10:00")),
            ("u" * 257, "i", clock("10:00")),
            ("u", "ü" * 256, clock("10:00")),
            ("u", "i", clock("2024-03-02 00:00")),
            ("u", "i", clock("1970-01-01 00:00")),
        ],
    )
    (report,) = shop.ingest(DAY)
    accounts_for_all(report)
    assert report.rejected_by_reason == {
        "user_id is null": 1,
        "item_id is null": 1,
        "timestamp is null": 1,
        "user_id is empty": 1,
        "item_id is empty": 1,
        "user_id is too long": 1,
        "timestamp is in the future of the night": 1,
        "timestamp is before the floor": 1,
    }
    assert report.rows == 2  # the item id of exactly 256 characters is one of them
    rejected = pq.read_table(shop.layout.files("rejected_events", DAY)).to_pylist()
    future = next(row for row in rejected if row["reason"] == "timestamp is in the future of the night")
    assert future["timestamp"] == "2024-03-02 00:00:00+00"
    assert future["source_file"].endswith("part.parquet")


def test_the_last_microsecond_of_the_day_is_in_and_the_next_is_out(shop):
    last = datetime(2024, 3, 1, 23, 59, 59, 999999, UTC)
    shop.rows(DAY, [(1, 1, last), (1, 2, datetime(2024, 3, 2, tzinfo=UTC))])
    (report,) = shop.ingest(DAY)
    assert (report.rows, report.rejected, report.last) == (1, 1, last)


def test_exact_duplicates_count_once_over_files(shop, clock):
    shop.rows(DAY, [(1, 1, clock("10:00")), (1, 1, clock("10:00")), (1, 2, clock("10:00"))], name="a.parquet")
    shop.rows(DAY, [(1, 1, clock("10:00"))], name="b.parquet")
    (report,) = shop.ingest(DAY)
    accounts_for_all(report)
    assert (report.rows, report.duplicates, report.files) == (2, 2, 2)
    assert shop.table("events", DAY) == [(1, 1, clock("10:00")), (1, 2, clock("10:00"))]


def test_events_of_other_types_are_filtered_not_rejected(shop, clock):
    rows = [(1, 1, clock("10:00"), "view"), (1, 2, clock("10:01"), "cart"), (1, 3, clock("10:02"), None)]
    shop.rows(DAY, rows, "user_id item_id timestamp event_type")
    (report,) = shop.ingest(DAY, event_types=("view", "it's"))
    accounts_for_all(report)
    assert (report.rows, report.filtered, report.rejected) == (1, 2, 0)


def test_late_rows_stay_in_the_partition_they_arrived_in(shop, clock):
    shop.rows(DAY, [(1, 1, clock("10:00")), (1, 2, clock("2024-02-20 10:00"))])
    (report,) = shop.ingest(DAY)
    assert (report.rows, report.late) == (2, 1)
    assert report.first == clock("2024-02-20 10:00")


def test_a_rerun_picks_up_what_arrived_meanwhile_and_leaves_one_file(shop, clock):
    shop.rows(DAY, [(1, 1, clock("10:00"))])
    shop.ingest(DAY)
    shop.rows(DAY, [(1, 2, clock("11:00"))], name="late.parquet")
    (report,) = shop.ingest(DAY)
    assert report.rows == 2
    there = {path for path in shop.layout.partition("events", DAY).parent.rglob("*.*") if path.is_file()}
    files = set(shop.layout.files("events", DAY))
    assert there - files in ({beside(file) for file in files}, {file.parent.parent / "manifest.json" for file in files})
    assert all(map(noted, files))


def test_numeric_clocks_in_every_unit_and_iso_text_give_the_same_time(shop):
    moment = datetime(2024, 3, 1, 10, 0, 0, 250_000, UTC)
    micros = int(moment.timestamp() * 1_000_000)
    variants = {
        "us": pa.array([micros]),
        "ms": pa.array([micros // 1000]),
        "ns": pa.array([micros * 1000]),
        "s": pa.array([micros / 1_000_000]),
        "": pa.array(["2024-03-01T10:00:00.250Z"]),
    }
    for unit, times in variants.items():
        shop.raw(DAY, pa.table({"user_id": [1], "item_id": [1], "timestamp": times}))
        shop.ingest(DAY, timestamp_unit=unit)
        assert shop.table("events", DAY) == [(1, 1, moment)], unit


@pytest.mark.parametrize(
    "times",
    [
        pa.array([datetime(2024, 3, 1, 10)], pa.timestamp("ns")),
        pa.array([datetime(2024, 3, 1, 10)], pa.timestamp("ms", "UTC")),
        pa.array([datetime(2024, 3, 1, 10)], pa.timestamp("s")),
        pa.array(["2024-03-01 11:00:00+01:00"]),
    ],
)
def test_timestamps_of_any_resolution_and_zone_become_utc_microseconds(shop, times):
    shop.raw(DAY, pa.table({"user_id": [1], "item_id": [1], "timestamp": times}))
    shop.ingest(DAY)
    table = pq.read_table(shop.layout.files("events", DAY))
    assert table.schema.field("timestamp").type == pa.timestamp("us", "UTC")
    assert table["timestamp"][0].as_py() == datetime(2024, 3, 1, 10, tzinfo=UTC)


def test_an_unreadable_time_is_told_from_a_null_one(shop):
    shop.raw(DAY, {"user_id": [1, 1, 1], "item_id": [1, 2, 3], "timestamp": ["yesterday", None, "2024-03-01 10:00"]})
    (report,) = shop.ingest(DAY)
    assert report.rejected_by_reason == {"timestamp is null": 1, "timestamp is unreadable": 1}


def test_an_absurd_number_is_an_unreadable_time_not_a_crash(shop):
    shop.raw(DAY, {"user_id": [1, 2], "item_id": [1, 2], "timestamp": [2**62, -(2**63)]})
    (report,) = shop.ingest(DAY, timestamp_unit="s")
    assert report.rejected_by_reason == {"timestamp is unreadable": 2}


@pytest.mark.parametrize(("unit", "times_of_a_second"), [("s", 1), ("ms", 1e3), ("us", 1e6), ("ns", 1e9)])
def test_a_nan_among_numeric_clocks_is_a_null_time(shop, unit, times_of_a_second):
    times = [1709287200.0 * times_of_a_second, 1709287260.0 * times_of_a_second]
    for odd, reason in ((NAN, "null"), (float("inf"), "unreadable"), (-float("inf"), "unreadable")):
        shop.raw(DAY, {"user_id": [1, 2, 3], "item_id": [1, 2, 3], "timestamp": [*times, odd]})
        (report,) = shop.ingest(DAY, timestamp_unit=unit)
        assert report.rejected_by_reason == {f"timestamp is {reason}": 1}
        assert [row[2].strftime("%H:%M") for row in shop.table("events", DAY)] == ["10:00", "10:01"]


@pytest.mark.parametrize(("role", "good"), [("session_id", 3), ("sequence", 3), ("user_id", 2), ("item_id", 2)])
@pytest.mark.parametrize("other", [3.0, 4.0])
def test_a_nan_beside_one_value_or_two_is_a_missing_one(shop, clock, role, good, other):
    rows = {"user_id": [1, 2, 3], "item_id": [1, 2, 3], "timestamp": [clock("10:00")] * 3, role: [3.0, other, NAN]}
    shop.raw(DAY, rows)
    (report,) = shop.ingest(DAY)
    assert (report.rows, report.rejected_by_reason) == (good, {f"{role} is null": 1} if good == 2 else {})


def test_text_ids_become_numbers_on_demand_and_what_is_none_is_rejected(shop, clock):
    texts = ["7", "-3", "1.5", "007", "x", "9223372036854775808"]
    shop.rows(DAY, [(text, 1, clock("10:00")) for text in texts])
    (report,) = shop.ingest(DAY, user_id_type="int64")
    assert report.rejected_by_reason == {"user_id is not a whole number of 64 bits": 4}
    assert [row[0] for row in shop.table("events", DAY)] == [-3, 7]


def test_ids_keep_their_type(shop, clock):
    shop.rows(DAY, [("é", 2**62, clock("10:00"))])
    shop.ingest(DAY)
    schema = pq.read_schema(shop.layout.files("events", DAY)[0])
    assert (schema.field("user_id").type, schema.field("item_id").type) == (pa.string(), pa.int64())


def test_columns_may_have_other_names_quotes_and_all(shop, clock):
    shop.rows(DAY, [(1, 2, clock("10:00"))], "wh\"o wh'at filename")
    shop.ingest(DAY, user_column='wh"o', item_column="wh'at", timestamp_column="filename")
    assert shop.table("events", DAY) == [(1, 2, clock("10:00"))]


def test_a_column_name_is_never_executed(shop, clock):
    name = 'user_id" FROM raw; DROP VIEW raw; --'
    shop.raw(DAY, {name: [1], "item_id": [1], "timestamp": [clock("10:00")]})
    shop.ingest(DAY, user_column=name)
    assert len(shop.table("events", DAY)) == 1


def test_a_path_with_quotes_and_wildcards_is_a_path(tmp_path, engine, clock):
    from warehouse.layout import Layout

    layout = Layout(tmp_path / "it's [1] * ?")
    folder = layout.raw_events(DAY)
    folder.mkdir(parents=True)
    pq.write_table(pa.table({"user_id": [1], "item_id": [1], "timestamp": [clock("10:00")]}), folder / "it's.parquet")
    assert ingest_day(engine, layout, DAY).rows == 1


def test_a_delivery_with_too_many_rejected_rows_leaves_the_good_events_of_the_day(shop, clock):
    shop.rows(DAY, [(1, 1, clock("10:00")), (2, 2, clock("11:00"))])
    shop.ingest(DAY)
    good = shop.bytes("events", DAY)
    shop.raw(DAY, {"user_id": [1, 2, None], "item_id": [1, 2, 3], "timestamp": ["soon", "late", None]})
    with pytest.raises(TooManyRejected) as caught:
        shop.ingest(DAY, max_rejected_share=0.4)
    assert str(caught.value) == (
        "3 of 3 raw rows of 2024-03-01 were rejected (100.0%; the limit is 40.0%): timestamp is unreadable: 2, "
        "user_id is null: 1; see rejected_events for the rows; the events of 2024-03-01 were left as they were"
    )
    assert shop.bytes("events", DAY) == good
    assert len(shop.table("rejected_events", DAY)) == 3
    assert not list(shop.layout.partition("events", DAY).parent.glob(".*.tmp"))


def test_the_rejected_share_may_reach_the_limit(shop, clock):
    shop.rows(DAY, [(None, 1, clock("10:00")), (1, 1, clock("10:00"))])
    (report,) = shop.ingest(DAY, max_rejected_share=0.5)
    assert (report.rows, report.rejected_share) == (1, 0.5)
    with pytest.raises(TooManyRejected, match=r"1 of 2 raw rows .* \(50.0%; the limit is 49.0%\): user_id is null: 1"):
        shop.ingest(DAY, max_rejected_share=0.49)


def test_an_empty_day_is_an_error_unless_allowed(shop, clock):
    with pytest.raises(FileNotFoundError, match=r"2024-03-01 does not exist"):
        shop.ingest(DAY)
    shop.layout.raw_events(DAY).mkdir(parents=True)
    with pytest.raises(FileNotFoundError, match=r"holds no \*.parquet file"):
        shop.ingest(DAY)
    shop.raw(DAY, pa.table({"user_id": [1], "item_id": [1], "timestamp": [clock("10:00")]}).slice(0, 0))
    with pytest.raises(ValueError, match="hold no rows"):
        shop.ingest(DAY)
    assert not shop.layout.files("events", DAY)
    (report,) = shop.ingest(DAY, allow_empty_day=True)
    assert (report.rows, report.rejected_share) == (0, 0.0)


def test_a_missing_folder_may_be_an_empty_day_and_does_not_disturb_text_ids(shop, clock):
    shop.rows("2024-02-29", [("a", "x", clock("2024-02-29 10:00"))])
    shop.ingest("2024-02-29", DAY, allow_empty_day=True)
    assert shop.sessions(DAY).rows == 1
    assert pq.read_schema(shop.layout.files("sessions", DAY)[0]).field("user_id").type == pa.string()


def test_event_types_without_such_a_column_are_an_error(shop, clock):
    shop.rows(DAY, [(1, 1, clock("10:00"))])
    with pytest.raises(ValueError, match="no raw file of 2024-03-01 has the column 'event_type'"):
        shop.ingest(DAY, event_types=("view",))


def test_one_file_may_have_a_session_id_and_another_none(shop, clock):
    shop.rows(DAY, [(1, 1, clock("10:00"), 5)], "user_id item_id timestamp session_id", name="a.parquet")
    shop.rows(DAY, [(1, 2, clock("10:00"))], name="b.parquet")
    shop.ingest(DAY)
    assert shop.table("events", DAY) == [(1, 1, clock("10:00"), 5), (1, 2, clock("10:00"), None)]


def test_of_many_days_the_first_that_fails_ends_them_and_each_other_is_whole_or_as_it_was(shop, clock):
    days = [date(2024, 3, day) for day in range(1, 9)]
    for day in days:
        broken = day == days[2]
        shop.rows(day, [("u", "i", None if broken else clock(f"{day} 10:00"))] * 3)
    told = []
    with pytest.raises(TooManyRejected, match="3 of 3 raw rows of 2024-03-03"):
        told.extend(report.day for report in ingest_days(shop.engine, shop.layout, days, EventsConfig()))
    assert told[:2] == days[:2]
    assert days[2] not in told
    assert told == sorted(told)
    assert [day for day in days if shop.layout.files("events", day)] == told


def test_days_of_a_run_that_somebody_gave_up_are_not_begun(shop, clock):
    days = [date(2024, 3, day) for day in range(1, 20)]
    for day in days:
        shop.rows(day, [("u", "i", clock(f"{day} 10:00"))])
    some = ingest_days(shop.engine, shop.layout, days, EventsConfig())
    next(some)
    some.close()
    assert len(shop.layout.days("events")) < len(days)


def test_text_of_numbers_is_a_time_where_a_unit_is_named(shop):
    seconds = ["1709287200", "1709287200.25", "2024-03-01T10:00:00Z", "x", "1709287200", "1709287200"]
    shop.raw(DAY, pa.table({"user_id": [1, 1, 1, 2, 2, 2], "item_id": [3, 4, 5, 4, 3, 4], "timestamp": seconds}))
    (report,) = shop.ingest(DAY, timestamp_unit="s")
    assert report.rejected_by_reason == {"timestamp is unreadable": 1}
    assert {row[2].strftime("%H:%M:%S.%f") for row in shop.table("events", DAY)} == {
        "10:00:00.000000",
        "10:00:00.250000",
    }
