"""Sessions as two flat arrays: items and offsets, built from Arrow columns.

Inside a session events stand by (time, item_id); sessions stand by their first event's time, then by their key,
so the same rows in any order give the same arrays.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gru4rec.data.vocabulary import Vocabulary


@dataclass(frozen=True)
class Sessions:
    """S sessions of E events. items int64 [E]: item indices; offsets int64 [S+1]: session s is items[o[s]:o[s+1]].

    times: int64 [E] (the time column's own unit) or None; keys: one row a session or None. `unknown` events were
    dropped because the vocabulary lacks their item, `short` sessions because they were shorter than asked for.
    weights: float32 [E], how much predicting the event counts in the loss, or None for all alike.
    """

    items: np.ndarray
    offsets: np.ndarray
    times: np.ndarray | None = None
    keys: pa.Table | None = None
    unknown: int = 0
    short: int = 0
    weights: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> np.ndarray:
        """Events of each session, int64 [S]."""
        return np.diff(self.offsets)

    def session_of(self, events: np.ndarray) -> np.ndarray:
        """The number of the session that each event belongs to; events int64 [R] are positions in `items`."""
        return np.searchsorted(self.offsets, events, side="right") - 1

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
        time: str = "timestamp",
        weight: str | None = None,
        min_length: int = 2,
    ) -> Self:
        """Group a table of events (one row an event, any order) by the `session` columns.

        Unknown items are dropped first, then sessions shorter than `min_length`; both are counted.
        weight: name of a column of weights. Raises ValueError for a missing column, for nulls, and for a time that is
        neither a timestamp nor a number.
        """
        names = [*session, item, time] + ([] if weight is None else [weight])
        missing = [name for name in names if name not in table.column_names]
        if missing:
            raise ValueError(f"no column {', '.join(missing)} in the events; they have {', '.join(table.column_names)}")
        for name in names:
            if table[name].null_count:
                raise ValueError(f"column {name} has {table[name].null_count} nulls; drop those rows first")
        items = in_column(item, vocabulary.encode, table[item])
        known = np.flatnonzero(items >= 0)
        unknown = len(items) - len(known)
        items, times = items[known], in_column(time, as_times, table[time])[known]
        keys = table.select(list(session)).take(known).combine_chunks()
        number = _session_numbers(keys)  # ascending as the keys are

        order = np.lexsort((items, times, number))
        starts = np.flatnonzero(np.diff(number[order], prepend=-1))  # first row of each session in `order`
        lengths = np.diff(starts, append=len(order))
        long_enough = np.flatnonzero(lengths >= min_length)
        by_time = long_enough[np.argsort(times[order[starts[long_enough]]], kind="stable")]

        rows = order[_ranges(starts[by_time], lengths[by_time])]
        offsets = np.concatenate([[0], np.cumsum(lengths[by_time])]).astype(np.int64)
        short = len(starts) - len(long_enough)
        weights = None if weight is None else table[weight].cast(pa.float32()).to_numpy()[known][rows]
        return cls(items[rows], offsets, times[rows], keys.take(order[starts[by_time]]), unknown, short, weights)

    def select(self, index: Any) -> "Sessions":
        """Some sessions, in the order of `index` (int [N], or bool [S])."""
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
        )


def in_column(name: str, read: Callable[[Any], np.ndarray], column: Any) -> np.ndarray:
    """What `read` makes of a column; where it raises ValueError, the sentence begins with the column's name."""
    try:
        return read(column)
    except ValueError as error:
        raise ValueError(f"column {name}: {error}") from error


def as_times(column: Any) -> np.ndarray:
    """A time column as int64 that orders as it does: timestamps in their own unit, numbers as they are.

    A column of floats must hold whole numbers, text must spell them. Raises ValueError otherwise.
    """
    chunk = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if pa.types.is_floating(chunk.type):
        missing = int(np.isnan(chunk.cast(pa.float64()).to_numpy(zero_copy_only=False)).sum())
        if missing:
            raise ValueError(f"{missing} of {len(chunk)} times are missing (NaN); drop those rows first")
    if pa.types.is_timestamp(chunk.type) or pa.types.is_date64(chunk.type):
        return chunk.cast(pa.int64()).to_numpy()
    try:
        return chunk.cast(pa.int64()).to_numpy()
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise ValueError(f"the time column is {chunk.type}; use a timestamp or whole numbers ({error})") from error


def _session_numbers(keys: pa.Table) -> np.ndarray:
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
    shift = np.repeat(starts - (ends - lengths), lengths)
    return np.arange(len(shift), dtype=np.int64) + shift
