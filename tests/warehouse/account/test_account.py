"""An account of a night counted by hand."""

from collections import Counter
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.warehouse.account.nights import FIRST, SECOND, THIRD, TIME, put, three_days
from warehouse.account.arrivals import arrived, by_day, rejected_by_day, sessions_kept
from warehouse.account.changes import catalogue, compared, drift, drift_by_day, lists, night_before, published
from warehouse.account.exposure import Tenth, exposure
from warehouse.account.users.drawn import drawn
from warehouse.engine.duckdb_engine import DuckDBEngine
from warehouse.layout import Layout


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return three_days(tmp_path)


@pytest.fixture
def engine() -> DuckDBEngine:
    return DuckDBEngine()


def test_what_came_in_is_counted_with_its_reasons(layout: Layout, engine: DuckDBEngine) -> None:
    found = arrived(engine, layout, THIRD)
    assert found is not None
    assert (found.events, found.users, found.items, found.late, found.rejected) == (4, 3, 2, 1, 3)
    assert list(found.reasons.items()) == [("null id", 2), ("future", 1)]
    assert arrived(engine, layout, date(2026, 2, 1)) is None
    assert by_day(layout, THIRD, 2) == [(SECOND, 2, 0), (THIRD, 4, 3)]


def test_a_day_that_cannot_be_read_is_left_out_with_a_warning(layout: Layout, caplog: pytest.LogCaptureFixture) -> None:
    layout.partition("rejected_events", THIRD).write_bytes(b"")
    assert by_day(layout, THIRD, 2) == [(SECOND, 2, 0)]
    assert f"the events of {THIRD} cannot be read" in caplog.text


def test_days_are_counted_by_reason_and_compared_with_the_day_before(
    layout: Layout, engine: DuckDBEngine, caplog: pytest.LogCaptureFixture
) -> None:
    days = by_day(layout, THIRD, 3)
    assert rejected_by_day(engine, layout, days) == [{}, {}, {"null id": 2, "future": 1}]
    assert drift_by_day(engine, layout, [day for day, *_ in days]) == [None, 0.5, 0.5]
    assert drift_by_day(engine, layout, []) == []
    for table in ("events", "rejected_events"):
        content = layout.partition(table, THIRD).read_bytes()
        footer = content[-8 - int.from_bytes(content[-8:-4], "little") :]
        layout.partition(table, THIRD).write_bytes(bytes(len(content) - len(footer)) + footer)
    assert rejected_by_day(engine, layout, days) == [{}, {}, {}]
    assert drift_by_day(engine, layout, [day for day, *_ in days]) == [None, 0.5, None]
    assert f"the events of {SECOND} and {THIRD} are not compared" in caplog.text


def test_exposure_is_counted_beside_popularity(layout: Layout, engine: DuckDBEngine) -> None:
    night = published(layout, THIRD)
    assert night is not None
    # Events of three days: item 10 has five, 11 and 13 two, 12 one, 14 none. Lists: 11 12, 10 14, 12 13.
    popular_first = [(10, 5, 1), (11, 2, 1), (13, 2, 1), (12, 1, 2), (14, 0, 1)]
    events = sum(row[1] for row in popular_first)
    expected = [Tenth(1, events_of / events, places / 6) for _, events_of, places in popular_first]
    assert exposure(engine, layout, night, window_days=30, k=2) == expected
    # No list begins with 14, so it is neither met nor shown.
    assert [one.places for one in exposure(engine, layout, night, window_days=30, k=1)] == [1 / 3, 1 / 3, 0, 1 / 3]
    [item, *others] = exposure(engine, layout, night, window_days=1, k=2)
    assert item == Tenth(1, 0.5, 1 / 6)  # of the third day alone, where items 10 and 13 have two events each
    assert sum(one.events for one in others) == 0.5


