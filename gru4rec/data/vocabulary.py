"""item_id <-> index. Ids are integers or strings and keep their type; indices are 0..I-1 in ascending order of ids."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from gru4rec.data.ids import as_ids

MERGE = 1 << 20  # counted ids that wait to be merged
PIECE = 1 << 22  # events counted at a time


class Vocabulary:
    """The I known items.

    Attributes:
        ids: their ids, ascending, an Arrow array [I] of int64 or string.
        counts: how often each was seen in training, int64 [I]; 0 for a cold item.
    """

    def __init__(self, ids: pa.Array, counts: np.ndarray) -> None:
        self.ids = ids
        self.counts = np.asarray(counts, dtype=np.int64)
        self._integers = ids.to_numpy() if pa.types.is_integer(ids.type) else None

    @classmethod
    def build(cls, item_ids: Any) -> "Vocabulary":
        """Count the items of a column of events (Arrow array, chunked array, numpy array or list).

        Raises:
            ValueError: there are no ids, and what `as_ids` raises.
        """
        column = as_ids(item_ids)
        if len(column) == 0:
            raise ValueError("there are no events to build a vocabulary from; give at least one")
        counted = pc.value_counts(column)
        ids, counts = counted.field("values"), counted.field("counts")
        order = pc.array_sort_indices(ids)
        return cls(ids.take(order), counts.take(order).to_numpy())

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def id_type(self) -> pa.DataType:
        """int64 or string."""
        return self.ids.type

    def encode(self, item_ids: Any) -> np.ndarray:
        """Indices of ids, int64; -1 for an id that is not known.

        Raises:
            ValueError: the ids are of another type than the vocabulary's (strings against integers), and what `as_ids`
                raises.
        """
        column = as_ids(item_ids, like=self.id_type)
        if column.type != self.id_type:
            raise ValueError(
                f"item ids are {column.type} here, but the vocabulary was built from {self.id_type} ids; "
                "give ids of the type that the model was trained with"
            )
        if self._integers is None:
            return np.asarray(pc.index_in(column, value_set=self.ids).fill_null(-1).to_numpy(), dtype=np.int64)
        wanted = column.to_numpy()
        index = np.searchsorted(self._integers, wanted)
        index[index == len(self)] = 0
        return np.where(self._integers[index] == wanted, index, -1)

    def decode(self, index: Any) -> pa.Array:
        """Ids of indices.

        Raises:
            IndexError: an index lies outside 0..I-1.
        """
        return self.ids.take(pa.array(np.asarray(index, dtype=np.int64).ravel()))

    def extended(self, item_ids: pa.Array) -> "Vocabulary":
        """The vocabulary with the ids that it lacks, which count 0; it needs ids of its own type, each once."""
        cold = item_ids.filter(pa.array(self.encode(item_ids) < 0))
        ids = pa.concat_arrays([self.ids, cold])
        order = pc.array_sort_indices(ids)
        counts = np.concatenate([self.counts, np.zeros(len(cold), np.int64)])
        return Vocabulary(ids.take(order), counts[order.to_numpy()])

    def recounted(self, items: np.ndarray) -> "Vocabulary":
        """The vocabulary of just the items that stand in `items` (indices, int64 [E]), counted there."""
        return self.keeping(item_counts(items, len(self)))

    def keeping(self, counts: np.ndarray) -> "Vocabulary":
        """The vocabulary of the items that are counted above 0, with these counts, int64 [I]."""
        return Vocabulary(self.ids.filter(pa.array(counts > 0)), counts[counts > 0])


class ItemCounter:
    """A vocabulary that is built batch by batch; what it holds grows with the items."""

    def __init__(self) -> None:
        self._parts: list[pa.Table] = []
        self._merged = 0

    def add(self, ids: pa.Array) -> None:
        """Count some more ids, int64 or string."""
        counted = pc.value_counts(ids)
        self._parts.append(pa.table({"id": counted.field("values"), "count": counted.field("counts")}))
        if sum(part.num_rows for part in self._parts) > max(MERGE, 2 * self._merged):
            self._parts = [self._whole()]
            self._merged = self._parts[0].num_rows

    def vocabulary(self) -> Vocabulary:
        """The vocabulary of all ids; at least one was counted."""
        whole = self._whole().sort_by("id")
        return Vocabulary(whole["id"].combine_chunks(), whole["count"].to_numpy())

    def _whole(self) -> pa.Table:
        added = pa.concat_tables(self._parts).group_by("id").aggregate([("count", "sum")])
        return added.select(["id", "count_sum"]).rename_columns(["id", "count"])


def item_counts(items: np.ndarray, size: int) -> np.ndarray:
    """How often each of `size` items stands in `items`, int64 [size]; a piece at a time, since numpy copies."""
    counts = np.zeros(size, dtype=np.int64)
    for begin in range(0, len(items), PIECE):
        counts += np.bincount(items[begin : begin + PIECE], minlength=size)
    return counts
