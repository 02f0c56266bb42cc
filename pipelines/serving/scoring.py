"""A group of users gets its lists, in whatever process: the model is loaded, the lists are made and written."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from gru4rec.config.threads import limited
from gru4rec.serving.house.rules import HouseRules
from gru4rec.serving.lists import list_threads
from gru4rec.serving.recommend import Recommender
from gru4rec.serving.stream import StreamConfig, stream

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Rules:
    """What every list of a night keeps to: length, what may stand in it, whether it says why, the shop's rules.

    threads: of a processor, in each process that makes lists; 0: as many as pay and are free.
    """

    n: int
    exclude_seen: bool
    allow: "pa.Array | None"
    deny: "pa.Array | None"
    explain: bool
    house: HouseRules | None = None
    threads: int = 0

    def lists(self, recommender: Recommender, contexts: "Iterable[pa.RecordBatch]") -> "Iterator[pa.RecordBatch]":
        """One list a user, users in the order in which their contexts come."""
        config = StreamConfig(self.n, self.exclude_seen, None, recommender.temperature, self.explain, self.house)
        with limited(self.threads or list_threads(recommender.scorer)):
            yield from stream(recommender.scorer, contexts, config, allow=self.allow, deny=self.deny)


@dataclass(frozen=True)
class ListsOfGroup:
    """The task of one group of users; see `Database.map_groups`. It travels to the executors, the model beside it."""

    rules: Rules
    write: "Callable[[Iterable[pa.RecordBatch]], str]"

    def __call__(self, contexts: "Iterator[pa.RecordBatch]", model: Path) -> str:
        """Make the lists of a group with the model in a folder, and write them."""
        return self.write(self.rules.lists(_recommender(model), contexts))


@lru_cache(maxsize=1)
def _recommender(model: Path) -> Recommender:
    """The model, loaded once in a process that has several groups one after the other."""
    return Recommender.load(model)
