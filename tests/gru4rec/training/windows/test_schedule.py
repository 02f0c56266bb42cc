"""The schedule built once is the walk over lanes, step by step."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gru4rec.data.sessions import Sessions
from gru4rec.training.windows.schedule import build_schedule
from tests.gru4rec.reference import walk

sessions_strategy = st.lists(st.lists(st.integers(0, 20), max_size=6), min_size=1, max_size=30)


@given(sessions_strategy, st.integers(1, 8))
@settings(max_examples=80, deadline=None)
def test_schedule_equals_the_walk(lists: list[list[int]], lanes: int) -> None:
    sessions = Sessions.from_lists(lists)
    expected = walk(sessions, lanes)
    if not expected:
        with pytest.raises(ValueError, match="no session has two events"):
            build_schedule(sessions, lanes)
        return
    schedule = build_schedule(sessions, lanes)
    assert len(schedule) == len(expected)
    for position, first, (inputs, targets, starts) in zip(schedule.position, schedule.first, expected, strict=True):
        active = position >= 0
        assert np.where(active, sessions.items[position], -1).tolist() == inputs
        assert (
            np.where(active, sessions.items[np.minimum(position + 1, len(sessions.items) - 1)], -1).tolist() == targets
        )
        assert first.tolist() == starts


def test_every_event_but_the_first_of_each_session_is_a_target_exactly_once() -> None:
    """The tail is not dropped when sessions run out, nor a partial last batch."""
    lengths = [2, 9, 3, 1, 5, 2, 2]
    sessions = Sessions.from_lists([list(range(n)) for n in lengths])
    schedule = build_schedule(sessions, 3)
    targets = np.sort(schedule.position[schedule.position >= 0] + 1)
    expected = np.setdiff1d(np.arange(sum(lengths)), sessions.offsets[:-1])
    assert targets.tolist() == expected.tolist()
    assert schedule.events == sum(n - 1 for n in lengths)


def test_fewer_sessions_than_lanes_leave_lanes_empty() -> None:
    schedule = build_schedule(Sessions.from_lists([[1, 2, 3], [4, 5]]), 5)
    assert schedule.position.tolist() == [[0, 3, -1, -1, -1], [1, -1, -1, -1, -1]]


def test_a_window_rounds_the_steps_up_with_empty_lanes() -> None:
    schedule = build_schedule(Sessions.from_lists([[1, 2, 3, 4]]), 1, window=2)
    assert schedule.position[:, 0].tolist() == [0, 1, 2, -1]


def test_an_order_decides_which_sessions_come_first() -> None:
    sessions = Sessions.from_lists([[1, 2], [3, 4], [5, 6]])
    schedule = build_schedule(sessions, 1, order=np.array([2, 0, 1]))
    assert sessions.items[schedule.position[:, 0]].tolist() == [5, 1, 3]


@given(sessions_strategy, st.integers(1, 5), st.integers(1, 4), st.integers(1, 3), st.booleans())
@settings(max_examples=60, deadline=None)
def test_parts_are_the_whole_table_cut(
    lists: list[list[int]], lanes: int, windows: int, window: int, shuffled: bool
) -> None:
    sessions = Sessions.from_lists([[1, 2], *lists])
    order = np.random.default_rng(len(lists)).permutation(len(sessions)) if shuffled else None
    schedule = build_schedule(sessions, lanes, order=order, window=window)
    parts = list(schedule.parts(windows * window))
    assert all(len(part.position) == windows * window for part in parts[:-1])
    np.testing.assert_array_equal(np.concatenate([part.position for part in parts]), schedule.position)
    np.testing.assert_array_equal(np.concatenate([part.first for part in parts]), schedule.first)
    assert len(schedule.position) == len(schedule)
    assert schedule.events == (schedule.position >= 0).sum()
