"""Sessions by hand: what a person would say they are."""

from datetime import date

import pyarrow.parquet as pq
import pytest

DAY = date(2024, 3, 1)


def starts(shop, day=DAY):
    return sorted({(row[0], row[1]) for row in shop.table("sessions", day)})


def test_a_gap_of_exactly_the_threshold_does_not_end_a_session(shop, clock):
    shop.rows(DAY, [(1, 1, clock("10:00")), (1, 2, clock("10:30")), (1, 3, clock("11:00:01"))])
    shop.ingest(DAY)
    report = shop.sessions(DAY)
    assert starts(shop) == [(1, clock("10:00")), (1, clock("11:00:01"))]
    assert (report.rows, report.sessions, report.users, report.items, report.found) == (3, 2, 1, 3, 2)


def test_the_threshold_may_be_a_fraction_of_a_minute(shop, clock):
    shop.rows(DAY, [(1, 1, clock("10:00:00")), (1, 2, clock("10:00:06")), (1, 3, clock("10:00:13"))])
    shop.ingest(DAY)
    shop.sessions(DAY, gap_minutes=0.1)
    assert starts(shop) == [(1, clock("10:00:00")), (1, clock("10:00:13"))]


def test_a_session_over_midnight_is_one(shop, clock):
    shop.rows("2024-02-29", [(1, 1, clock("2024-02-29 23:50"))])
    shop.rows(DAY, [(1, 2, clock("00:10"))])
    shop.ingest("2024-02-29", DAY)
    shop.sessions(DAY)
    assert starts(shop) == [(1, clock("2024-02-29 23:50"))]


def test_a_session_that_began_before_the_window_is_left_out_whole_and_counted(shop, clock):
    shop.rows("2024-02-29", [(1, 1, clock("2024-02-29 23:50"))])
    shop.rows(DAY, [(1, 2, clock("00:10")), (1, 3, clock("00:20")), (1, 4, clock("12:00"))])
    shop.ingest("2024-02-29", DAY)
    report = shop.sessions(DAY, window_days=1)
    assert starts(shop) == [(1, clock("12:00"))]
    assert (report.edge_events, report.events, report.found) == (2, 3, 1)


def test_session_start_does_not_move_when_older_history_changes(shop, clock):
    shop.rows(DAY, [(1, 1, clock("10:00")), (1, 2, clock("10:10"))])
    shop.ingest(DAY)
    shop.sessions(DAY)
    before = starts(shop)
    shop.rows(DAY, [(1, 9, clock("2024-02-20 08:00")), (1, 8, clock("09:00"))], name="late.parquet")
    shop.ingest(DAY)
    shop.sessions(DAY)
    assert set(before) < set(starts(shop))


def test_repeats_are_dropped_or_kept_and_a_repeat_still_holds_the_session_open(shop, clock):
    rows = [(1, 1, clock("10:00")), (1, 1, clock("10:20")), (1, 2, clock("10:45")), (1, 1, clock("10:46"))]
    shop.rows(DAY, rows)
    shop.ingest(DAY)
    report = shop.sessions(DAY)
    assert [row[2] for row in shop.table("sessions", DAY)] == [1, 2, 1]
    assert (report.sessions, report.repeats) == (1, 1)
    assert shop.sessions(DAY, repeats="keep").rows == 4


def test_the_same_item_in_a_new_session_is_no_repeat(shop, clock):
    shop.rows(DAY, [(1, 1, clock("10:00")), (1, 1, clock("11:00"))])
    shop.ingest(DAY)
    assert shop.sessions(DAY).sessions == 2


def test_robots_by_length_and_by_rate_are_dropped_and_counted(shop, clock):
    long = [(1, i, clock(f"10:{i:02d}")) for i in range(20)]
    fast = [(2, i, clock(f"10:00:{3 * i:02d}")) for i in range(12)]
    calm = [(3, i, clock(f"10:{2 * i:02d}")) for i in range(12)]
    shop.rows(DAY, long + fast + calm)
    shop.ingest(DAY)
    report = shop.sessions(DAY, max_session_length=19, max_events_per_minute=11.5)
    assert (report.robots, report.robot_events, report.found) == (2, 32, 3)
    assert starts(shop) == [(3, clock("10:00"))]
    assert shop.sessions(DAY, max_session_length=20, max_events_per_minute=12).robots == 0


def test_the_filters_go_on_until_both_hold(shop, clock):
    # Item 9 is rare; without it session 3 is too short; without session 3 item 5 is rare; without it session 2 ...
    sessions = {1: [1, 2, 1, 2], 2: [1, 5], 3: [5, 9]}
    rows = [(u, i, clock(f"10:{n:02d}")) for u, items in sessions.items() for n, i in enumerate(items)]
    shop.rows(DAY, rows)
    shop.ingest(DAY)
    report = shop.sessions(DAY, min_session_length=2, min_item_support=2)
    assert {row[0] for row in shop.table("sessions", DAY)} == {1}
    assert (report.rows, report.sessions, report.items, report.users, report.rounds) == (4, 1, 2, 1, 3)


