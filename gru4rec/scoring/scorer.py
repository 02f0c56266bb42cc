"""What a model or a baseline promises to the rest of the package.

`Scorer` is all that is asked of anything that scores items for sessions: evaluation, calibration and serving use its
members and no others. `Linear` promises more, and is served faster for it. Both are kept by having their members;
nothing has to inherit from them.
"""

from collections.abc import Iterator
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from gru4rec.data.sessions import Sessions
from gru4rec.data.vocabulary import Vocabulary
from gru4rec.scoring.added import Added

ROWS = 256  # rows scored at once: their scores still stay in the last-level cache for a catalogue of 40k items
BLOCK_BYTES = 256 << 20  # and at most this many bytes of scores for a large catalogue


class Block(NamedTuple):
    """Scores after some input events.

    Attributes:
        events: int64 [R], positions in `sessions.items` of each row's last input event.
        scores: float32 [R, I] on any device, without gradients; higher is better, and all are finite. They are valid
            until the next block is asked for, and whoever asked does not write into them.
    """

    events: NDArray[np.int64]
    scores: Tensor


class Scorer(Protocol):
    """A model or a baseline: its name, its items, the tie rule its ranks use by default, and its scores."""

    @property
    def name(self) -> str:
        """How people call it: "GRU4Rec", "popularity", "markov", "sequential rules", "V-SKNN", "VSTAN"."""
        ...

    @property
    def vocabulary(self) -> Vocabulary:
        """The I items it knows, in the order of the scores' columns; sessions are encoded with it."""
        ...

    @property
    def tie_rule(self) -> str:
        """The rule for equal scores: "standard", "conservative" (pessimistic) or "median"."""
        ...

    def blocks(self, sessions: Sessions, *, last_only: bool = False, rows: int = 256) -> Iterator[Block]:
        """Scores of the whole catalogue, block by block.

        There is one row for every event of `sessions.prediction_events(last_only=last_only)`, made from the events of
        its session up to that one and from nothing else. Rows come in any order. Memory does not depend on the number
        of sessions.

        Args:
            sessions: encoded with the scorer's vocabulary.
            last_only: one row a session, given all of it, instead of one row for every event but the last.
            rows: the most rows of a block.
        """
        ...


@runtime_checkable
class Linear(Scorer, Protocol):
    """A scorer whose scores are h · Wᵀ + b, and a number more for a few items of each row; some are raised then.

    For the last input event e of a session with hidden state h, the score of item i is
    h · output_matrix()[i] + output_bias()[i] + a, where a is what `added` says of e and i, or 0 where it says nothing.
    Then it may be raised towards the scores of the first ranks (scoring/raised.py). `blocks` gives the same scores, up
    to rounding.
    """

    def hidden(self, sessions: Sessions, *, last_only: bool = False) -> Iterator[tuple[NDArray[np.int64], Tensor]]:
        """Hidden states of the rows that `blocks` has, some at a time and in any order.

        Yields:
            Positions in `sessions.items` of each row's last input event, int64 [R], and h, float [R, H].
        """
        ...

    def output_matrix(self) -> Tensor:
        """The item weights W, float [I, H]."""
        ...

    def output_bias(self) -> Tensor:
        """The item biases b, float [I]."""
        ...

    def added(self, sessions: Sessions, events: NDArray[np.int64]) -> Added | None:
        """What is added to the product after some events, and how far is raised; of each score that it names, once.

        Args:
            sessions: encoded with the scorer's vocabulary.
            events: positions in `sessions.items` of each row's last input event, int64 [R].

        Returns:
            Rows from 0 to R, items and numbers; None where nothing is ever added or raised.
        """
        ...


def block_rows(items: int, rows: int = ROWS) -> int:
    """How many rows to score at once, so that a block of scores over `items` columns stays within BLOCK_BYTES."""
    return max(1, min(rows, BLOCK_BYTES // (4 * max(items, 1))))
