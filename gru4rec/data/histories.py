"""Whole histories: all events of a user as one sequence, read as one long session.

Group events by the user alone (`Sessions.from_table(..., session=("user_id",))`), cut at a point in time, train on what
lies before (with `bptt` above 1 the gradient reaches back that many events, with `max_length` only the last events are
read) and test on what lies after, going on from the state that the model has at the end of the train part.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from gru4rec.data.sessions import Sessions
from gru4rec.data.vocabulary import Vocabulary
from gru4rec.scoring.scorer import Block, Scorer


class Split(NamedTuple):
    """Histories cut at a point in time.

    train: the events before it, histories of two such events or more. test: the events from it on, each history led by
    its last event before (so that its first test event is a target too). earlier: the rest, session by session what
    comes before `test`; some may be empty.
    """

    train: Sessions
    test: Sessions
    earlier: Sessions


@dataclass(frozen=True)
class Continued:
    """A scorer that has read something before each session: session s goes on from session s of `earlier`."""

    scorer: Scorer
    earlier: Sessions

    @property
    def name(self) -> str:
        """The scorer's."""
        return self.scorer.name

    @property
    def vocabulary(self) -> Vocabulary:
        """The scorer's."""
        return self.scorer.vocabulary

    @property
    def tie_rule(self) -> str:
        """The scorer's."""
        return self.scorer.tie_rule

    def blocks(self, sessions: Sessions, *, last_only: bool = False, rows: int = 256) -> Iterator[Block]:
        """Scores after the events of `sessions` (Scorer's contract).

        Raises ValueError unless there are as many sessions as earlier ones.
        """
        if len(sessions) != len(self.earlier):
            raise ValueError(f"{len(sessions)} sessions cannot go on from {len(self.earlier)} earlier ones")
        joined = _joined(self.earlier, sessions)
        shift = np.cumsum(self.earlier.lengths)  # of session s: how many earlier events stand before its own
        for block in self.scorer.blocks(joined, last_only=last_only, rows=rows):
            session = joined.session_of(block.events)
            own = block.events >= joined.offsets[session] + self.earlier.lengths[session]
            if own.any():
                yield Block((block.events - shift[session])[own], block.scores[own])


def last_events(sessions: Sessions, n: int) -> Sessions:
    """Sessions cut to their last n events."""
    begin = np.maximum(sessions.offsets[:-1], sessions.offsets[1:] - n)
    return _part(sessions, begin, sessions.offsets[1:])


def split_at(histories: Sessions, time: int) -> Split:
    """Cut at a time (in the unit of `histories.times`): events before it are train, the others test.

    Raises ValueError when the histories have no times.
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
    return Split(train.select(train.lengths > 1), test.select(to_test), earlier.select(to_test))


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


def _joined(first: Sessions, then: Sessions) -> Sessions:
    """Session by session the events of `first`, then those of `then`."""
    session = np.concatenate([np.repeat(np.arange(len(part)), part.lengths) for part in (first, then)])
    order = np.argsort(session, kind="stable")
    return Sessions(np.concatenate([first.items, then.items])[order], first.offsets + then.offsets)
