"""The session-parallel schedule: which event each lane reads at each step, built once for all sessions.

B lanes read B sessions side by side; a lane that ends takes the next session. A session of L events takes L - 1 steps,
the last event being a target only. Which lane takes which session depends on the lengths alone, so a heap over lanes
gives every session its lane and first step, and one scatter fills the table.
"""

import heapq
from dataclasses import dataclass

import numpy as np

from gru4rec.data.sessions import Sessions


@dataclass(frozen=True)
class Schedule:
    """position int64 [T, B]: where in `sessions.items` the lane's input stands, its target one further; -1: no session.

    first bool [T, B]: the lane starts a session here, so its hidden state is set to zero before this step.
    """

    position: np.ndarray
    first: np.ndarray

    def __len__(self) -> int:
        return len(self.position)

    @property
    def events(self) -> int:
        """Predictions in one pass."""
        return int((self.position >= 0).sum())


def build_schedule(
    sessions: Sessions, batch_size: int, *, order: np.ndarray | None = None, window: int = 1
) -> Schedule:
    """Lay sessions out over `batch_size` lanes, in `order` (int64, default: as they stand).

    Sessions of one event have nothing to predict and are passed over. When sessions run out the lanes that are done
    stay empty until the last one ends: no event is dropped. T is rounded up to a multiple of `window` steps.
    Raises ValueError when no session has two events.
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
    """First step and lane of each session; of the lanes free at one step the lowest takes the next session."""
    free = [(0, lane) for lane in range(lanes)]  # (step at which the lane is free, lane): already a heap
    start = np.empty(len(steps), dtype=np.int64)
    lane = np.empty(len(steps), dtype=np.int64)
    for number, length in enumerate(steps):
        at, which = free[0]
        start[number], lane[number] = at, which
        heapq.heapreplace(free, (at + length, which))
    return start, lane
