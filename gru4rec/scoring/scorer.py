"""What everything that scores items for sessions looks like, so that models and baselines are measured alike."""

from collections.abc import Iterator
from typing import NamedTuple, Protocol

import numpy as np
import torch

from gru4rec.data.sessions import Sessions
from gru4rec.data.vocabulary import Vocabulary


class Block(NamedTuple):
    """Scores of some rows. `events` int64 [R]: the position in `sessions.items` of each row's last input event.

    `scores` float32 [R, I]: higher is better; valid until the next block is asked for.
    """

    events: np.ndarray
    scores: torch.Tensor


class Scorer(Protocol):
    """A model or a baseline: its name, its vocabulary, the tie rule its ranks use by default, and its scores."""

    @property
    def name(self) -> str:
        """How people call it: "GRU4Rec", "popularity", "markov", "sequential rules", "V-SKNN", "VSTAN"."""
        ...

    @property
    def vocabulary(self) -> Vocabulary:
        """The items it knows, in the order of the scores' columns."""
        ...

    @property
    def tie_rule(self) -> str:
        """The rule for equal scores: "standard", "conservative" (pessimistic) or "median"."""
        ...

    def blocks(self, sessions: Sessions, *, last_only: bool = False, rows: int = 256) -> Iterator[Block]:
        """Scores of the whole catalogue, at most `rows` rows at a time, in any order of rows.

        One row an event but the last of each session (its target is the next item); with `last_only` one row a
        session, given all of it. Memory does not depend on the number of sessions.
        """
        ...
