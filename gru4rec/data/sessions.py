"""Sessions as two flat arrays, items and offsets, built from Arrow columns.

Inside a session events stand in the order of (time, item_id): where events share a time, their ids decide, unless a
further column says which came first. Sessions stand in the order of their first event's time, then of their key. So the
same rows in any order give the same arrays.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gru4rec.data.ids import as_keys, in_column
from gru4rec.data.times import as_times
from gru4rec.data.vocabulary import Vocabulary
from gru4rec.data.weights import as_weights


@dataclass(frozen=True)
class Sessions:
    """S sessions of E events.

    Attributes:
        items: item indices, int32 [E] where they were read from a table.
        offsets: session s is items[offsets[s]:offsets[s+1]], int64 [S+1].
        times: when each event was, int64 [E] in the unit of `time_type`, or None.
        keys: what names each session, one row a session, or None.
        unknown: how many events were dropped because the vocabulary lacks their item.
        short: how many sessions were then dropped because they were shorter than asked for.
        weights: how much predicting each event counts in the loss, float32 [E], or None where all count alike.
        time_type: the Arrow type that says what the numbers in `times` are (see `as_times`), or None.
    """

    items: np.ndarray
    offsets: np.ndarray
    times: np.ndarray | None = None
    keys: pa.Table | None = None
    unknown: int = 0
    short: int = 0
    weights: np.ndarray | None = None
    time_type: pa.DataType | None = None

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> np.ndarray:
        """Events of each session, int64 [S]."""
        return np.diff(self.offsets)

    @property
    def predictions(self) -> int:
        """How many events have one before them in their session."""
        return int(np.maximum(self.lengths - 1, 0).sum())

    def check(self, items: int) -> None:
        """Look whether they can be of a vocabulary of so many items.

        Raises:
            ValueError: an event's item is none of 0..items-1, or the offsets do not divide the events into sessions.
        """
        if self.offsets[0] != 0 or self.offsets[-1] != len(self.items) or (self.lengths < 0).any():
            raise ValueError(
                f"the offsets of the sessions do not divide their {len(self.items)} events: they begin with 0, never "
                "fall, and end with the number of events"
            )
        lowest, highest = (int(self.items.min()), int(self.items.max())) if len(self.items) else (0, 0)
        if lowest < 0 or highest >= max(items, 1):
            raise ValueError(
                f"the sessions name item {lowest if lowest < 0 else highest}, but the vocabulary has {items} items, "
                "counted from 0; encode them with this vocabulary, and leave out what it does not know"
            )

    def forget(self) -> None:
        """Take what has been read of the sessions' files out of memory, where they lie in files; they stay readable."""

    def session_of(self, events: np.ndarray) -> np.ndarray:
        """The number of the session that each event belongs to; events int64 [R] are positions in `items`."""
        return np.searchsorted(self.offsets, events, side="right") - 1

    def items_at(self, events: np.ndarray) -> np.ndarray:
        """The items at some positions, int64 of the shape of `events`."""
        return np.asarray(self.items[events], dtype=np.int64)

    def prediction_events(self, *, last_only: bool = False) -> np.ndarray:
        """Positions in `items` of the events that a prediction is made after, int64 [P], ascending.

        They are all events but each session's last, whose target is the event after them. With `last_only` they are
        each session's last event alone: what comes next is not known yet.
        """
        is_last = np.zeros(len(self.items), dtype=bool)
        is_last[self.offsets[1:][self.lengths > 0] - 1] = True
        return np.flatnonzero(is_last if last_only else ~is_last)

    @classmethod
    def from_lists(cls, sessions: Sequence[Sequence[int]]) -> Self:
        """Sessions from lists of item indices, in the order given."""
        lengths = [len(session) for session in sessions]
        items = np.array([index for session in sessions for index in session], dtype=np.int64)
        return cls(items, np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64))

    @classmethod
    def from_table(
        cls,
        table: pa.Table,
        vocabulary: Vocabulary,
        *,
        session: Sequence[str] = ("session_id",),
        item: str = "item_id",
        time: str | Sequence[str] = "timestamp",
        weight: str | None = None,
        min_length: int = 2,
    ) -> Self:
        """Group a table of events (one row an event, any order) by the `session` columns.

        Events of unknown items are dropped first, then sessions shorter than `min_length`; both are counted.

        Args:
            table: the events.
            vocabulary: the known items.
            session: the columns that together name a session.
            item: the column of item ids.
            time: the column of times, as `as_times` reads them; or several, of which the later ones say in which order
                events of one time came.
            weight: the column of weights, if there is one.
            min_length: the fewest events that a session may have.

        Raises:
            ValueError: a column is missing or has nulls, and what `as_ids`, `as_times` and `as_weights` raise.
        """
        clocks = (time,) if isinstance(time, str) else tuple(time)
        names = [*session, item, *clocks] + ([] if weight is None else [weight])
        _check_columns(table, names)
        items = in_column(item, vocabulary.encode, table[item]).astype(np.int32)
        known = np.flatnonzero(items >= 0)
        unknown = len(items) - len(known)
        read = [in_column(name, as_times, table[name]) for name in clocks]
        items, times, *ties = [items[known], *(clock.values[known] for clock in read)]
        keys = pa.table({name: in_column(name, as_keys, table[name]) for name in session}).take(known)
        rows, offsets, short = laid_out(session_numbers(keys), (times, *ties, items), min_length)
        weights = None if weight is None else in_column(weight, as_weights, table[weight]).to_numpy()[known][rows]
        keys = keys.take(rows[offsets[:-1]])
        return cls(items[rows], offsets, times[rows], keys, unknown, short, weights, read[0].type)

    def part(self, begin: int, end: int) -> "Sessions":
        """The sessions begin..end-1, without a copy; what was dropped before is not counted."""
        events = slice(int(self.offsets[begin]), int(self.offsets[end]))
        return Sessions(
            self.items[events],
            self.offsets[begin : end + 1] - events.start,
            None if self.times is None else self.times[events],
            None if self.keys is None else self.keys.slice(begin, end - begin),
            weights=None if self.weights is None else self.weights[events],
            time_type=self.time_type,
        )

    @classmethod
    def joined(cls, parts: "Sequence[Sessions]") -> "Sessions":
        """Sessions one after another; all parts have times, keys and weights, or none has."""
        begins = np.cumsum([0, *(len(part.items) for part in parts)])
        offsets = [part.offsets[1:] + begin for part, begin in zip(parts, begins[:-1], strict=True)]

        def both(name: str) -> np.ndarray | None:
            arrays = [getattr(part, name) for part in parts]
            return None if arrays[0] is None else np.concatenate(arrays)

        keys = None if parts[0].keys is None else pa.concat_tables([part.keys for part in parts])
        return Sessions(
            np.concatenate([part.items for part in parts]), np.concatenate([[0], *offsets]), both("times"), keys,
            weights=both("weights"), time_type=parts[0].time_type,
        )  # fmt: skip

    def select(self, index: Any) -> "Sessions":
        """Some sessions, in the order of `index` (int [N], or bool [S]); what was dropped before is not counted."""
        chosen = np.asarray(index)
        chosen = np.flatnonzero(chosen) if chosen.dtype == bool else chosen.astype(np.int64)
        lengths = self.lengths[chosen]
        rows = _ranges(self.offsets[:-1][chosen], lengths)
        return Sessions(
            self.items[rows],
            np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
            None if self.times is None else self.times[rows],
            None if self.keys is None else self.keys.take(chosen),
            weights=None if self.weights is None else self.weights[rows],
            time_type=self.time_type,
        )

    def renumbered(self, index: np.ndarray, min_length: int = 2) -> "Sessions":
        """The sessions in another vocabulary, as `from_table` would make them of the same events.

        Args:
            index: the new index of each item, ascending as the old ones are, or -1 for an item that is unknown now,
                int64 [I].
            min_length: the fewest known events that a session may have.
        """
        items = index.astype(np.int32)[self.items]
        known = np.flatnonzero(items >= 0)
        lengths = np.bincount(np.repeat(np.arange(len(self)), self.lengths)[known], minlength=len(self))
        chosen = np.flatnonzero(lengths >= min_length)
        kept = replace(
            self,
            items=items[known],
            offsets=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
            times=None if self.times is None else self.times[known],
            weights=None if self.weights is None else self.weights[known],
        )
        if kept.times is not None and len(known) < len(items):  # a session may begin later now
            rank = chosen if self.keys is None else session_numbers(self.keys)[chosen]
            chosen = chosen[np.lexsort((rank, kept.times[kept.offsets[chosen]]))]
        unknown = self.unknown + len(items) - len(known)
        short = self.short + int(np.count_nonzero((lengths > 0) & (lengths < min_length)))
        return replace(kept.select(chosen), unknown=unknown, short=short)


