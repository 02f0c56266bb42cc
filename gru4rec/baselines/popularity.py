"""The same list for everybody: the items with the most events, recent days weighing more."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch

from gru4rec.data.sessions import Sessions
from gru4rec.data.vocabulary import Vocabulary
from gru4rec.scoring.scorer import Block


@dataclass(frozen=True)
class Popularity:
    """Weighted counts, float32 [I]."""

    vocabulary: Vocabulary
    weights: torch.Tensor
    name: str = "popularity"
    tie_rule: str = "conservative"

    @classmethod
    def fit(cls, train: Sessions, vocabulary: Vocabulary, half_life: float = 0.0) -> Self:
        """Count the training events; an event's weight halves every `half_life`.

        Args:
            train: the training sessions.
            vocabulary: the catalogue.
            half_life: as a share of the training period (0.25: a quarter of it), so that it means the same on any
                clock; 0 counts all events alike. Sessions without times are taken to be evenly spaced in time.

        Raises:
            ValueError: half_life is negative.
        """
        if half_life < 0:
            raise ValueError(f"half_life must not be negative, got {half_life}")
        weights = np.bincount(train.items, weights=_decay(train, half_life), minlength=len(vocabulary))
        return cls(vocabulary, torch.from_numpy(weights.astype(np.float32)))

    def blocks(self, sessions: Sessions, *, last_only: bool = False, rows: int = 256) -> Iterator[Block]:
        """See `scorer.Scorer`."""
        events = sessions.prediction_events(last_only=last_only)
        for start in range(0, len(events), rows):
            part = events[start : start + rows]
            yield Block(part, self.weights.expand(len(part), -1).contiguous())


def _decay(train: Sessions, half_life: float) -> np.ndarray | None:
    """Weight of each training event, [E]; None: all 1."""
    if half_life == 0 or len(train.items) == 0:
        return None
    clock = np.arange(len(train.items)) if train.times is None else train.times
    age = (clock.max() - clock) / max(int(clock.max() - clock.min()), 1)
    weights: np.ndarray = 0.5 ** (age / half_life)
    return weights
