"""Titles of items, kept in memory as Arrow and found by bisection, for the items table is sorted by item_id."""

from __future__ import annotations

import datetime as dt
from bisect import bisect_left
from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

ItemId = int | str


def items_file(path: Path, run_date: dt.date) -> Path | None:
    """The newest partition of the items table that the night could know; None where there is none.

    `path`: the folder of a table of lists; the items lie beside it.
    """
    known = [file for file in (path.parent / "items").glob("????-??-??.parquet") if file.stem <= run_date.isoformat()]
    return max(known, default=None)


class Titles:
    """Titles out of files of items (item_id, title). The last file is kept in memory until it changes."""

    def __init__(self) -> None:
        self._held: tuple[Path, int, int] | None = None  # the file, its inode and time of change
        self._ids = pa.array([], pa.int64())
        self._titles = pa.array([], pa.string())

    def of(self, items: Path, item_ids: Iterable[ItemId]) -> dict[ItemId, str | None]:
        """The titles of the items that have a row in the file; {} when it has no titles."""
        status = items.stat()
        now = (items, status.st_ino, status.st_mtime_ns)
        if now != self._held:
            self._read(items)
            self._held = now
        return {item: self._titles[place].as_py() for item in item_ids if (place := self._place(item)) is not None}

    def _read(self, items: Path) -> None:
        if "title" not in pq.read_schema(items).names:
            self._ids = self._titles = pa.array([])
            return
        table = pq.read_table(items, columns=["item_id", "title"]).combine_chunks()
        ids = table["item_id"]
        if len(ids) > 1 and not pc.all(pc.less(ids[:-1], ids[1:])).as_py():
            table = table.sort_by("item_id").combine_chunks()
        self._ids, self._titles = (pa.concat_arrays(table[name].chunks) for name in ("item_id", "title"))

    def _place(self, item: ItemId) -> int | None:
        if not len(self._ids) or pa.types.is_integer(self._ids.type) != isinstance(item, int):
            return None  # ids of another type are other items
        place = bisect_left(self._ids, item, key=lambda scalar: scalar.as_py())
        return place if place < len(self._ids) and self._ids[place].as_py() == item else None
