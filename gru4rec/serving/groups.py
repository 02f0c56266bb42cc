"""Contexts in record batches become groups of users, whose lists are made together."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from gru4rec.data.sessions import Sessions
from gru4rec.data.vocabulary import Vocabulary


class Users(NamedTuple):
    """Rows of whole users, side by side, and the rows at which another user begins."""

    rows: pa.Table
    starts: NDArray[np.int64]


class Group(NamedTuple):
    """Some users [U], and the known items of each in order of time, a session a user."""

    users: pa.Array
    contexts: Sessions


def whole_users(contexts: Iterable[pa.RecordBatch], rows: int) -> Iterator[Users]:
    """At least so many rows at a time; a batch's last user waits, since the next batch may go on with that user.

    Raises:
        ValueError: what comes is no record batch, a column is missing or of another type than before, or an id is null.
    """
    waiting: list[pa.RecordBatch] = []
    held = 0
    for batch in contexts:
        _check(batch)
        if batch.num_rows == 0:
            continue
        waiting.append(batch.select(["user_id", "item_id"]))
        if (now := waiting[-1].schema.types) != (before := waiting[0].schema.types):
            raise ValueError(
                f"a batch of the contexts has {now[0]} users and {now[1]} items, those before it {before[0]} and "
                f"{before[1]}; give all batches with the same types"
            )
        held += batch.num_rows
        if held >= rows:
            table = pa.Table.from_batches(waiting).combine_chunks()
            starts = _run_starts(table["user_id"])
            if len(starts) > 1:
                yield Users(table.slice(0, starts[-1]), starts[:-1])
            rest = table.slice(starts[-1]).combine_chunks()
            waiting, held = rest.to_batches(), rest.num_rows
    if waiting:
        table = pa.Table.from_batches(waiting).combine_chunks()
        yield Users(table, _run_starts(table["user_id"]))


def groups_of(users: Users, vocabulary: Vocabulary, limit: int | None, most: int) -> list[Group]:
    """Users in groups of at most `most`; of their items the unknown ones go, and of the rest all but the last `limit`.

    Raises:
        ValueError: the items' ids are of another type than the vocabulary's.
    """
    rows, starts = users
    index = vocabulary.encode(rows["item_id"])
    user = np.repeat(np.arange(len(starts)), np.diff(starts, append=rows.num_rows))
    keep = index >= 0
    if not keep.all():
        index, user = index[keep], user[keep]
    lengths = np.bincount(user, minlength=len(starts))
    if limit is not None and lengths.max(initial=0) > limit:
        from_end = np.cumsum(lengths)[user] - np.arange(len(user))
        index, lengths = index[from_end <= limit], np.minimum(lengths, limit)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    ids = rows["user_id"].combine_chunks().take(pa.array(starts))
    parts = []
    for first in range(0, len(starts), most):
        last = min(first + most, len(starts))
        part = offsets[first : last + 1]
        parts.append(Group(ids.slice(first, last - first), Sessions(index[part[0] : part[-1]], part - part[0])))
    return parts


def _check(batch: pa.RecordBatch) -> None:
    if not isinstance(batch, pa.RecordBatch):  # a table or a single batch was given, whose columns come one by one
        raise ValueError(f"the contexts hold a {type(batch).__name__}; give record batches, such as table.to_batches()")
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