def test_nothing_left_is_an_error_and_the_old_table_stays(shop, clock):
    shop.rows(DAY, [(1, 1, clock("10:00")), (1, 2, clock("10:01"))])
    shop.ingest(DAY)
    shop.sessions(DAY)
    before, there = shop.bytes("sessions", DAY), sorted((shop.layout.root / "sessions").rglob("*"))
    with pytest.raises(ValueError, match="no session of 2024-02-01 to 2024-03-01 has 3 events"):
        shop.sessions(DAY, min_session_length=3)
    assert shop.bytes("sessions", DAY) == before
    assert sorted((shop.layout.root / "sessions").rglob("*")) == there


def test_given_sessions_are_kept_even_over_a_long_pause(shop, clock):
    rows = [
        (1, 1, clock("10:00"), "s"),
        (1, 2, clock("15:00"), "s"),
        (1, 3, clock("10:05"), "t"),
        (1, 4, clock("11:00"), None),
    ]
    shop.rows(DAY, rows, "user_id item_id timestamp session_id")
    shop.ingest(DAY)
    report = shop.sessions(DAY, sessions="given")
    assert starts(shop) == [(1, clock("10:00")), (1, clock("10:05"))]
    assert (report.unnamed, report.merged, report.rows, report.repeats) == (1, 0, 3, 0)


def test_the_same_session_id_of_two_users_is_two_sessions(shop, clock):
    rows = [(1, 1, clock("10:00"), 5), (2, 2, clock("10:00"), 5)]
    shop.rows(DAY, rows, "user_id item_id timestamp session_id")
    shop.ingest(DAY)
    assert shop.sessions(DAY, sessions="given").sessions == 2


def test_given_sessions_of_a_user_that_start_together_become_one_and_are_counted(shop, clock):
    rows = [
        (1, 1, clock("10:00"), "s"),
        (1, 2, clock("10:10"), "s"),
        (1, 3, clock("10:00"), "t"),
        (1, 4, clock("10:05"), "t"),
    ]
    shop.rows(DAY, rows, "user_id item_id timestamp session_id")
    shop.ingest(DAY)
    report = shop.sessions(DAY, sessions="given")
    assert (report.merged, report.sessions) == (1, 1)
    assert [row[2] for row in shop.table("sessions", DAY)] == [1, 3, 4, 2]


def test_given_sessions_without_a_session_id_are_an_error(shop, clock):
    shop.rows(DAY, [(1, 1, clock("10:00"))])
    shop.ingest(DAY)
    with pytest.raises(ValueError, match="have no session_id"):
        shop.sessions(DAY, sessions="given")


def test_days_that_are_missing_are_told(shop, clock):
    for day in ("2024-02-27", "2024-02-29"):
        shop.rows(day, [(1, 1, clock(f"{day} 10:00"))])
        shop.ingest(day)
    shop.rows(DAY, [(1, 1, clock("10:00"))])
    shop.ingest(DAY)
    window = shop.sessions(DAY).window
    assert window.missing == (date(2024, 2, 28),)
    assert window.problem() == "2024-02-28 of the window was not delivered"
    with pytest.raises(ValueError, match="2024-02-28 of the window was not delivered: deliver them"):
        shop.sessions(DAY, missing_days="fail")


def test_without_the_events_of_the_night_there_are_no_sessions(shop, clock):
    shop.rows("2024-02-29", [(1, 1, clock("2024-02-29 10:00"))])
    shop.ingest("2024-02-29")
    with pytest.raises(FileNotFoundError, match="the events of 2024-03-01 are missing"):
        shop.sessions(DAY)


def test_later_days_are_not_known(shop, clock):
    shop.rows(DAY, [(1, 1, clock("10:00"))])
    shop.rows("2024-03-02", [(1, 2, clock("2024-03-02 10:00")), (1, 3, clock("10:05"))])
    shop.ingest(DAY, "2024-03-02")
    assert shop.sessions(DAY).rows == 1


def test_ids_that_are_numbers_one_day_and_text_the_next_are_refused(shop, clock):
    shop.rows("2024-02-29", [(1, 1, clock("2024-02-29 10:00"))])
    shop.rows(DAY, [("1", 1, clock("10:00"))])
    shop.ingest("2024-02-29", DAY)
    with pytest.raises(
        ValueError, match=r"user_id is integer in .*2024-02-29\.par\S* and string in .*2024-03-01\.par\S*"
    ):
        shop.sessions(DAY)


def test_the_file_is_in_the_order_of_its_key(shop, clock):
    shop.rows(DAY, [(2, 1, clock("10:00")), (1, 5, clock("10:00")), (1, 3, clock("10:00")), (1, 4, clock("09:59"))])
    shop.ingest(DAY)
    shop.sessions(DAY)
    table = pq.read_table(shop.layout.files("sessions", DAY))
    assert table.column_names == ["user_id", "session_start", "item_id", "timestamp"]
    assert table["item_id"].to_pylist() == [4, 3, 5, 1]
