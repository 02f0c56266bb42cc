"""Titles of items, kept in memory as Arrow and found by bisection, for the items table is sorted by item_id."""

from __future__ import annotations

import datetime as dt
import time
from bisect import bisect_left
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from warehouse.layout import Layout
from warehouse.partitions import check

ItemId = int | str
LOOK_AGAIN = 60  # seconds


def items_file(path: Path, run_date: dt.date) -> Path | None:
    """The newest partition of the items table that the night could know; None where there is none.

    `path`: the folder of a table of lists; the items lie beside it.
    """
    layout = Layout(path.parent)
    if layout.stored is not None:
        return _stored_items(layout, run_date, int(time.monotonic() // LOOK_AGAIN))
    known = [file for file in (path.parent / "items").glob("????-??-??.parquet") if file.stem <= run_date.isoformat()]
    return max(known, default=None)


@lru_cache(maxsize=8)
def _stored_items(layout: Layout, run_date: dt.date, minute: int) -> Path | None:
    """As `items_file`, from an object store, which is not asked for every list: once a minute."""
    known = [day for day in layout.days("items") if day <= run_date]
    return layout.files("items", max(known))[0] if known else None


class Titles:
    """Titles out of files of items (item_id, title). The last file is kept in memory until it changes."""

    def __init__(self) -> None:
        self._held: tuple[Path, int, int] | None = None  # the file, its inode and time of change
        self._ids = pa.array([], pa.int64())
        self._titles = pa.array([], pa.string())
        self._numbers: NDArray[np.int64] | None = None

    def of(self, items: Path, item_ids: Iterable[ItemId]) -> dict[ItemId, str | None]:
        """The titles of the items that have a row in the file; {} when it has no titles."""
        self._keep(items)
        wanted = list(item_ids)
        if self._numbers is None:
            places = [(item, place) for item in wanted if (place := self._place(item)) is not None]
        else:
            numbers = [item for item in wanted if isinstance(item, int)]  # ids of another type are other items
            found = np.searchsorted(self._numbers, numbers).tolist()
            end = len(self._numbers)
            places = [(n, at) for n, at in zip(numbers, found, strict=True) if at < end and self._numbers[at] == n]
        return {item: self._titles[place].as_py() for item, place in places}

    def holding(self, items: Path, text: str, n: int) -> list[tuple[ItemId, str]]:
        """At most n items (id, title) whose title holds the text, whatever its case; shortest titles first."""
        self._keep(items)
        places = pc.indices_nonzero(pc.match_substring(self._titles.cast(pa.string()), text, ignore_case=True))
        found = zip(self._ids.take(places).to_pylist(), self._titles.take(places).to_pylist(), strict=True)
        return sorted(found, key=lambda one: (len(one[1]), one[1]))[:n]

    def _keep(self, items: Path) -> None:
        """Have this file in memory, as it is now."""
        status = items.stat()
        now = (items, status.st_ino, status.st_mtime_ns)
        if now != self._held:
            self._read(items)
            self._held = now

    def _read(self, items: Path) -> None:
        check(items)
        self._numbers = None
        if "title" not in pq.read_schema(items).names:
            self._ids = self._titles = pa.array([], pa.string())
            return
        table = pq.read_table(items, columns=["item_id", "title"]).combine_chunks()
        ids = table["item_id"]
        if len(ids) > 1 and not pc.all(pc.less(ids[:-1], ids[1:])).as_py():
            table = table.sort_by("item_id").combine_chunks()
        self._ids, self._titles = (pa.concat_arrays(table[name].chunks) for name in ("item_id", "title"))
        if pa.types.is_integer(self._ids.type):
            self._numbers = self._ids.to_numpy()

    def _place(self, item: ItemId) -> int | None:
        if not isinstance(item, str):
            return None  # ids of another type are other items
        place = bisect_left(self._ids, item, key=lambda scalar: scalar.as_py())
        return place if place < len(self._ids) and self._ids[place].as_py() == item else None
