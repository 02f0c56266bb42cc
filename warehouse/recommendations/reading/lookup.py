"""Some lists' rows out of a night's files, one list's in about a millisecond: no engine, one row group.

Notable: the rows lie in order of whose list it is, so the bounds of that column in a file's footer say which row group
(or two) can hold a list. The footers are read once and the files stay open. An open file stays readable when the night
is replaced, and even after vacuum has removed it. The checksum of every page that is read is compared.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from warehouse.recommendations.kinds import RECOMMENDED, Kind
from warehouse.recommendations.reading.snapshots import damage


class Lookup:
    """The files of one night, open. Files of other writers may be in any order, and without bounds."""

    def __init__(self, files: Sequence[str], kind: Kind = RECOMMENDED, also: Sequence[str] = ()) -> None:
        """Open them; `also` are further columns that `best` tells."""
        self._owner = kind.owner
        told = [*(name for name in ("score", "model") if name in kind.staged.names), *also]
        self._columns = [kind.owner, "rank", kind.item, *told]
        self._files = [_opened(file, [name for name in told if name == "model"]) for file in files]
        self._names = dict(zip(self._files, files, strict=True))
        self._unbounded: list[tuple[pq.ParquetFile, int]] = []
        groups: list[tuple[Any, Any, pq.ParquetFile, int]] = []
        for file in self._files:
            column = file.metadata.schema.names.index(kind.owner)
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

    def best(self, owner: int | str, n: int) -> list[tuple[Any, ...]]:
        """(item, score, model) of the best `n` items of a user, best first; (item, score) of those of an item.

        What further columns say comes after that. [] where the night has no such list.
        """
        near = self._groups[bisect_left(self._highs, owner) : bisect_right(self._lows, owner)]
        found: list[tuple[Any, ...]] = []
        for file, number in [*((file, number) for _, high, file, number in near if high >= owner), *self._unbounded]:
            with damage(self._names[file]):
                rows = file.read_row_group(number, columns=self._columns, use_threads=False)
            wanted = rows.filter(pc.and_(pc.equal(rows[self._owner], owner), pc.less_equal(rows["rank"], n)))
            found += zip(*(wanted[name].to_pylist() for name in self._columns[1:]), strict=True)
        return [row[1:] for row in sorted(found, key=lambda row: row[0])]

    def many(self, owners: Sequence[int | str], n: int, columns: Sequence[str]) -> pa.Table:
        """The best `n` rows of each of these lists, in order of whose they are; only row groups that may hold one."""
        wanted = sorted({owner for owner in owners if isinstance(owner, str) or -(2**63) <= owner < 2**63})
        near = [(file, number) for low, high, file, number in self._groups if _between(wanted, low, high)]
        kind = self._files[0].schema_arrow.field(self._owner).type
        found = [self._files[0].schema_arrow.empty_table().select(columns)]
        for file, number in [*near, *self._unbounded] if wanted else []:
            with damage(self._names[file]):
                rows = file.read_row_group(number, columns=columns, use_threads=False).select(columns)
            mine = pc.is_in(rows[self._owner], value_set=pa.array(wanted, kind))
            found.append(rows.filter(pc.and_(mine, pc.less_equal(rows["rank"], n))))
        return pa.concat_tables(found, promote_options="permissive").sort_by(
            [(self._owner, "ascending"), ("rank", "ascending")]
        )


def _between(wanted: Sequence[Any], low: Any, high: Any) -> bool:
    """Whether one of the sorted ids lies within bounds."""
    place = bisect_left(wanted, low)
    return place < len(wanted) and bool(wanted[place] <= high)


def _opened(file: str, texts: Sequence[str]) -> pq.ParquetFile:
    with damage(file):
        return pq.ParquetFile(file, memory_map=True, read_dictionary=texts, page_checksum_verification=True)
