"""Whole histories: all events of a user as one sequence, read as one long session.

Group events by the user alone (`Sessions.from_table(..., session=("user_id",))`) and cut them at a point in time. Train
on what lies before: with `bptt` above 1 the gradient reaches back that many events, with `max_length` only the last
events are read. Test on what lies after: `scoring.continued.Continued` goes on from the state that the model has at the
end of the train part.
"""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from gru4rec.data.sessions import Sessions


class CutHistories(NamedTuple):
    """Histories cut at a point in time.

    Attributes:
        train: the events before it, of histories that have two such events or more.
        test: the events from it on, each history led by its last event before the cut, which makes its first test
            event a target too.
        earlier: for each session of `test` the events before those; some have none.
    """

    train: Sessions
    test: Sessions
    earlier: Sessions


def cut_at(histories: Sessions, time: int) -> CutHistories:
    """Cut every history at a time: the events before it are train, the others test.

    Args:
        histories: one session a user.
        time: in the unit of `histories.times`.

    Raises:
        ValueError: the histories have no times.
    """
    if histories.times is None:
        raise ValueError("histories without times cannot be cut at a time; build them with Sessions.from_table")
    before = np.concatenate([[0], np.cumsum(histories.times < time)])  # inside a history events stand by time
    cut = histories.offsets[:-1] + before[histories.offsets[1:]] - before[histories.offsets[:-1]]
    train = _part(histories, histories.offsets[:-1], cut)
    lead = np.maximum(cut - 1, histories.offsets[:-1])
    to_test = histories.offsets[1:] - lead > 1
    to_test &= histories.offsets[1:] > cut
    test = _part(histories, lead, histories.offsets[1:])
    earlier = _part(histories, histories.offsets[:-1], lead)
    return CutHistories(train.select(train.lengths > 1), test.select(to_test), earlier.select(to_test))


def last_events(sessions: Sessions, n: int) -> Sessions:
    """Sessions cut to their last n events."""
    begin = np.maximum(sessions.offsets[:-1], sessions.offsets[1:] - n)
    return _part(sessions, begin, sessions.offsets[1:])


def _part(sessions: Sessions, begin: np.ndarray, end: np.ndarray) -> Sessions:
    """Of each session the events at positions begin..end-1 of `sessions.items`."""
    mark = np.zeros(len(sessions.items) + 1, dtype=np.int64)
    np.add.at(mark, begin, 1)
    np.add.at(mark, end, -1)
    kept = np.cumsum(mark)[:-1] > 0
    return replace(
        sessions,
        items=sessions.items[kept],
        offsets=np.concatenate([[0], np.cumsum(end - begin)]).astype(np.int64),
        times=None if sessions.times is None else sessions.times[kept],
        weights=None if sessions.weights is None else sessions.weights[kept],
    )