def test_sessions_by_length_and_part(layout: Layout, engine: DuckDBEngine) -> None:
    assert sessions_kept(engine, layout, THIRD) is None
    lengths = {1: 2, 2: 3, 3: 7, 4: 25}  # of users 1 to 4
    rows = [user for user, length in lengths.items() for _ in range(length)]
    start = pa.array([datetime(2026, 1, 3, tzinfo=UTC)] * len(rows), TIME)
    put(layout.partition("sessions", THIRD), user_id=rows, session_start=start)
    split = ["test" if user == 1 else "train" for user in rows]
    put(layout.partition("splits", THIRD), user_id=rows, session_start=start, split=split)
    found = sessions_kept(engine, layout, THIRD)
    assert found is not None
    assert (found.sessions, found.events, found.mean_length) == (4, 37, 37 / 4)
    assert found.by_length == {"2": 1, "3": 1, "4-5": 0, "6-10": 1, "11-20": 0, "over 20": 1}
    assert found.parts == {"train": (3, 35), "test": (1, 2)}
    put(layout.partition("sessions", THIRD), user_id=[*rows, 5], session_start=pa.array([start[0].as_py()] * 38, TIME))
    single = sessions_kept(engine, layout, THIRD)
    assert single is not None
    assert single.by_length == {"1": 1, **found.by_length}


def test_drift_is_the_distance_of_the_shares(layout: Layout, engine: DuckDBEngine) -> None:
    found = drift(engine, layout, THIRD, window_days=30)
    assert found is not None
    assert found.before == SECOND
    assert found.mix == pytest.approx(0.5)  # {10: .5, 13: .5} beside {10: .5, 12: .5}
    assert found.usual == pytest.approx(0.5)  # {10: .5, 12: .5} beside {10: .5, 11: .5}
    assert (found.new_items, found.new_users) == (0.5, 0.75)
    assert drift(engine, layout, FIRST, window_days=30) is None


def test_the_catalogue_and_the_lists_beside_those_of_the_night_before(layout: Layout, engine: DuckDBEngine) -> None:
    items = catalogue(engine, layout, THIRD)
    assert items is not None
    assert (items.items, items.before, items.come, items.gone) == (4, 3, 2, 1)
    night = published(layout, THIRD)
    assert night is not None
    found = lists(engine, night)
    assert (found.users, found.model_version, found.mlflow_run_id) == (3, 1, "run")
    assert (found.score, found.first_probability, found.context_length) == (0.5, 0.5, 2.0)
    assert night_before(layout, THIRD) == SECOND
    assert night_before(layout, FIRST) is None
    assert published(layout, FIRST) is None
    both = compared(layout, THIRD, SECOND, 2)
    assert (both["overlap"], both["users_both"]) == (0.5, 1)


def test_a_catalogue_whose_ids_became_text_is_compared_all_the_same(layout: Layout, engine: DuckDBEngine) -> None:
    path = layout.partition("items", THIRD)
    ids = pq.read_table(path)["item_id"].to_pylist()
    put(path, item_id=[str(one) for one in ids[:-1]] + ["I9"])
    found = catalogue(engine, layout, THIRD)
    assert found is not None
    assert (found.items, found.before, found.come, found.gone) == (4, 3, 2, 1)


def test_drawn_users_have_their_last_events_and_the_top_of_their_list(layout: Layout, engine: DuckDBEngine) -> None:
    night = published(layout, THIRD)
    assert night is not None
    users = drawn(engine, layout, night, users=3, n=2)
    assert {user.user_id for user in users} == {1, 3, 4}
    first = next(user for user in users if user.user_id == 1)
    assert [met.item_id for met in first.history] == [12, 10]  # the late event of the third day is older
    assert [(item.rank, item.item_id, item.title) for item in first.listed] == [(1, 11, None), (2, 12, "c")]
    assert first.context_length == 2


def test_drawn_histories_of_one_time_are_in_the_order_of_sessions(layout: Layout, engine: DuckDBEngine) -> None:
    night, noon = published(layout, THIRD), datetime(2026, 1, 3, 12, tzinfo=UTC)
    assert night is not None
    columns = {"user_id": [1] * 3, "item_id": [5, 4, 9], "sequence": [2, 3, 1], "timestamp": pa.array([noon] * 3, TIME)}
    put(layout.partition("events", THIRD), **columns)
    first = next(user for user in drawn(engine, layout, night, n=4) if user.user_id == 1)
    assert [met.item_id for met in first.history] == [4, 5, 9, 12]


def test_the_same_seed_draws_the_same_users_and_every_user_may_be_drawn(layout: Layout, engine: DuckDBEngine) -> None:
    night = published(layout, THIRD)
    assert night is not None
    draws = [[user.user_id for user in drawn(engine, layout, night, users=1, seed=seed)] for seed in range(12)]
    assert draws == [[user.user_id for user in drawn(engine, layout, night, users=1, seed=seed)] for seed in range(12)]
    assert set(Counter(one for [one] in draws)) == {1, 3, 4}
