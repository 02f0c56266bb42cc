"""The session-parallel schedule: which event each lane reads at each step.

B lanes read B sessions side by side; a lane whose session ends takes the next one. A session of L events takes L - 1
steps, since its last event is only a target. Which lane takes which session depends on the sessions' lengths alone: a
heap over the lanes gives every session its lane and its first step, in the order in which the sessions begin. So the
table of steps is made part by part, and an epoch never needs it as a whole.
"""

import heapq
from collections.abc import Iterator
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gru4rec.data.sessions import Sessions

TAKEN = 1 << 16  # sessions whose lengths are looked up at a time


class Steps(NamedTuple):
    """Which event each lane reads at each of T steps.

    Attributes:
        position: place of the input in `sessions.items`, the target's is one more; -1: none; int64 [T, B].
        first: a session starts here, so the lane's state is set to zero before this step; bool [T, B].
    """

    position: NDArray[np.int64]
    first: NDArray[np.bool_]


class _Runs(NamedTuple):
    """Sessions in their lanes, one row a session: its first step and lane, its first event, and how many steps."""

    start: NDArray[np.int64]
    lane: NDArray[np.int64]
    event: NDArray[np.int64]
    steps: NDArray[np.int64]

    def table(self, begin: int, rows: int, lanes: int) -> Steps:
        """The steps begin..begin+rows-1."""
        position = np.full((rows, lanes), -1, dtype=np.int64)
        first = np.zeros(position.shape, dtype=bool)
        row = np.maximum(self.start, begin)
        steps = np.minimum(self.start + self.steps, begin + rows) - row
        within = np.arange(steps.sum()) - np.repeat(np.cumsum(steps) - steps, steps)  # 0, 1, .. of each session
        at = np.repeat(row - begin, steps) + within
        position[at, np.repeat(self.lane, steps)] = np.repeat(self.event + row - self.start, steps) + within
        new = self.start >= begin
        first[self.start[new] - begin, self.lane[new]] = True
        return Steps(position, first)

    def ending_after(self, step: int) -> "_Runs":
        """Those that go on at a step."""
        goes_on = self.start + self.steps > step
        return _Runs(*(column[goes_on] for column in self))


class Schedule:
    """The lanes' way through the sessions."""

    def __init__(self, sessions: Sessions, lanes: int, order: NDArray[np.int64] | None, window: int) -> None:
        """See `build_schedule`."""
        self._sessions = sessions
        self._lanes = lanes
        self._order = order
        self._window = window
        self.events = int(np.maximum(sessions.lengths if order is None else sessions.lengths[order], 1).sum())
        self.events -= len(sessions) if order is None else len(order)  # predictions in one epoch

    @cached_property
    def _steps(self) -> int:
        lanes = [0] * self._lanes  # a heap of the steps at which they are free
        for _, steps in self._sessions_taken():
            for length in steps.tolist():
                heapq.heapreplace(lanes, lanes[0] + length)
        return -(-max(lanes) // self._window) * self._window

    def __len__(self) -> int:
        """T, a multiple of the window."""
        return self._steps

    @property
    def position(self) -> NDArray[np.int64]:
        """`Steps.position` of all steps."""
        return self._whole.position

    @property
    def first(self) -> NDArray[np.bool_]:
        """`Steps.first` of all steps."""
        return self._whole.first

    @cached_property
    def _whole(self) -> Steps:
        return next(self.parts(len(self)))

    def parts(self, rows: int) -> Iterator[Steps]:
        """All steps in their order, `rows` (a multiple of the window) at a time; the last part may have fewer."""
        free = [(0, lane) for lane in range(self._lanes)]  # (step at which the lane is free, lane): already a heap
        runs = _Runs(*(np.empty(0, dtype=np.int64) for _ in _Runs._fields))
        waiting = self._runs(free)
        ahead = next(waiting)
        begin = 0
        while len(runs.start) or len(ahead.start):
            while len(ahead.start) and ahead.start[0] < begin + rows:
                now = int(np.searchsorted(ahead.start, begin + rows))
                runs = _Runs(*(np.concatenate([old, new[:now]]) for old, new in zip(runs, ahead, strict=True)))
                ahead = _Runs(*(column[now:] for column in ahead))
                if not len(ahead.start):
                    ahead = next(waiting, ahead)
            last = begin + rows if len(ahead.start) else int((runs.start + runs.steps).max())
            size = min(rows, -(-(last - begin) // self._window) * self._window)
            yield runs.table(begin, size, self._lanes)
            begin += rows
            runs = runs.ending_after(begin)

    def _runs(self, free: list[tuple[int, int]]) -> Iterator[_Runs]:
        """The sessions with their places; if several lanes are free at a step, the lowest takes the next session."""
        for event, steps in self._sessions_taken():
            start = np.empty(len(steps), dtype=np.int64)
            lane = np.empty(len(steps), dtype=np.int64)
            for number, length in enumerate(steps.tolist()):
                at, which = free[0]
                start[number], lane[number] = at, which
                heapq.heapreplace(free, (at + length, which))
            yield _Runs(start, lane, event, steps)

    def _sessions_taken(self) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """First events and steps of the sessions that have any, some sessions at a time."""
        offsets = self._sessions.offsets
        for begin in range(0, len(self._sessions) if self._order is None else len(self._order), TAKEN):
            if self._order is None:
                ends = offsets[begin : begin + TAKEN + 1]
                event, steps = ends[:-1], np.diff(ends) - 1
            else:
                taken = self._order[begin : begin + TAKEN]
                event, steps = offsets[taken], offsets[taken + 1] - offsets[taken] - 1
            if (steps > 0).any():
                yield event[steps > 0], steps[steps > 0]


def build_schedule(
    sessions: Sessions, batch_size: int, *, order: NDArray[np.int64] | None = None, window: int = 1
) -> Schedule:
    """Lay sessions out over `batch_size` lanes.

    Sessions of one event have nothing to predict and are left out. When there are no sessions left, the lanes that are
    done stay empty until the last one ends, so that no event is dropped.

    Args:
        sessions: the sessions.
        batch_size: the number of lanes B.
        order: the sessions' numbers int64, in the order in which lanes take them; by default 0, 1, 2, ..
        window: T is rounded up to a multiple of so many steps.

    Raises:
        ValueError: no session has two events.
    """
    schedule = Schedule(sessions, batch_size, order, window)
    if schedule.events == 0:
        raise ValueError("no session has two events, so there is nothing to learn from; give longer sessions")
    return schedule
