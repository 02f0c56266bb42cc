"""Dwell time against a hand-computed example: repeats, weights, and stays that say nothing."""

from datetime import date

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from warehouse.config import SplitsConfig
from warehouse.steps.splits.build import build_splits

DAY = date(2024, 3, 1)
# item 1 for 10 s, item 2 for exactly 60 s, item 3 for 150 s, item 4 for 20 min, item 5 unknown: the last one.
CLICKS = {1: "10:00:00", 2: "10:00:10", 3: "10:01:10", 4: "10:03:40", 5: "10:23:40"}


@pytest.fixture
def clicks(shop, clock):
    shop.rows(DAY, [(1, item, clock(time)) for item, time in CLICKS.items()])
    shop.ingest(DAY)
    return shop


def test_an_item_is_repeated_for_every_full_threshold_up_to_the_limit(clicks, clock):
    report = clicks.sessions(DAY, dwell="repeat", dwell_threshold_seconds=60, dwell_max_copies=4)
    rows = clicks.table("sessions", DAY)
    copies = {1: 1, 2: 2, 3: 3, 4: 4, 5: 1}
    assert [(row[2], row[4]) for row in rows] == [(item, copy) for item, n in copies.items() for copy in range(n)]
    assert {row[3] for row in rows if row[2] == 4} == {clock("10:03:40")}
    assert (report.rows, report.dwell_known, report.dwell_absurd) == (11, 4, 0)


def test_the_same_stays_as_weights(clicks):
    clicks.sessions(DAY, dwell="weight", dwell_threshold_seconds=60, dwell_max_copies=4)
    table = pq.read_table(clicks.layout.files("sessions", DAY))
    assert dict(zip(table["item_id"].to_pylist(), table["weight"].to_pylist(), strict=True)) == {
        1: 1.0, 2: 2.0, 3: 3.0, 4: 4.0, 5: 1.0,
    }  # fmt: skip
    assert table.schema.field("weight").type == pa.float32()


def test_a_pause_beyond_the_limit_is_absurd_and_counts_once(clicks):
    report = clicks.sessions(DAY, dwell="repeat", dwell_limit_seconds=600)
    assert sum(row[2] == 4 for row in clicks.table("sessions", DAY)) == 1
    assert (report.dwell_known, report.dwell_absurd) == (3, 1)


def test_a_days_pause_in_a_given_session_is_absurd(shop, clock):
    rows = [(1, 1, clock("2024-02-29 10:00"), "s"), (1, 2, clock("10:00"), "s")]
    shop.rows(DAY, rows, "user_id item_id timestamp session_id")
    shop.ingest(DAY)
    report = shop.sessions(DAY, sessions="given", dwell="repeat")
    assert (report.rows, report.dwell_absurd) == (2, 1)


def test_measured_dwell_goes_before_the_clock_and_a_clock_gone_back_is_absurd(shop, clock):
    rows = [
        (1, 1, clock("10:00:00"), 125.0),
        (1, 2, clock("10:00:10"), -5.0),
        (1, 3, clock("10:00:20"), 1e300),
        (1, 4, clock("10:00:30"), float("nan")),
        (1, 5, clock("10:00:40"), None),
        (1, 6, clock("10:02:00"), 61.0),
    ]
    shop.rows(DAY, rows, "user_id item_id timestamp dwell")
    shop.ingest(DAY)
    report = shop.sessions(DAY, dwell="repeat")
    copies = [row[2] for row in shop.table("sessions", DAY)]
    assert {item: copies.count(item) for item in range(1, 7)} == {1: 3, 2: 1, 3: 1, 4: 1, 5: 2, 6: 2}
    assert (report.dwell_known, report.dwell_absurd) == (4, 2)


@pytest.mark.parametrize("measured", [[120.0, None], [None, None], ["120", None], ["120", "x"]], ids=str)
def test_a_stay_of_nan_is_one_that_was_not_measured(shop, clock, measured):
    """The next click says then how long it was; the same column of floats, or text, with a NaN in it is read alike."""
    found = []
    nan = "nan" if isinstance(measured[0], str) else float("nan")
    for missing in (measured[1], nan):
        stays = [measured[0], missing, missing]
        column = pa.array(stays, pa.float64() if nan != "nan" else pa.string(), from_pandas=False)
        times = [clock(time) for time in ("10:00", "10:02", "10:07")]
        shop.raw(DAY, {"user_id": [1, 1, 1], "item_id": [1, 2, 3], "timestamp": times, "dwell": column})
        shop.ingest(DAY)
        report = shop.sessions(DAY, dwell="weight")
        weights = pq.read_table(shop.layout.files("sessions", DAY))["weight"].to_pylist()
        found.append((shop.table("events", DAY), weights, report.dwell_known, report.dwell_absurd))
    assert found[0] == found[1]
    assert found[0][1:] == ([3.0, 5.0, 1.0], 2, 0)


def test_dwell_runs_from_the_first_click_of_a_repeated_item_to_the_next_item(shop, clock):
    shop.rows(DAY, [(1, 1, clock("10:00:00")), (1, 1, clock("10:00:50")), (1, 2, clock("10:01:00"))])
    shop.ingest(DAY)
    shop.sessions(DAY, dwell="repeat")
    assert [row[2] for row in shop.table("sessions", DAY)] == [1, 1, 2]


def test_only_train_keeps_the_repeats(shop, clock):
    for day in ("2024-02-29", "2024-03-01"):
        shop.rows(day, [(1, 1, clock(f"{day} 10:00")), (1, 2, clock(f"{day} 10:02"))])
        shop.ingest(day)
    shop.sessions(DAY, dwell="repeat")
    report = build_splits(shop.engine, shop.layout, DAY, SplitsConfig(validation_days=0))
    table = pq.read_table(shop.layout.files("splits", DAY))
    assert (report.train.events, report.test.events, report.dropped_events) == (4, 2, 0)
    assert table.column_names == ["user_id", "session_start", "item_id", "timestamp", "split"]


def test_weights_reach_the_splits(shop, clock):
    for day in ("2024-02-29", "2024-03-01"):
        shop.rows(day, [(1, 1, clock(f"{day} 10:00")), (1, 2, clock(f"{day} 10:02"))])
        shop.ingest(day)
    shop.sessions(DAY, dwell="weight")
    build_splits(shop.engine, shop.layout, DAY, SplitsConfig(validation_days=0))
    assert pq.read_table(shop.layout.files("splits", DAY))["weight"].to_pylist() == [3.0, 1.0, 3.0, 1.0]


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_stays_that_are_durations_count_in_seconds(shop, clock, unit):
    """Those of pandas, in nanoseconds, were read as so many seconds, and were absurd."""
    stays = pa.array([61, None], pa.duration("s")).cast(pa.duration(unit))
    rows = {"user_id": [1, 1], "item_id": [1, 2], "timestamp": [clock("10:00"), clock("10:20")], "dwell": stays}
    shop.raw(DAY, rows)
    shop.ingest(DAY)
    assert [row[3] for row in shop.table("events", DAY)] == [61.0, None]
    assert shop.sessions(DAY, dwell="repeat", dwell_threshold_seconds=60).rows == 3
