"""One night held open: every answer that it gives is of one version of each table, whatever is published meanwhile.

Notable: a night is laid out to be looked up (list_file.py) by a process of its own, so that the one that answers is not
held up; a small one, which takes less time than to start a process, is laid out here. What has not changed since the
night before it, as after a vacuum, is taken over.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from threading import Event
from typing import Any

import pyarrow as pa
from deltalake import DeltaTable

from warehouse.engine.spill import spill_folder
from warehouse.layout import Layout
from warehouse.recommendations.errors import NoNight
from warehouse.recommendations.kinds import RECOMMENDED, SIMILAR, Kind
from warehouse.recommendations.reading.snapshots import Night, newest
from warehouse.recommendations.reading.titles import Titles, items_file
from warehouse.recommendations.table import ends_with, entry_mark, open_table
from warehouse.serve.list_file import ListFile, write_lists

SMALL = 2_000_000  # bytes of parquet that are laid out without a process of their own
_NICE = 10  # of the process that lays a night out while another night answers: answers come first


@dataclass(frozen=True)
class _Opened:
    """The newest night of one table, and its lists; `mark` is that of the log's entry that it was read up to."""

    mark: tuple[int, int] | None
    night: Night
    lists: ListFile

    @property
    def text(self) -> bool:
        """Whether the lists are those of owners with text ids."""
        return bool(pa.types.is_string(self.night.schema.field(1).type))


class OpenNight:
    """The newest whole night of users' lists and, where there is one, of similar items, with titles in memory."""

    def __init__(self, layout: Layout, stopping: Event, before: OpenNight | None = None) -> None:
        """Open them.

        Args:
            layout: where the tables are.
            stopping: set it, and what is being opened is given up.
            before: the night that is open; what has not changed since is taken over.

        Raises:
            NoNight: there is no night of users' lists.
            OSError: the disk refuses, or `stopping` was set.
        """
        self.layout, self._stopping = layout, stopping
        was = (None, None) if before is None else (before.users, before.similar)
        self.users: _Opened = self._open(layout.recommendations, RECOMMENDED, was[0])
        self.similar: _Opened | None = None
        with suppress(NoNight):
            self.similar = self._open(layout.similar_items, SIMILAR, was[1])
        self._items: Path | None = items_file(layout.recommendations, self.night.run_date)
        same = before is not None and before._items == self._items
        self._titles: Titles = before._titles if before is not None and same else Titles()
        if self._items is not None:
            self._titles.keep(self._items)  # read now, not while somebody waits for an answer

    @property
    def night(self) -> Night:
        """The night of users' lists."""
        return self.users.night

    def successor(self) -> OpenNight | None:
        """The newest nights as the tables show them now, opened; None where neither table has changed.

        Raises:
            NoNight: the table of users' lists is gone.
            RecommendationsError, OSError: it cannot be read.
        """
        changed = self.similar is None and DeltaTable.is_deltatable(str(self.layout.similar_items))
        for opened in filter(None, (self.users, self.similar)):
            changed |= not ends_with(opened.night.path, opened.night.version, opened.mark)
        return OpenNight(self.layout, self._stopping, self) if changed else None

    def _open(self, path: Path, kind: Kind, before: _Opened | None) -> _Opened:
        """The newest night of a table, laid out where its files are not those of the night before."""
        night = newest(open_table(path), path, None, None)
        mark = entry_mark(path, night.version)
        if before is not None and before.night.files == night.files:
            return _Opened(mark, night, before.lists)
        with spill_folder(self.layout.scratch) as folder:
            to = folder / "lists-0.arrow"
            nice = 0 if before is None else _NICE
            return _Opened(mark, night, ListFile(to, _laid_out((night.files, kind, to), nice, self._stopping)))

    def best(self, user: str, n: int) -> list[dict[str, Any]]:
        """The best n items of a user, whose id is given as text, in the shape of `for_user`; [] for an unknown user."""
        rows = _found(self.users, user, n)
        titles = self.titles([row[0] for row in rows])
        return [{"item_id": i, "title": titles.get(i), "score": score, "model": model} for i, score, model in rows]

    def like(self, item: str, n: int) -> list[dict[str, Any]]:
        """The n items most like an item, whose id is given as text, as `for_item` gives them; [] for an unknown one."""
        rows = [] if self.similar is None else _found(self.similar, item, n)
        titles = self.titles([row[0] for row in rows])
        return [{"item_id": i, "title": titles.get(i), "score": score} for i, score in rows]

    def titles(self, items: Sequence[Any]) -> dict[Any, str | None]:
        """The titles of the items that have one."""
        return self._titles.known(items)

    def named(self, text: str, n: int) -> list[tuple[Any, str]]:
        """At most n items (id, title) whose title holds the text, whatever its case."""
        return self._titles.holding(text, n)


def is_int64(text: str) -> bool:
    """Whether a text is how a 64-bit integer is written; 07 and +7 are not."""
    digits = text.removeprefix("-")
    return (
        digits.isascii() and digits.isdecimal() and len(digits) <= 19 and str(int(text)) == text
        and -(2**63) <= int(text) < 2**63
    )  # fmt: skip


def _found(opened: _Opened, owner: str, n: int) -> list[tuple[Any, ...]]:
    if opened.text:
        return opened.lists.best(owner, n)
    return opened.lists.best(int(owner), n) if is_int64(owner) else []


def _laid_out(what: tuple[Sequence[str], Kind, Path], nice: int, stopping: Event) -> tuple[str, ...]:
    """Lay a night out (`write_lists` of `what`), a large one in a process of its own; the names of the models."""
    if sum(os.path.getsize(file) for file in what[0]) < SMALL:
        return write_lists(*what)
    spawned = multiprocessing.get_context("spawn")
    answer, told = spawned.Pipe(duplex=False)
    process = spawned.Process(target=_lay_out, args=(told, what, nice), daemon=True)
    process.start()
    told.close()
    try:
        while not answer.poll(0.1):
            if stopping.is_set():
                raise OSError("the server is ending")
        found = answer.recv()
    except EOFError:
        raise OSError("the process that lays a night out was killed") from None
    finally:
        process.terminate()
        process.join()
    if isinstance(found, str):
        raise OSError(found)
    return tuple(found)


def _lay_out(told: Connection, what: tuple[Sequence[str], Kind, Path], nice: int) -> None:
    """Lay out, and tell the names of the models, or in a sentence what went wrong."""
    os.nice(nice)
    try:
        found: tuple[str, ...] | str = write_lists(*what)
    except Exception as error:
        found = f"the night could not be laid out in {what[2].parent} ({error})"
    with suppress(BrokenPipeError):  # the server has ended
        told.send(found)
