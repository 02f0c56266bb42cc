"""Whole histories: cutting at a time, and keeping the last events."""

import pyarrow as pa
import pytest

from gru4rec.data.histories import cut_at, last_events
from gru4rec.data.sessions import Sessions
from gru4rec.data.vocabulary import Vocabulary


def histories() -> Sessions:
    """Users 0: 5 events over times 0..4; 1: all before 3; 2: all after; 3: one on each side."""
    rows = [(0, item, item) for item in range(5)]
    rows += [(1, 5, 0), (1, 6, 2), (2, 1, 3), (2, 2, 4), (2, 3, 5), (3, 7, 1), (3, 0, 3)]
    user, item, time = zip(*rows, strict=True)
    table = pa.table({"user_id": user, "item_id": item, "timestamp": time})
    return Sessions.from_table(table, Vocabulary.build(pa.array(range(8))), session=("user_id",))


def lists(sessions: Sessions) -> dict[int, list[int]]:
    users = sessions.keys["user_id"].to_pylist()
    return {
        user: sessions.items[sessions.offsets[s] : sessions.offsets[s + 1]].tolist() for s, user in enumerate(users)
    }


def test_histories_are_cut_at_a_time() -> None:
    cut = cut_at(histories(), 3)
    assert lists(cut.train) == {0: [0, 1, 2], 1: [5, 6]}
    assert lists(cut.test) == {0: [2, 3, 4], 2: [1, 2, 3], 3: [7, 0]}
    assert lists(cut.earlier) == {0: [0, 1], 2: [], 3: []}


def test_only_the_last_events_remain() -> None:
    assert lists(last_events(histories(), 2)) == {0: [3, 4], 1: [5, 6], 2: [2, 3], 3: [7, 0]}
    assert lists(last_events(histories(), 100)) == lists(histories())


def test_histories_without_times_are_refused() -> None:
    with pytest.raises(ValueError, match="without times"):
        cut_at(Sessions.from_lists([[1, 2]]), 3)
