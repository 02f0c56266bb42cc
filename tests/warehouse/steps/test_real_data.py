"""The known statistics of real data sets come out at the other end (rows, sessions, items of their description)."""

import shutil
from datetime import date

import pyarrow.parquet as pq
import pytest

from warehouse.config import SplitsConfig
from warehouse.steps.splits.build import build_splits

pytestmark = pytest.mark.parametrize("engine", ["duckdb"], indirect=True)  # minutes a test on Spark

# file, day by which all of it has arrived, unit of its clock, events, sessions, items, repeats delivered twice
SETS = [
    ("serenade_clicks", "2020-06-30", "", 116_285, 24_385, 18_009),
    ("rsc15_first_week", "2014-04-08", "", 83_846, 21_210, 2_933),
    pytest.param("yoochoose_1_64", "1974-03-02", "s", 557_248, 131_491, 17_745, marks=pytest.mark.slow),
    pytest.param("rsc15_last_5_days", "2027-11-21", "ms", 436_486, 106_246, 17_166, marks=pytest.mark.slow),
]
RAW = {"user_column": "session_id", "session_column": "session_id", "floor": "1970-01-01"}


def deliver(shop, data_dir, name, day):
    """The published file as it is, in the folder of one day: nearly all of its rows are late."""
    folder = shop.layout.raw_events(day)
    folder.mkdir(parents=True)
    shutil.copyfile(data_dir / f"{name}.parquet", folder / "part.parquet")


@pytest.mark.parametrize(("name", "day", "unit", "events", "sessions", "items"), SETS)
def test_given_sessions_of_click_logs(shop, data_dir, name, day, unit, events, sessions, items):
    deliver(shop, data_dir, name, day)
    (ingested,) = shop.ingest(day, timestamp_unit=unit, **RAW)
    assert (ingested.raw_rows, ingested.rows + ingested.duplicates, ingested.rejected) == (events, events, 0)
    report = shop.sessions(day, sessions="given", repeats="keep", window_days=2000)
    assert (report.sessions, report.users, report.items) == (sessions, sessions, items)
    assert (report.rows, report.merged) == (ingested.rows, 0)


@pytest.mark.parametrize(
    ("name", "day", "longest_pause"),
    [("serenade_clicks", "2020-06-30", 5234), ("rsc15_first_week", "2014-04-08", 5366)],
)
def test_gap_sessions_agree_with_the_given_ones_where_the_gap_covers_the_longest_pause(
    shop, data_dir, name, day, longest_pause
):
    deliver(shop, data_dir, name, day)
    shop.ingest(day, **RAW)
    config = {"repeats": "keep", "window_days": 60}
    given = shop.sessions(day, sessions="given", **config)
    given_bytes = shop.bytes("sessions", day)
    by_gap = shop.sessions(day, gap_minutes=longest_pause / 60, **config)
    assert (by_gap.sessions, by_gap.rows) == (given.sessions, given.rows)
    assert shop.bytes("sessions", day) == given_bytes
    assert shop.sessions(day, gap_minutes=30, **config).sessions > given.sessions


def test_a_quarter_of_the_rsc15_clicks_repeat_the_item_before(shop, data_dir):
    deliver(shop, data_dir, "rsc15_first_week", "2014-04-08")
    shop.ingest("2014-04-08", **RAW)
    report = shop.sessions("2014-04-08", sessions="given", window_days=60)
    assert 0.2 < report.repeats / (report.events - report.sessions) < 0.3


def test_movielens_users_and_items(shop, data_dir):
    deliver(shop, data_dir, "movielens_small_ratings", "2016-10-16")
    (ingested,) = shop.ingest("2016-10-16")
    report = shop.sessions("2016-10-16", window_days=8000, max_session_length=0)
    assert (ingested.rows, report.rows, report.users, report.items) == (100_004, 100_004, 671, 9_066)
    strict = shop.sessions("2016-10-16", window_days=8000, min_session_length=2, min_item_support=5)
    table = pq.read_table(shop.layout.files("sessions", date(2016, 10, 16)))
    counts = table.group_by("item_id").aggregate([("item_id", "count")])["item_id_count"].to_numpy()
    lengths = table.group_by(["user_id", "session_start"]).aggregate([("item_id", "count")])["item_id_count"].to_numpy()
    assert counts.min() >= 5
    assert lengths.min() >= 2
    assert (len(counts), len(lengths), len(table)) == (strict.items, strict.sessions, strict.rows)


def test_the_last_day_of_serenade_is_its_test_split(shop, data_dir):
    deliver(shop, data_dir, "serenade_clicks", "2020-06-30")
    shop.ingest("2020-06-30", **RAW)
    shop.sessions("2020-06-30", sessions="given", repeats="keep", window_days=60)
    report = build_splits(shop.engine, shop.layout, "2020-06-30", SplitsConfig(validation_days=0))
    assert report.train.sessions + report.test.sessions == 24_385
    assert report.rows + report.dropped_events == 116_285
    assert report.test.unknown_items == 0  # as published, all of them are known
