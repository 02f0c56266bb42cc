"""Lists as rows: one record batch for the lists of some users.

Most lists are full, and what does not depend on the lists (the user of a row, ranks, the model's name) is then the same
in every batch: it is made once and sliced.
"""

from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from gru4rec.scoring.scorer import Scorer
from gru4rec.serving.lists import POPULARITY, Lists


class _Full(NamedTuple):
    """Columns of U full lists of n items, in U · n rows."""

    row: pa.Array  # which list, int32
    rank: pa.Array  # int16
    model: pa.Array  # the scorer's name


class Batches:
    """Makes the record batches of one stream; any number of threads may use it at once."""

    def __init__(self, scorer: Scorer) -> None:
        self._vocabulary = scorer.vocabulary
        self._names = pa.array([scorer.name, POPULARITY])
        self._full: dict[int, _Full] = {}  # by length of a list

    def batch(self, users: pa.Array, lists: Lists, behind: NDArray[np.int64] | None = None) -> pa.RecordBatch:
        """The lists of some users as rows, without the places that no item was left for.

        Args:
            users: ids [U].
            lists: theirs.
            behind: the item behind each of the lists' (because.py), -1 for none, int64 [U, n]; None for no such column.
        """
        count, n = lists.items.shape
        full = self._columns(count, n)
        row, rank = full.row, full.rank
        items, scores, probabilities = (column.ravel() for column in lists[:3])
        if n and not (lists.scores[:, -1] > -np.inf).all():  # they fall along a list
            there = np.flatnonzero(scores > -np.inf)
            row, rank = row.take(pa.array(there)), rank.take(pa.array(there))
            items, scores, probabilities = items[there], scores[there], probabilities[there]
            behind = None if behind is None else behind.ravel()[there]
        popular = lists.context_length == 0
        if popular.any():
            model = self._names.take(pa.array(popular.astype(np.int8)).take(row))
        else:
            model = full.model.slice(0, len(row))
        length = np.minimum(lists.context_length, np.iinfo(np.int16).max).astype(np.int16)
        more = {}
        if behind is not None:
            index = behind.ravel()
            more["because_of"] = self._vocabulary.ids.take(pa.array(index, mask=index < 0))
        return pa.record_batch(
            {
                "user_id": users.take(row),
                "rank": rank,
                "item_id": self._vocabulary.decode(items),
                "score": np.array(scores),
                "probability": np.array(probabilities),
                "model": model,
                "context_length": pa.array(length).take(row),
                **more,
            }
        )

    def _columns(self, count: int, n: int) -> _Full:
        """What the first rows of full lists have; made anew where there were not so many lists yet."""
        full = self._full.get(n)
        if full is None or len(full.row) < count * n:
            full = self._full[n] = _full_columns(count, n, self._names)
        return _Full(*(column.slice(0, count * n) for column in full))


def _full_columns(count: int, n: int, names: pa.Array) -> _Full:
    row: NDArray[np.int32] = np.repeat(np.arange(count, dtype=np.int32), n)
    rank = np.tile(np.arange(1, n + 1, dtype=np.int16), count)
    return _Full(pa.array(row), pa.array(rank), names.take(pa.array(np.zeros(count * n, np.int8))))
