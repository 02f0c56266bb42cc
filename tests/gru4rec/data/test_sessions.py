from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gru4rec.data.dataset import Dataset
from gru4rec.data.sessions import Sessions
from gru4rec.data.vocabulary import Vocabulary


def table(*rows: tuple) -> pa.Table:
    session, item, time = zip(*rows, strict=True)
    return pa.table({"session_id": session, "item_id": item, "timestamp": time})


def test_events_stand_by_time_then_item_and_sessions_by_their_first_event() -> None:
    events = table(("late", 3, 50), ("late", 1, 60), ("early", 9, 7), ("early", 5, 7), ("early", 5, 3))
    vocabulary = Vocabulary.build(events["item_id"])
    sessions = Sessions.from_table(events, vocabulary)
    assert sessions.keys["session_id"].to_pylist() == ["early", "late"]
    assert vocabulary.decode(sessions.items).to_pylist() == [5, 5, 9, 3, 1]
    assert sessions.offsets.tolist() == [0, 3, 5]
    assert sessions.times.tolist() == [3, 7, 7, 50, 60]


def test_sessions_that_start_together_stand_by_key() -> None:
    events = table((20, 1, 0), (3, 1, 0), (20, 2, 1), (3, 2, 1))
    sessions = Sessions.from_table(events, Vocabulary.build([1, 2]))
    assert sessions.keys["session_id"].to_pylist() == [3, 20]


def test_unknown_items_are_dropped_first_then_short_sessions_and_both_are_counted() -> None:
    events = table((1, 7, 0), (1, 99, 1), (2, 7, 2), (2, 8, 3), (2, 98, 4))
    sessions = Sessions.from_table(events, Vocabulary.build([7, 8]))
    assert (len(sessions), sessions.unknown, sessions.short) == (1, 2, 1)
    assert sessions.lengths.tolist() == [2]


def test_one_event_sessions_are_kept_where_asked_for() -> None:
    events = table((1, 7, 0), (2, 8, 3))
    assert len(Sessions.from_table(events, Vocabulary.build([7, 8]), min_length=1)) == 2


def test_a_session_may_be_named_by_several_columns() -> None:
    start = [datetime(2026, 1, day, tzinfo=UTC) for day in (1, 1, 2, 2, 1, 1)]
    events = pa.table({"u": [1, 1, 1, 1, 2, 2], "s": start, "i": [1, 2, 3, 4, 5, 6], "t": [0, 1, 10, 11, 5, 6]})
    sessions = Sessions.from_table(events, Vocabulary.build(events["i"]), session=("u", "s"), item="i", time="t")
    assert sessions.keys["u"].to_pylist() == [1, 2, 1]
    assert sessions.items.tolist() == [0, 1, 4, 5, 2, 3]


@given(st.permutations(range(9)))
@settings(max_examples=20, deadline=None)
def test_the_order_of_the_rows_does_not_matter(order: list[int]) -> None:
    rows = [(s, 10 * s + e, 100 - s * e) for s in range(3) for e in range(3)]
    vocabulary = Vocabulary.build([item for _, item, _ in rows])
    expected = Sessions.from_table(table(*rows), vocabulary)
    shuffled = Sessions.from_table(table(*[rows[n] for n in order]), vocabulary)
    assert shuffled.items.tolist() == expected.items.tolist()
    assert shuffled.keys.equals(expected.keys)


def test_select_takes_sessions_in_the_order_asked_for() -> None:
    events = table(("a", 1, 0), ("a", 2, 1), ("b", 3, 5), ("b", 1, 6), ("b", 2, 7))
    sessions = Sessions.from_table(events, Vocabulary.build([1, 2, 3]))
    chosen = sessions.select([1, 0])
    assert chosen.items.tolist() == [2, 0, 1, 0, 1]
    assert chosen.keys["session_id"].to_pylist() == ["b", "a"]
    assert chosen.times.tolist() == [5, 6, 7, 0, 1]
    assert sessions.select(np.array([False, True])).lengths.tolist() == [3]


