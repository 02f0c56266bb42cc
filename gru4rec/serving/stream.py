"""Top-N for any number of users, one pass, memory independent of their number.

Contexts come in as record batches, a user's rows side by side; users are gathered into groups, and the lists of a group
leave as one record batch. On a CPU each group is scored in blocks of rows that stay in the cache, before the next one
is read. On an accelerator three kinds of work go on side by side: threads read contexts into groups, this one starts a
group's lists on the device (device_lists.py), and threads turn those that are finished into record batches.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from os import cpu_count
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa

from gru4rec.scoring.calibration import checked_temperature
from gru4rec.scoring.scorer import Linear, Scorer
from gru4rec.serving.batches import Batches
from gru4rec.serving.because import because
from gru4rec.serving.catalogue import Catalogue
from gru4rec.serving.device_lists import DeviceLists
from gru4rec.serving.groups import Group, groups_of, whole_users
from gru4rec.serving.house.choosing import choose
from gru4rec.serving.house.rules import HouseRules
from gru4rec.serving.lists import Lists, Rules, barred_items, make_lists

GROUP = 4096  # users whose lists are held at a time
GROUP_ON_DEVICE = 8192  # the same on an accelerator, where a few groups are under way
ROWS_ON_DEVICE = 1 << 17  # of contexts that are read together there
MOST_THREADS, FEWEST_THREADS = 12, 4  # beside this one, on an accelerator

T = TypeVar("T")
U = TypeVar("U")


@dataclass(frozen=True)
class StreamConfig:
    """What the lists of a stream are like.

    Attributes:
        n: length of a list.
        exclude_seen: whether a user's context is left out of the list.
        max_context: how many of a user's last known items make the context; None for all.
        temperature: of the probabilities.
        explain: whether each item comes with the event behind it (`because`), which costs a context's length of
            further scorings.
        house: rules of the shop, by which a list is chosen from a longer one; None for the model's own list.

    Raises:
        ValueError: n, max_context or the temperature is out of range.
    """

    n: int = 100
    exclude_seen: bool = True
    max_context: int | None = None
    temperature: float = 1.0
    explain: bool = False
    house: HouseRules | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        if self.n < 1 or self.n > np.iinfo(np.int16).max:
            raise ValueError(f"n must be between 1 and {np.iinfo(np.int16).max}, got {self.n}")
        if self.max_context is not None and self.max_context < 1:
            raise ValueError(f"max_context must be at least 1, or None for all, got {self.max_context}")
        object.__setattr__(self, "temperature", checked_temperature(self.temperature))

    @property
    def candidates(self) -> int:
        """How many of the best items are looked for."""
        return self.n if self.house is None else self.n * self.house.pool

    def chosen(self, lists: Lists) -> Lists:
        """The lists of n items that so many candidates become."""
        return lists if self.house is None else choose(lists, self.n, self.house)


def stream(
    scorer: Scorer, contexts: Iterable[pa.RecordBatch], config: StreamConfig, *, allow: Any = None, deny: Any = None
) -> Iterator[pa.RecordBatch]:
    """One list a user, users in the order they come, ranks 1..n.

    Args:
        scorer: the model.
        contexts: batches with `user_id` and `item_id`; a user's rows stand side by side, oldest first, and may go on
            in the next batch.
        config: list length and the like.
        allow: the only item ids that may be recommended (None: all).
        deny: item ids that must not be recommended, allowed or not (None: none).

    Yields:
        user_id, rank int16, item_id, score float32, probability float32, model string, context_length int16. A user
        without a known item gets the popular items, model "popularity", context_length 0. Under `explain` also
        because_of: the id of the event behind the item, or null.

    Raises:
        ValueError: allow and deny leave nothing to recommend, a column is missing, an id is null or of another type
            than the model knows, or a score is not a finite number.
    """
    rules = Rules(config.candidates, config.exclude_seen, barred_items(scorer.vocabulary, allow, deny))
    if rules.barred is not None and rules.barred.all():
        raise ValueError("nothing is left to recommend: the allow and deny lists bar every item that the model knows")
    if isinstance(scorer, Linear) and scorer.output_matrix().device.type != "cpu":
        yield from stream_on_device(scorer, contexts, config, rules)
    else:
        yield from _stream(scorer, contexts, config, rules)


def _stream(
    scorer: Scorer, contexts: Iterable[pa.RecordBatch], config: StreamConfig, rules: Rules
) -> Iterator[pa.RecordBatch]:
    """Group after group, in one thread."""
    catalogue = None
    if isinstance(scorer, Linear):
        catalogue = Catalogue(scorer.output_matrix(), scorer.output_bias(), config.temperature, rules.barred)
    batches = Batches(scorer)
    for users in whole_users(contexts, GROUP):
        for group in groups_of(users, scorer.vocabulary, config.max_context, GROUP):
            lists = config.chosen(make_lists(scorer, group.contexts, rules, config.temperature, catalogue))
            behind = because(scorer, group.contexts, lists) if config.explain else None
            yield batches.batch(group.users, lists, behind)


def stream_on_device(
    scorer: Linear, contexts: Iterable[pa.RecordBatch], config: StreamConfig, rules: Rules
) -> Iterator[pa.RecordBatch]:
    """As `stream`, where the scorer is on an accelerator: several groups are under way, in order."""
    making = DeviceLists(scorer, rules, config.temperature)
    batches = Batches(scorer)
    most = min(GROUP_ON_DEVICE, making.catalogue.rows)
    read = partial(groups_of, vocabulary=scorer.vocabulary, limit=config.max_context, most=most)

    def finish(begun: tuple[Group, Callable[[], Lists]]) -> pa.RecordBatch:
        users, own = begun[0], config.chosen(begun[1]())
        behind = because(scorer, users.contexts, own) if config.explain else None
        return batches.batch(users.users, own, behind)

    threads = max(FEWEST_THREADS, min(MOST_THREADS, (cpu_count() or 1) - 1))
    pool = ThreadPoolExecutor(threads, "lists")
    try:
        groups = chain.from_iterable(_in_order(pool, read, whole_users(contexts, ROWS_ON_DEVICE), 2))
        begun = ((group, making.begin(group.contexts)) for group in groups)
        yield from _in_order(pool, finish, begun, threads - 3)  # two threads are left to read
    finally:
        pool.shutdown(cancel_futures=True)


def _in_order(pool: ThreadPoolExecutor, work: Callable[[T], U], source: Iterable[T], ahead: int) -> Iterator[U]:
    """What the threads make of each of `source`, in order; `ahead` more are under way while one is used."""
    waiting = deque[Future[U]]()
    for one in source:
        waiting.append(pool.submit(work, one))
        if len(waiting) > ahead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()
