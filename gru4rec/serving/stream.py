"""Top-N for any number of users, one pass, memory independent of their number.

Contexts come in as record batches, a user's rows side by side; users are gathered into groups, each group is scored
in blocks of rows that stay in the cache, and its lists leave as one record batch before the next group is read.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from gru4rec.data.sessions import Sessions
from gru4rec.data.vocabulary import Vocabulary
from gru4rec.scoring.scorer import Linear, Scorer
from gru4rec.serving.because import because
from gru4rec.serving.catalogue import Catalogue
from gru4rec.serving.lists import POPULARITY, Lists, Rules, barred_items, make_lists

GROUP = 4096  # users whose lists are held at a time


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

    Raises:
        ValueError: n or max_context is out of range.
    """

    n: int = 100
    exclude_seen: bool = True
    max_context: int | None = None
    temperature: float = 1.0
    explain: bool = False

    def __post_init__(self) -> None:
        if self.n < 1 or self.n > np.iinfo(np.int16).max:
            raise ValueError(f"n must be between 1 and {np.iinfo(np.int16).max}, got {self.n}")
        if self.max_context is not None and self.max_context < 1:
            raise ValueError(f"max_context must be at least 1, or None for all, got {self.max_context}")


class _Group(NamedTuple):
    """Some users [U], and the known items of each in order of time, a session a user."""

    users: pa.Array
    contexts: Sessions


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
    rules = Rules(config.n, config.exclude_seen, barred_items(scorer.vocabulary, allow, deny))
    if rules.barred is not None and rules.barred.all():
        raise ValueError("nothing is left to recommend: the allow and deny lists bar every item that the model knows")
    catalogue = None
    if isinstance(scorer, Linear):
        catalogue = Catalogue(scorer.output_matrix(), scorer.output_bias(), config.temperature, rules.barred)
    for group in _groups(contexts, scorer.vocabulary, config.max_context):
        lists = make_lists(scorer, group.contexts, rules, config.temperature, catalogue)
        behind = because(scorer, group.contexts, lists) if config.explain else None
        yield _table(group.users, lists, scorer, behind)


def _groups(contexts: Iterable[pa.RecordBatch], vocabulary: Vocabulary, limit: int | None) -> Iterator[_Group]:
    """Users in groups of at most GROUP; a batch's last user waits, since the next batch may go on with that user."""
    waiting: list[pa.RecordBatch] = []
    held = 0
    for batch in contexts:
        if batch.num_rows == 0:
            continue
        _check(batch)
        waiting.append(batch.select(["user_id", "item_id"]))
        held += batch.num_rows
        if held >= GROUP:
            rows = pa.Table.from_batches(waiting).combine_chunks()
            starts = _run_starts(rows["user_id"])
            yield from _cut(rows.slice(0, starts[-1]), starts[:-1], vocabulary, limit)
            rest = rows.slice(starts[-1]).combine_chunks()
            waiting, held = rest.to_batches(), rest.num_rows
    if waiting:
        rows = pa.Table.from_batches(waiting).combine_chunks()
        yield from _cut(rows, _run_starts(rows["user_id"]), vocabulary, limit)


def _check(batch: pa.RecordBatch) -> None:
    for name in ("user_id", "item_id"):
        if name not in batch.schema.names:
            raise ValueError(f"the contexts have no column {name!r}; they have {', '.join(batch.schema.names)}")
        if batch[name].null_count:
            raise ValueError(f"{batch[name].null_count} rows of the contexts have no {name}; leave such rows out")


def _run_starts(users: pa.ChunkedArray) -> NDArray[np.int64]:
    """Rows at which another user begins."""
    column = users.combine_chunks()
    other = pc.not_equal(column.slice(1), column.slice(0, len(column) - 1)).to_numpy(zero_copy_only=False)
    return np.concatenate([[0], np.flatnonzero(other) + 1])


def _cut(rows: pa.Table, starts: NDArray[np.int64], vocabulary: Vocabulary, limit: int | None) -> Iterator[_Group]:
    """Whole users, cut into groups; of their items the unknown ones go, and of the rest all but the last `limit`."""
    if len(starts) == 0:
        return
    index = vocabulary.encode(rows["item_id"])
    user = np.repeat(np.arange(len(starts)), np.diff(starts, append=rows.num_rows))
    keep = index >= 0
    index, user = index[keep], user[keep]
    lengths = np.bincount(user, minlength=len(starts))
    if limit is not None:
        from_end = np.cumsum(lengths)[user] - np.arange(len(user))
        index, lengths = index[from_end <= limit], np.minimum(lengths, limit)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    ids = rows["user_id"].combine_chunks().take(pa.array(starts))
    for first in range(0, len(starts), GROUP):
        last = min(first + GROUP, len(starts))
        part = offsets[first : last + 1]
        yield _Group(ids.slice(first, last - first), Sessions(index[part[0] : part[-1]], part - part[0]))


def _table(users: pa.Array, lists: Lists, scorer: Scorer, behind: NDArray[np.int64] | None) -> pa.RecordBatch:
    """The lists of some users as rows, without the places that no item was left for."""
    count, n = lists.items.shape
    there = (lists.scores > -np.inf).ravel()
    row = np.repeat(np.arange(count), n)[there]
    names = pa.array([scorer.name, POPULARITY])
    columns = {}
    if behind is not None:
        index = behind.ravel()[there]
        columns["because_of"] = scorer.vocabulary.ids.take(pa.array(index, mask=index < 0))
    return pa.record_batch(
        {
            "user_id": users.take(pa.array(row)),
            "rank": np.tile(np.arange(1, n + 1, dtype=np.int16), count)[there],
            "item_id": scorer.vocabulary.decode(lists.items.ravel()[there]),
            "score": lists.scores.ravel()[there],
            "probability": lists.probabilities.ravel()[there],
            "model": names.take(pa.array((lists.context_length == 0).astype(np.int8)[row])),
            "context_length": np.minimum(lists.context_length, np.iinfo(np.int16).max).astype(np.int16)[row],
            **columns,
        }
    )
