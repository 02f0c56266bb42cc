"""What a session has seen and done, against loops over plain lists."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gru4rec.data.histories import last_events
from gru4rec.data.sessions import Sessions
from gru4rec.network.added.past import KINDS, NEXT, REACH, Past, past_on_device, transitions
from gru4rec.scoring.on_device import DeviceSessions

FIRST, NEW, AGAIN, BACK = range(4)  # of LASTS

some_sessions = st.lists(st.lists(st.integers(0, 6), min_size=1, max_size=12), min_size=1, max_size=6)


def followings(context: list[int]) -> list[tuple[int, int]]:
    """Of each two events in succession the kind of the former and what the latter is to it."""
    found = []
    for place in range(len(context) - 1):
        seen, item, then = context[:place], context[place], context[place + 1]
        kind = 1 if seen[-1:] == [item] else 2 if item in seen else 0
        next_ = 0 if then == item else 1 if seen[-1:] == [then] else 2 if then in seen else 3
        found.append((kind, next_))
    return found


def expected(context: list[int]) -> tuple[dict[int, tuple[int, int]], int, list[int]]:
    """The place and times of each item, the last event's case, and the habit."""
    *seen, item = context
    items = {each: (min(context[::-1].index(each), 2), context.count(each)) for each in context}
    last = FIRST if not seen else AGAIN if seen[-1] == item else BACK if item in seen else NEW
    habit = [followings(context).count((max(last - 1, 0), next_)) for next_ in range(NEXT)]
    return items, last, habit


@settings(max_examples=150, deadline=None)
@given(lists=some_sessions)
def test_the_past_is_what_happened(lists: list[list[int]]) -> None:
    sessions = Sessions.from_lists(lists)
    past = Past.of(sessions, np.arange(len(sessions.items)))
    contexts = [session[: place + 1] for session in lists for place in range(len(session))]
    assert (np.diff(past.row * 7 + past.item) > 0).all()
    for row, context in enumerate(contexts):
        items, last, habit = expected(context)
        own = past.row == row
        told = zip(past.place[own].tolist(), past.times[own].tolist(), strict=True)
        assert dict(zip(past.item[own].tolist(), told, strict=True)) == items
        assert past.last[row] == last
        assert past.habit[row].tolist() == habit
    counts = np.zeros((KINDS, NEXT), np.int64)
    for session in lists:
        for pair in followings(session):
            counts[pair] += 1
    assert transitions(sessions).tolist() == counts.tolist()


@settings(max_examples=80, deadline=None)
@given(lists=some_sessions)
def test_an_accelerator_is_told_the_same(lists: list[list[int]]) -> None:
    sessions = Sessions.from_lists(lists)
    past = Past.of(sessions, sessions.offsets[1:] - 1)
    last, habit = past_on_device(DeviceSessions.sent(sessions, torch.device("cpu")), 7)
    assert last.tolist() == past.last.tolist()
    assert habit.tolist() == past.habit.tolist()


def test_events_are_looked_for_as_far_back_as_items_count_as_seen() -> None:
    far, near = [0, *range(1, REACH + 1), 0], [0, *range(1, REACH), 0]
    sessions = Sessions.from_lists([far, near, [5, 5], [7], [1, 1, *range(2, REACH), 1, 1]])
    past = Past.of(sessions, sessions.offsets[1:] - 1)
    assert past.last.tolist() == [NEW, BACK, AGAIN, FIRST, AGAIN]
    assert past.habit[0].tolist() == [0, 0, 0, REACH]  # without the first event of all
    assert transitions(sessions).sum() == REACH + REACH + 1 + REACH
    cut = last_events(sessions, REACH + 1)
    last, habit = past_on_device(DeviceSessions.sent(cut, torch.device("cpu")), 200)
    assert last.tolist() == past.last.tolist()
    assert habit.tolist() == past.habit.tolist()


def test_nothing_has_no_past() -> None:
    past = Past.of(Sessions.from_lists([[1, 2]]), np.zeros(0, np.int64))
    assert [len(column) for column in past] == [0] * 6
    assert transitions(Sessions.from_lists([[1], [2]])).sum() == 0
