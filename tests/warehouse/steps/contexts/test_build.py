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


def test_without_the_night_there_is_no_context(shop):
    with pytest.raises(FileNotFoundError, match="the events of 2024-03-01 are missing"):
        contexts(shop.engine, shop.layout, DAY)


def test_closing_early_frees_what_was_spilled(users, tmp_path):
    reader = contexts(users.engine, users.layout, DAY)
    reader.read_next_batch()
    reader.close()
    del reader
    assert not [path for path in (tmp_path / "spill").rglob("*") if path.is_file()]
