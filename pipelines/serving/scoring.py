"""A group of users gets its lists, in whatever process: the model is loaded, the lists are made and written."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import pyarrow as pa

from gru4rec.serving.recommend import Recommender
from warehouse.recommendations.publishing.groups import GroupWritten


@dataclass(frozen=True)
class Rules:
    """What every list of a night keeps to: its length, what may stand in it, and whether it says why."""

    n: int
    exclude_seen: bool
    allow: pa.Array | None
    deny: pa.Array | None
    explain: bool

    def lists(self, recommender: Recommender, contexts: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """One list a user, users in the order in which their contexts come."""
        return recommender.recommend_stream(
            contexts, self.n, self.exclude_seen, self.allow, self.deny, explain=self.explain
        )


@dataclass(frozen=True)
class ListsOfGroup:
    """The task of one group of users; see `Database.map_groups`. It travels to the executors, the model beside it."""

    rules: Rules
    write: Callable[[Iterable[pa.RecordBatch]], GroupWritten]

    def __call__(self, contexts: Iterator[pa.RecordBatch], model: Path) -> GroupWritten:
        """Make the lists of a group with the model in a folder, and write them."""
        return self.write(self.rules.lists(_recommender(model), contexts))


@lru_cache(maxsize=1)
def _recommender(model: Path) -> Recommender:
    """The model, loaded once in a process that has several groups one after the other."""
    return Recommender.load(model)