def test_weights_go_with_their_events() -> None:
    events = table((1, 5, 3), (1, 6, 1), (2, 99, 0)).append_column("w", pa.array([0.5, 2.0, 7.0]))
    sessions = Sessions.from_table(events, Vocabulary.build([5, 6]), weight="w")
    assert sessions.weights.tolist() == [2.0, 0.5]
    assert sessions.select([0]).weights.tolist() == [2.0, 0.5]


def test_weights_may_be_whole_numbers_of_any_size_and_what_is_no_number_is_named() -> None:
    """Milliseconds of a dwell are soon more than 2^24, up to which float32 tells whole numbers apart."""
    columns = {"session_id": [1, 1], "item_id": [5, 6], "timestamp": [1, 2]}
    for weights in ([2**60, 20_000_001], ["1152921504606846976", "20000001"]):
        data = Dataset.from_table(pa.table({**columns, "w": weights}), weight="w")
        assert data.sessions.weights.tolist() == [2.0**60, 20_000_000.0]
    for wrong in (["a", "1"], [[1.0], [2.0]]):
        table = pa.table({**columns, "w": wrong})
        with pytest.raises(ValueError, match=r"column w: weights are .*; use numbers of at least 0"):
            Dataset.from_table(table, weight="w")
        with pytest.raises(ValueError, match="column w: weights are"):
            Sessions.from_table(table, Vocabulary.build([5, 6]), weight="w")


def test_a_missing_column_is_named() -> None:
    with pytest.raises(ValueError, match="no column item_id in the events; they have session_id, timestamp"):
        Sessions.from_table(table((1, 2, 3)).drop_columns("item_id"), Vocabulary.build([2]))


def test_nulls_and_times_that_do_not_order_are_refused() -> None:
    with pytest.raises(ValueError, match="column timestamp has 1 nulls"):
        Sessions.from_table(table((1, 2, None), (1, 2, 3)), Vocabulary.build([2]))
    with pytest.raises(ValueError, match="time column is string"):
        Sessions.from_table(table((1, 2, "noon")), Vocabulary.build([2]))


def test_a_table_without_rows_gives_no_sessions() -> None:
    empty = table((1, 2, 3)).slice(0, 0)
    assert len(Sessions.from_table(empty, Vocabulary.build([2]))) == 0


@given(lengths=st.lists(st.integers(0, 4), min_size=1, max_size=12))
@settings(max_examples=60, deadline=None)
def test_events_know_their_session_and_whether_a_prediction_is_made_after_them(lengths: list[int]) -> None:
    """Against a walk over the sessions, of which some are empty."""
    sessions = Sessions.from_lists([[7] * length for length in lengths])
    owners = [number for number, length in enumerate(lengths) for _ in range(length)]
    ends = np.cumsum(lengths)
    last = [int(end) - 1 for end, length in zip(ends, lengths, strict=True) if length]
    assert sessions.session_of(np.arange(len(owners))).tolist() == owners
    assert sessions.prediction_events().tolist() == [event for event in range(len(owners)) if event not in last]
    assert sessions.prediction_events(last_only=True).tolist() == last


@pytest.mark.parametrize(
    ("items", "offsets", "sentence"),
    [
        ([0, 1, -1], [0, 3], "name item -1, but the vocabulary has 3 items"),
        ([0, 3, 1], [0, 3], "name item 3, but the vocabulary has 3 items"),
        ([0, 1, 2], [0, 5], "do not divide their 3 events"),
        ([0, 1, 2], [0, 2], "do not divide their 3 events"),
        ([0, 1, 2], [1, 3], "do not divide their 3 events"),
        ([0, 1, 2], [0, 3, 2, 3], "do not divide their 3 events"),
    ],
)
def test_sessions_made_by_hand_are_looked_at(items: list[int], offsets: list[int], sentence: str) -> None:
    """An item -1 is what `encode` says of an unknown one; numpy would take the last."""
    with pytest.raises(ValueError, match=sentence):
        Sessions(np.array(items), np.array(offsets)).check(3)
    Sessions(np.array([0, 2, 1], np.uint8), np.array([0, 0, 3])).check(3)
    Sessions.from_lists([]).check(0)
