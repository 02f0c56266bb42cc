"""Scores that go on from what a user did before: a scorer that has read something ahead of each session."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from gru4rec.data.sessions import Sessions
from gru4rec.data.vocabulary import Vocabulary
from gru4rec.scoring.scorer import Block, Scorer


@dataclass(frozen=True)
class Continued:
    """A scorer whose session s goes on from session s of `earlier` (histories.py cuts both from whole histories)."""

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
        """Scores after the events of `sessions`, as the contract of Scorer has them.

        Raises:
            ValueError: there are not as many sessions as earlier ones.
        """
        if len(sessions) != len(self.earlier):
            raise ValueError(f"{len(sessions)} sessions cannot go on from {len(self.earlier)} earlier ones")
        joined = _joined(self.earlier, sessions)
        shift = np.cumsum(self.earlier.lengths)  # of session s: how many earlier events stand before its own
        for block in self.scorer.blocks(joined, last_only=last_only, rows=rows):
            session = np.searchsorted(joined.offsets, block.events, side="right") - 1
            own = block.events >= joined.offsets[session] + self.earlier.lengths[session]
            if own.any():
                yield Block((block.events - shift[session])[own], block.scores[own])


def _joined(first: Sessions, then: Sessions) -> Sessions:
    """Session by session the events of `first`, then those of `then`."""
    session = np.concatenate([np.repeat(np.arange(len(part)), part.lengths) for part in (first, then)])
    order = np.argsort(session, kind="stable")
    return Sessions(np.concatenate([first.items, then.items])[order], first.offsets + then.offsets)
