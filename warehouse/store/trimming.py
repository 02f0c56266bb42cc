"""Copies of days leave this machine once the object store does not have those days any more.

A copy is replaced where its day is read or written again. One whose day another machine replaced, or somebody removed,
may never be read again here; nor is what a killed process was about to make a copy of. They would stay for ever.

Notable: the copies are listed first, and the store then. What was a copy before the store was asked had its parts there
before that. Where they are gone by then, no manifest names the copy, and no later one will, for the folders of parts
have random names. So copies that are made meanwhile stand on no list, and nobody who makes one has to wait.
"""

import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from warehouse.partitions import MANIFEST, SUFFIX
from warehouse.store.address import opened, store_sentences
from warehouse.store.tables import ABANDONED, StoredTables
from warehouse.whole_files import folder_lock


def trim_copies(tables: StoredTables) -> list[Path]:
    """Remove the copies that the store has no parts of, and what killed processes left; returns what was removed.

    Raises:
        StoreError: the store cannot be used. No copy is removed.
    """
    copies = list(_copies(tables.copies))
    there = {table: _folders(tables, table) for table in sorted({copy.parent.parent.name for copy in copies})}
    gone = [copy for copy in copies if f"{copy.parent.name}/{copy.name}" not in there[copy.parent.parent.name]]
    for copy in gone:
        _remove(copy)
    litter = list(_litter(tables.copies))
    for one in litter:
        if one.is_dir():
            shutil.rmtree(one, ignore_errors=True)
        else:
            one.unlink(missing_ok=True)
    return sorted([*gone, *litter])


def _copies(folder: Path) -> Iterator[Path]:
    """The copies, each a folder like .copies/events/2026-01-31.parts/3f9c02d1a4b5c6d7."""
    for day in folder.glob(f"*/*{SUFFIX}"):
        yield from (one for one in day.iterdir() if one.is_dir() and not one.name.startswith("."))


def _folders(tables: StoredTables, table: str) -> set[str]:
    """The folders of parts that the store has of a table, like 2026-01-31.parts/3f9c02d1a4b5c6d7."""
    from pyarrow import fs

    store, root = opened(tables.address)
    with store_sentences(tables.address):
        found = store.get_file_info(fs.FileSelector(f"{root}/{table}", allow_not_found=True, recursive=True))
    files = (one.path.removeprefix(f"{root}/{table}/") for one in found if one.type == fs.FileType.File)
    return {name.rpartition("/")[0] for name in files}


def _litter(folder: Path) -> Iterator[Path]:
    """Temporary files and folders; what a living process writes is younger."""
    oldest = time.time() - ABANDONED.total_seconds()
    for one in (*folder.glob("*/.*.tmp"), *folder.glob(f"*/*{SUFFIX}/.*.tmp")):
        with suppress(FileNotFoundError):  # its process has ended just now
            below = one.rglob("*") if one.is_dir() else ()
            if max(file.lstat().st_mtime for file in (one, *below)) < oldest:
                yield one


def _remove(copy: Path) -> None:
    """Remove a copy, and the manifest that names it; its day's folder stays, for others may wait for its lock."""
    day = copy.parent
    with folder_lock(day):
        manifest = day / MANIFEST
        if manifest.is_file() and copy.name in manifest.read_text(encoding="utf-8", errors="replace"):
            manifest.unlink()
        shutil.rmtree(copy, ignore_errors=True)
