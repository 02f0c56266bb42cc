"""A scorer whose scores are written down, so that what is made of them can be counted by hand."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pytest
import torch

from gru4rec.data.sessions import Sessions
from gru4rec.data.vocabulary import Vocabulary
from gru4rec.scoring.scorer import Block


@dataclass
class FixedScorer:
    """Row e of `table` [E, I] is what it says after event e; rows leave out of order, two at a time."""

    table: np.ndarray
    vocabulary: Vocabulary
    tie_rule: str = "standard"
    name: str = "fixed"

    def blocks(self, sessions: Sessions, *, last_only: bool = False, rows: int = 256) -> Iterator[Block]:
        events = sessions.prediction_events(last_only=last_only)
        for start in range(0, len(events), 2)[::-1]:
            part = events[start : start + 2]
            yield Block(part, torch.from_numpy(self.table[part]))


@pytest.fixture(scope="session")
def fixed_scorer() -> Callable[..., FixedScorer]:
    """Make a FixedScorer of a table of scores; ids are the indices unless given."""

    def make(table: np.ndarray, tie_rule: str = "standard", ids: list | None = None, counts: list | None = None):
        items = table.shape[1]
        vocabulary = Vocabulary(pa.array(ids or range(items)), np.asarray(counts or [1] * items))
        return FixedScorer(table, vocabulary, tie_rule)

    return make
