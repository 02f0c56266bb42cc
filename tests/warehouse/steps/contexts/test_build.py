"""Contexts: every user of the window, in runs, in order; from the events, whatever the filters of sessions say."""

from datetime import date

import pytest

from warehouse.config import ContextConfig
from warehouse.steps.contexts.build import contexts

DAY = date(2024, 3, 1)


def read(shop, **config):
    with contexts(shop.engine, shop.layout, DAY, ContextConfig(**config)) as reader:
        assert reader.schema.names == ["user_id", "item_id"]
        return [(row["user_id"], row["item_id"]) for batch in reader for row in batch.to_pylist()]


@pytest.fixture
def users(shop, clock):
    shop.rows("2024-02-29", [(2, 5, clock("2024-02-29 12:00")), (1, 4, clock("2024-02-29 12:00"))])
    shop.rows(
        DAY,
        [
            (1, 1, clock("10:00")),
            (1, 1, clock("10:01")),
            (1, 2, clock("10:02")),
            (1, 3, clock("10:03")),
            (3, 9, clock("23:59")),
        ],
    )
    shop.ingest("2024-02-29", DAY)
    return shop


def test_the_last_session_of_every_user_open_or_single(users):
    assert read(users) == [(1, 1), (1, 2), (1, 3), (2, 5), (3, 9)]


def test_only_users_of_the_window(users):
    assert read(users, window_days=1) == [(1, 1), (1, 2), (1, 3), (3, 9)]


def test_the_latest_events_of_a_long_session(users):
    assert read(users, max_events=2) == [(1, 2), (1, 3), (2, 5), (3, 9)]


def test_events_go_over_sessions(users):
    assert read(users, source="events", repeats="keep") == [(1, 4), (1, 1), (1, 1), (1, 2), (1, 3), (2, 5), (3, 9)]


def test_a_session_that_began_before_the_window_is_whole_context(shop, clock):
    shop.rows("2024-02-29", [(1, 1, clock("2024-02-29 23:50"))])
    shop.rows(DAY, [(1, 2, clock("00:05"))])
    shop.ingest("2024-02-29", DAY)
    assert read(shop, window_days=1) == [(1, 1), (1, 2)]


def test_ties_are_broken_by_item_and_users_are_sorted(shop, clock):
    shop.rows(DAY, [("b", 3, clock("10:00")), ("b", 1, clock("10:00")), ("a", 7, clock("10:00"))])
    shop.ingest(DAY)
    assert read(shop) == [("a", 7), ("b", 1), ("b", 3)]


def test_given_sessions(shop, clock):
    rows = [(1, 1, clock("10:00"), "a"), (1, 2, clock("20:00"), "a"), (1, 3, clock("15:00"), "b")]
    shop.rows(DAY, rows, "user_id item_id timestamp session_id")
    shop.ingest(DAY)
    assert read(shop, sessions="given") == [(1, 3)]


@pytest.mark.parametrize("source", ["session", "events"])
@pytest.mark.parametrize("session", [(), ("a",)])
def test_a_repeat_over_the_windows_first_midnight_is_an_event_in_the_window(shop, clock, source, session):
    """The click in the window is a repeat of the one before it, so that click is the context."""
    names = "user_id item_id timestamp" + " session_id" * len(session)
    shop.rows("2024-02-29", [(1, 5, clock("2024-02-29 23:50"), *session)], names)
    shop.rows(DAY, [(1, 5, clock("00:05"), *session)], names)
    shop.ingest("2024-02-29", DAY)
    sessions = "given" if session else "gap"
    assert read(shop, window_days=1, source=source, sessions=sessions) == [(1, 5)]


@pytest.mark.parametrize("later", [1, 60])
def test_of_given_sessions_that_overlap_the_last_one_is_whole(shop, clock, later):
    """However many clicks of an earlier session come after it."""
    rows = [(1, 1, clock("10:00"), "a"), (1, 2, clock("10:01"), "b"), (1, 3, clock("10:02"), "b")]
    rows += [(1, 4 + n % 2, clock(f"11:{n:02}"), "a") for n in range(later)]
    shop.rows(DAY, rows, "user_id item_id timestamp session_id")
    shop.ingest(DAY)
    assert read(shop, sessions="given") == [(1, 2), (1, 3)]


def test_who_has_no_named_session_has_a_context_all_the_same(shop, clock):
    rows = [
        (1, 1, clock("10:00"), None), (1, 2, clock("20:00"), ""),
        (2, 3, clock("15:00"), None), (2, 4, clock("16:00"), "b"), (2, 5, clock("17:00"), None),
    ]  # fmt: skip
    shop.rows(DAY, rows, "user_id item_id timestamp session_id")
    shop.ingest(DAY)
    assert read(shop, sessions="given") == [(1, 1), (1, 2), (2, 4)]
    assert read(shop, sessions="given", source="events") == [(1, 1), (1, 2), (2, 3), (2, 4), (2, 5)]


def test_without_the_night_there_is_no_context(shop):
    with pytest.raises(FileNotFoundError, match="the events of 2024-03-01 are missing"):
        contexts(shop.engine, shop.layout, DAY)


def test_closing_early_frees_what_was_spilled(users, tmp_path):
    reader = contexts(users.engine, users.layout, DAY)
    reader.read_next_batch()
    reader.close()
    del reader
    assert not [path for path in (tmp_path / "spill").rglob("*") if path.is_file()]
