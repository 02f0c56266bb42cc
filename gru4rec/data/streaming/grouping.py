"""From a log's events to sessions, whatever the log's length: memory grows with its items, not with its events.

The events are divided into buckets by session. Each bucket's sessions are made in memory, in the order of their first
event's time. Then the buckets are merged, one stretch of time after another.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from gru4rec.data.ids import in_column
from gru4rec.data.sessions import Sessions, laid_out, session_numbers
from gru4rec.data.streaming.buckets import EventBuckets
from gru4rec.data.streaming.events import ITEM, WEIGHT, EventStream
from gru4rec.data.streaming.session_files import SessionFiles
from gru4rec.data.vocabulary import ItemCounter, Vocabulary, item_counts

SAMPLED = 64  # of so many sessions one is looked at to choose stretches of time


class Sizes(NamedTuple):
    """in_memory: the most events of a log that is not put on disk. stretch: sessions that are merged at a time."""

    in_memory: int = 1 << 20
    buckets: int = 128
    stretch: int = 1 << 17


def grouped(
    events: EventStream,
    min_length: int,
    *,
    vocabulary: Vocabulary | None = None,
    recount: bool = False,
    folder: Path | None = None,
    sizes: Sizes = Sizes(),  # noqa: B008
) -> tuple[Sessions, Vocabulary]:
    """The sessions of a log, and the vocabulary that they are encoded with; none of either for a log without events.

    Args:
        events: the log.
        min_length: the fewest events that a session may have; shorter ones are dropped and counted.
        vocabulary: the known items; events of others are dropped and counted. None: all items of the log.
        recount: whether items that are left in no session leave the vocabulary, and it counts what stands in sessions.
        folder: where a long log's files are made; None: the system's temporary folder.
        sizes: what counts as long.

    Raises:
        ValueError: what `EventStream.batches` raises, and ids that are not of the vocabulary's type.
    """
    counter = ItemCounter()
    with EventBuckets(events.key_names, sizes.buckets, sizes.in_memory, folder) as buckets:
        for batch in events.batches():
            if vocabulary is None:
                counter.add(batch[ITEM])
            buckets.add(batch)
        if events.rows == 0:
            return Sessions.from_lists([]), Vocabulary(pa.array([], pa.int64()), np.zeros(0))
        known = vocabulary or counter.vocabulary()
        parts = (_sessions(table, events, known, min_length) for table in buckets.tables())
        if buckets.on_disk:
            return _merged(parts, known, recount=recount, folder=folder, stretch=sizes.stretch)
        sessions = next(parts)
    if not recount:
        return sessions, known
    own, index = _own(known, item_counts(sessions.items, len(known)))
    return replace(sessions, items=index[sessions.items]), own


def _own(known: Vocabulary, counts: NDArray[np.int64]) -> tuple[Vocabulary, NDArray[np.int32]]:
    """The vocabulary of the items that were counted, and the index there of each item [I]."""
    return known.keeping(counts), np.cumsum(counts > 0, dtype=np.int32) - np.int32(1)


def _sessions(table: pa.Table, events: EventStream, vocabulary: Vocabulary, min_length: int) -> Sessions:
    """The sessions of one bucket."""
    items = in_column(events.columns.item, vocabulary.encode, table[ITEM]).astype(np.int32)
    known = np.flatnonzero(items >= 0)
    items, *clocks = [items[known], *(table[name].to_numpy()[known] for name in events.clock_names)]
    keys = table.select(events.key_names).rename_columns(list(events.columns.session)).take(known)
    rows, offsets, short = laid_out(session_numbers(keys), (*clocks, items), min_length)
    return Sessions(
        items[rows], offsets, clocks[0][rows], keys.take(rows[offsets[:-1]]), table.num_rows - len(known), short,
        table[WEIGHT].to_numpy()[known][rows] if WEIGHT in table.column_names else None, events.time_type,
    )  # fmt: skip


def _merged(
    parts: Iterable[Sessions], known: Vocabulary, *, recount: bool, folder: Path | None, stretch: int
) -> tuple[Sessions, Vocabulary]:
    """The sessions of all buckets in one order, in files."""
    files, firsts = SessionFiles(folder), list[NDArray[np.int64]]()
    counts = np.zeros(len(known), dtype=np.int64)
    unknown = short = 0
    for part in parts:
        files.append(part)
        firsts.append(_firsts(part))
        counts += np.bincount(part.items, minlength=len(known))
        unknown, short = unknown + part.unknown, short + part.short
    apart, out = files.read(), SessionFiles(folder)
    own, index = _own(known, counts) if recount else (known, np.arange(len(known), dtype=np.int32))
    out.append(apart.part(0, 0))  # says of which kinds all are where no session is left
    for some in _stretches(firsts, stretch):
        together = Sessions.joined([apart.part(begin, end) for begin, end in some])
        order = np.lexsort((session_numbers(_keys(together)), _firsts(together)))
        out.append(replace(together, items=index[together.items]).select(order))
        apart.forget()
    return out.read(unknown, short), own


def _stretches(firsts: list[NDArray[np.int64]], size: int) -> Iterator[list[tuple[int, int]]]:
    """Ranges of sessions, one a bucket, that lie in the same stretch of time; about `size` sessions each time.

    firsts: of each bucket the times of its sessions' first events, ascending.
    """
    seen = np.sort(np.concatenate([times[::SAMPLED] for times in firsts]))
    cuts = np.unique(seen[max(1, size // SAMPLED) :: max(1, size // SAMPLED)])
    begins = np.concatenate([[0], np.cumsum([len(times) for times in firsts])])[:-1]
    ends = [np.concatenate([[0], np.searchsorted(times, cuts), [len(times)]]) + at
            for times, at in zip(firsts, begins, strict=True)]  # fmt: skip
    for number in range(len(cuts) + 1):
        found = [(int(of[number]), int(of[number + 1])) for of in ends]
        some = [(begin, end) for begin, end in found if begin < end]
        if some:
            yield some


def _firsts(sessions: Sessions) -> NDArray[np.int64]:
    assert sessions.times is not None
    return np.asarray(sessions.times[sessions.offsets[:-1]])


def _keys(sessions: Sessions) -> pa.Table:
    assert sessions.keys is not None
    return sessions.keys