def _check_columns(table: pa.Table, names: Sequence[str]) -> None:
    missing = [name for name in names if name not in table.column_names]
    if missing:
        raise ValueError(f"no column {', '.join(missing)} in the events; they have {', '.join(table.column_names)}")
    for name in names:
        if table[name].null_count:
            raise ValueError(f"column {name} has {table[name].null_count} nulls; drop those rows first")


def laid_out(number: np.ndarray, clocks: Sequence[np.ndarray], min_length: int) -> tuple[np.ndarray, np.ndarray, int]:
    """Events session by session: their rows [E], the sessions' offsets [S+1], and how many sessions were too short.

    Args:
        number: of each row's session, ascending as the sessions' keys are.
        clocks: what orders the events of a session; the first is the time, by whose first value sessions are ordered.
        min_length: the fewest events that a session may have.
    """
    order = np.lexsort((*reversed(clocks), number))
    starts = np.flatnonzero(np.diff(number[order], prepend=-1))  # first row of each session in `order`
    lengths = np.diff(starts, append=len(order))
    long_enough = np.flatnonzero(lengths >= min_length)
    by_time = long_enough[np.argsort(clocks[0][order[starts[long_enough]]], kind="stable")]
    offsets = np.concatenate([[0], np.cumsum(lengths[by_time])]).astype(np.int64)
    return order[_ranges(starts[by_time], lengths[by_time])], offsets, len(starts) - len(long_enough)


def session_numbers(keys: pa.Table) -> np.ndarray:
    """A number for each row, equal for equal keys and ascending as the keys are, int64 [E]."""
    number = np.zeros(keys.num_rows, dtype=np.int64)
    for name in keys.column_names:
        column = keys[name].combine_chunks()
        encoded = column if pa.types.is_dictionary(column.type) else pc.dictionary_encode(column)
        rank = np.empty(len(encoded.dictionary), dtype=np.int64)
        rank[pc.array_sort_indices(encoded.dictionary).to_numpy()] = np.arange(len(rank))
        number = number * len(rank) + rank[encoded.indices.to_numpy()]
    return number


def _ranges(starts: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """[s0, s0+1, .., s0+l0-1, s1, ..]: the rows of runs that start at `starts` and are `lengths` long."""
    ends = np.cumsum(lengths)
    rows: np.ndarray = np.repeat(starts - (ends - lengths), lengths)
    rows += np.arange(len(rows), dtype=np.int64)
    return rows
