"""Titles of items, kept in memory as Arrow and found by bisection, for the items table is sorted by item_id."""

from __future__ import annotations

import datetime as dt
import time
from bisect import bisect_left
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

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


class _Held(NamedTuple):
    """The titles of one file, in order of item."""

    file: Path
    state: tuple[int, int]  # the file's inode and time of change
    ids: pa.Array
    titles: pa.Array
    numbers: NDArray[np.int64] | None  # the ids, where they are whole numbers

    def places(self, items: list[ItemId]) -> list[tuple[ItemId, int]]:
        """The items that have a row, each with its place; ids of another type are other items."""
        if self.numbers is None:
            return [(item, at) for item in items if isinstance(item, str) and (at := self._place(item)) is not None]
        numbers = [item for item in items if isinstance(item, int)]
        end, found = len(self.numbers), np.searchsorted(self.numbers, numbers).tolist()
        return [(n, at) for n, at in zip(numbers, found, strict=True) if at < end and self.numbers[at] == n]

    def _place(self, item: str) -> int | None:
        place = bisect_left(self.ids, item, key=lambda scalar: scalar.as_py())
        return place if place < len(self.ids) and self.ids[place].as_py() == item else None


class Titles:
    """Titles out of files of items (item_id, title). Those of the last file are kept in memory until it changes.

    They are replaced all at once, so one thread may read a file while others ask.
    """

    def __init__(self) -> None:
        self._held: _Held | None = None

    def of(self, items: Path, item_ids: Iterable[ItemId]) -> dict[ItemId, str | None]:
        """The titles of the items that have a row in the file; {} when it has no titles."""
        self.keep(items)
        return self.known(item_ids)

    def keep(self, items: Path) -> None:
        """Have this file in memory as it is now; if it was there and is gone from the disk, as it was.

        Raises:
            FileNotFoundError: it is gone, and was not in memory.
            Damaged: it is not the file that was written.
        """
        held = self._held if self._held is not None and self._held.file == items else None
        try:
            status = items.stat()
        except FileNotFoundError:
            if held is None:
                raise
            return
        state = status.st_ino, status.st_mtime_ns
        if held is None or held.state != state:
            self._held = _read(items, state)

    def known(self, item_ids: Iterable[ItemId]) -> dict[ItemId, str | None]:
        """The titles of the items that have a row in the file in memory."""
        held = self._held
        return {} if held is None else {item: held.titles[at].as_py() for item, at in held.places(list(item_ids))}

    def holding(self, text: str, n: int) -> list[tuple[ItemId, str]]:
        """At most n items (id, title) of the file in memory whose title holds the text, whatever its case.

        Shortest titles first.
        """
        held = self._held
        if held is None:
            return []
        places = pc.indices_nonzero(pc.match_substring(held.titles.cast(pa.string()), text, ignore_case=True))
        found = zip(held.ids.take(places).to_pylist(), held.titles.take(places).to_pylist(), strict=True)
        return sorted(found, key=lambda one: (len(one[1]), one[1]))[:n]


def _read(items: Path, state: tuple[int, int]) -> _Held:
    check(items)
    if "title" not in pq.read_schema(items).names:
        return _Held(items, state, pa.array([], pa.string()), pa.array([], pa.string()), None)
    table = pq.read_table(items, columns=["item_id", "title"], partitioning=None).combine_chunks()
    ids = table["item_id"]
    if len(ids) > 1 and not pc.all(pc.less(ids[:-1], ids[1:])).as_py():
        table = table.sort_by("item_id").combine_chunks()
    ids, titles = (pa.concat_arrays(table[name].chunks) for name in ("item_id", "title"))
    return _Held(items, state, ids, titles, ids.to_numpy() if pa.types.is_integer(ids.type) else None)
