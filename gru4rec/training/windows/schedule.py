"""The session-parallel schedule: which event each lane reads at each step, built once for all sessions.

B lanes read B sessions side by side; a lane whose session ends takes the next one. A session of L events takes L - 1
steps, since its last event is only a target. Which lane takes which session depends on the sessions' lengths alone: a
heap over the lanes gives every session its lane and its first step, and one scatter fills the table.
"""

import heapq
from dataclasses import dataclass

import numpy as np

from gru4rec.data.sessions import Sessions


@dataclass(frozen=True)
class Schedule:
    """Which event each lane reads at each of T steps."""

    position: np.ndarray  # int64 [T, B]: place of the input in `sessions.items`, the target's is one more; -1: none
    first: np.ndarray  # bool [T, B]: a session starts here, so the lane's state is set to zero before this step

    def __len__(self) -> int:
        return len(self.position)

    @property
    def events(self) -> int:
        """Predictions in one epoch."""
        return int((self.position >= 0).sum())


def build_schedule(
    sessions: Sessions, batch_size: int, *, order: np.ndarray | None = None, window: int = 1
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
    steps = sessions.lengths - 1
    order = np.arange(len(sessions)) if order is None else order
    order = order[steps[order] > 0]
    if len(order) == 0:
        raise ValueError("no session has two events, so there is nothing to learn from; give longer sessions")
    start, lane = _places(steps[order].tolist(), batch_size)

    steps = steps[order]
    total = int((start + steps).max())
    position = np.full((-(-total // window) * window, batch_size), -1, dtype=np.int64)
    first = np.zeros(position.shape, dtype=bool)
    within = np.arange(steps.sum()) - np.repeat(np.cumsum(steps) - steps, steps)  # 0, 1, .., L-2 of each session
    row = np.repeat(start, steps) + within
    position[row, np.repeat(lane, steps)] = np.repeat(sessions.offsets[:-1][order], steps) + within
    first[start, lane] = True
    return Schedule(position, first)


def _places(steps: list[int], lanes: int) -> tuple[np.ndarray, np.ndarray]:
    """First step and lane of each session; if several lanes are free at a step, the lowest takes the next session."""
    free = [(0, lane) for lane in range(lanes)]  # (step at which the lane is free, lane): already a heap
    start = np.empty(len(steps), dtype=np.int64)
    lane = np.empty(len(steps), dtype=np.int64)
    for number, length in enumerate(steps):
        at, which = free[0]
        start[number], lane[number] = at, which
        heapq.heapreplace(free, (at + length, which))
    return start, lane
