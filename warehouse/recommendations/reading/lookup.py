"""Some users' rows out of a night's files, one user's in about a millisecond: no engine, one row group.

Notable: the rows lie in order of user, so the bounds of user_id in a file's footer say which row group (or two) can
hold a user. The footers are read once and the files stay open. An open file stays readable when the night is replaced,
and even after vacuum has removed it. The checksum of every page that is read is compared.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from warehouse.recommendations.reading.snapshots import damage

_COLUMNS = ["user_id", "rank", "item_id", "score", "model"]


class Lookup:
    """The files of one night, open. Files of other writers may be in any order, and without bounds."""

    def __init__(self, files: Sequence[str]) -> None:
        self._files = [_opened(file) for file in files]
        self._names = dict(zip(self._files, files, strict=True))
        self._unbounded: list[tuple[pq.ParquetFile, int]] = []
        groups: list[tuple[Any, Any, pq.ParquetFile, int]] = []
        for file in self._files:
            column = file.metadata.schema.names.index("user_id")
            for number in range(file.num_row_groups):
                bounds = file.metadata.row_group(number).column(column).statistics
                if bounds is not None and bounds.has_min_max:
                    groups.append((bounds.min, bounds.max, file, number))
                else:
                    self._unbounded.append((file, number))
        self._groups = sorted(groups, key=lambda group: group[:2])
        self._lows = [group[0] for group in self._groups]
        self._highs = list(accumulate((group[1] for group in self._groups), max))  # never falls, so it can be bisected

    def close(self) -> None:
        """Close the files."""
        for file in self._files:
            file.close()

    def best(self, user_id: int | str, n: int) -> list[tuple[int | str, float, str]]:
        """(item_id, score, model) of a user's best `n` items, best first; [] for an unknown user."""
        near = self._groups[bisect_left(self._highs, user_id) : bisect_right(self._lows, user_id)]
        found: list[tuple[int, int | str, float, str]] = []
        for file, number in [*((file, number) for _, high, file, number in near if high >= user_id), *self._unbounded]:
            with damage(self._names[file]):
                rows = file.read_row_group(number, columns=_COLUMNS, use_threads=False)
            wanted = rows.filter(pc.and_(pc.equal(rows["user_id"], user_id), pc.less_equal(rows["rank"], n)))
            found += zip(*(wanted[name].to_pylist() for name in _COLUMNS[1:]), strict=True)
        return [(item, score, model) for _, item, score, model in sorted(found, key=lambda row: row[0])]

    def many(self, user_ids: Sequence[int | str], n: int, columns: Sequence[str]) -> pa.Table:
        """The best `n` rows of each of these users, in order of user and rank; only row groups that may hold one."""
        wanted = sorted(set(user_ids))
        near = [(file, number) for low, high, file, number in self._groups if _between(wanted, low, high)]
        kind = self._files[0].schema_arrow.field("user_id").type
        found = [self._files[0].schema_arrow.empty_table().select(columns)]
        for file, number in [*near, *self._unbounded] if wanted else []:
            with damage(self._names[file]):
                rows = file.read_row_group(number, columns=columns, use_threads=False).select(columns)
            mine = pc.is_in(rows["user_id"], value_set=pa.array(wanted, kind))
            found.append(rows.filter(pc.and_(mine, pc.less_equal(rows["rank"], n))))
        return pa.concat_tables(found, promote_options="permissive").sort_by(
            [("user_id", "ascending"), ("rank", "ascending")]
        )


def _between(wanted: Sequence[Any], low: Any, high: Any) -> bool:
    """Whether one of the sorted ids lies within bounds."""
    place = bisect_left(wanted, low)
    return place < len(wanted) and bool(wanted[place] <= high)


def _opened(file: str) -> pq.ParquetFile:
    with damage(file):
        return pq.ParquetFile(file, memory_map=True, read_dictionary=["model"], page_checksum_verification=True)
