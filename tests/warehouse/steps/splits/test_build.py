"""Splits by time: where each session goes, what is cut off, and that no session is in two parts."""

from datetime import date, timedelta

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from warehouse.config import SplitsConfig
from warehouse.partitions import replacing_partition
from warehouse.steps.splits.build import build_splits
from warehouse.steps.splits.overlap import Overlap, count_overlap

DAY = date(2024, 3, 5)


@pytest.fixture
def week(shop, clock):
    """A session of two clicks a day, days 1 to 5, and one over the midnight to each of the last two days."""
    for n in range(1, 6):
        day = f"2024-03-0{n}"
        rows = [(n, 10, clock(f"{day} 10:00")), (n, 20, clock(f"{day} 10:05"))]
        if n in (3, 4):
            rows.append((100 + n, 10, clock(f"{day} 23:50")))
        if n in (4, 5):
            rows.append((99 + n, 30, clock(f"{day} 00:10")))
        shop.rows(day, rows)
        shop.ingest(day)
    shop.sessions(DAY)
    return shop


def parts(shop):
    table = pq.read_table(shop.layout.files("splits", DAY)).to_pylist()
    return {
        name: [(r["user_id"], r["item_id"]) for r in table if r["split"] == name]
        for name in ("train", "validation", "test")
    }


def test_a_session_belongs_where_it_starts_and_is_cut_at_the_next_boundary(week):
    report = build_splits(week.engine, week.layout, DAY)
    assert parts(week) == {
        "train": [(1, 10), (1, 20), (2, 10), (2, 20), (3, 10), (3, 20), (103, 10)],
        "validation": [(4, 10), (4, 20), (104, 10)],
        "test": [(5, 10), (5, 20)],
    }
    assert (report.dropped_events, report.rows) == (2, 12)
    assert (report.validation_start, report.test_start) == (date(2024, 3, 4), DAY)
    assert (report.train.sessions, report.validation.sessions, report.test.sessions) == (4, 2, 1)


def test_parts_stand_in_order_and_each_in_the_order_of_the_sessions(week):
    build_splits(week.engine, week.layout, DAY)
    table = pq.read_table(week.layout.files("splits", DAY))
    rank = {"train": 0, "validation": 1, "test": 2}
    keys = [(rank[r["split"]], r["user_id"], r["session_start"], r["timestamp"]) for r in table.to_pylist()]
    assert keys == sorted(keys)


def test_days_and_dates_say_the_same(week):
    build_splits(week.engine, week.layout, DAY, SplitsConfig(validation_days=2, test_days=2))
    by_days = week.bytes("splits", DAY)
    dates = SplitsConfig(validation_start=date(2024, 3, 2), test_start=date(2024, 3, 4))
    build_splits(week.engine, week.layout, DAY, dates)
    assert week.bytes("splits", DAY) == by_days


def test_without_validation_and_test_all_is_train(week):
    report = build_splits(week.engine, week.layout, DAY, SplitsConfig(validation_days=0, test_days=0))
    assert (report.train.sessions, report.validation.sessions, report.test.sessions) == (7, 0, 0)
    assert report.dropped_events == 0


def test_items_that_train_does_not_know_are_counted(shop, clock):
    shop.rows("2024-03-04", [(1, 1, clock("2024-03-04 10:00"))])
    shop.rows(
        DAY, [(2, 1, clock("2024-03-05 10:00")), (2, 7, clock("2024-03-05 10:01")), (2, 8, clock("2024-03-05 10:02"))]
    )
    shop.ingest("2024-03-04", DAY)
    shop.sessions(DAY)
    report = build_splits(shop.engine, shop.layout, DAY, SplitsConfig(validation_days=0))
    assert (report.test.items, report.test.unknown_items, report.test.unknown_events) == (3, 2, 2)
    assert report.train.unknown_items == 0


def test_nothing_to_train_on_is_an_error(week):
    with pytest.raises(ValueError, match="starts before 2024-02-0"):
        build_splits(week.engine, week.layout, DAY, SplitsConfig(test_days=30))
    assert not week.layout.files("splits", DAY)


def test_boundaries_the_wrong_way_round_are_an_error(week):
    with pytest.raises(ValueError, match="validation comes before test"):
        SplitsConfig(validation_start="2024-03-05", test_start="2024-03-04")
    with pytest.raises(ValueError, match="validation comes before test"):
        build_splits(week.engine, week.layout, DAY, SplitsConfig(validation_start=DAY + timedelta(days=1)))


def test_without_sessions_there_are_no_splits(shop):
    with pytest.raises(FileNotFoundError, match="the sessions of 2024-03-05 are missing"):
        build_splits(shop.engine, shop.layout, DAY)


def test_no_session_is_in_two_parts_on_a_random_log(shop):
    import numpy as np

    rng = np.random.default_rng(0)
    for n in range(1, 6):
        start = np.datetime64(f"2024-03-0{n}", "us")
        times = start + rng.integers(0, 86_400_000_000, 400).astype("timedelta64[us]")
        users, items = rng.integers(0, 30, 400), rng.integers(0, 50, 400)
        shop.raw(f"2024-03-0{n}", pa.table({"user_id": users, "item_id": items, "timestamp": times}))
        shop.ingest(f"2024-03-0{n}")
    shop.sessions(DAY)
    build_splits(shop.engine, shop.layout, DAY)
    rows = pq.read_table(shop.layout.files("splits", DAY)).to_pylist()
    names = {(r["user_id"], r["session_start"]): set() for r in rows}
    for r in rows:
        names[r["user_id"], r["session_start"]].add(r["split"])
    assert all(len(splits) == 1 for splits in names.values())
    assert {split for splits in names.values() for split in splits} == {"train", "validation", "test"}


def test_an_overlap_is_counted(week):
    build_splits(week.engine, week.layout, DAY)
    assert count_overlap(week.engine, week.layout, DAY) == Overlap(7, 0, 0)
    table = pq.read_table(week.layout.files("splits", DAY))
    parts = table["split"].to_pylist()
    parts[0], parts[-1] = "validation", "train"  # one click of each of two sessions
    spoiled = table.set_column(table.column_names.index("split"), "split", pa.array(parts))
    with replacing_partition(week.layout.partition("splits", DAY)) as beside:
        pq.write_table(spoiled, beside)
    assert count_overlap(week.engine, week.layout, DAY).in_two_parts == 2
    first = spoiled.filter(pc.not_equal(spoiled["split"], "train"))["session_start"]
    trained = spoiled.filter(pc.equal(spoiled["split"], "train"))["timestamp"]
    late = sum(time >= pc.min(first).as_py() for time in trained.to_pylist())
    assert count_overlap(week.engine, week.layout, DAY).late_training_events == late > 0
