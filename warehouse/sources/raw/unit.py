"""An import as a unit: named by what was imported, its files in place only when all of them are written.

Importing the same again replaces all that the unit wrote, on other days too; units stand side by side in a day.
"""

import hashlib
import logging
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import wraps
from inspect import signature
from pathlib import Path
from typing import ParamSpec, TypeVar

from warehouse.days import spans
from warehouse.engine.errors import DataError
from warehouse.layout import Layout
from warehouse.whole_files import folder_lock, to_disk

R = TypeVar("R")
P = ParamSpec("P")
_log = logging.getLogger(__name__)
MAX_NAME = 64
READY = ".ready-"  # before a unit's name: the folder of an import whose files are whole and take their places
DAYS = "days"  # the file in it that lists the days of all its files


def unit_of(path: Path, name: str = "") -> str:
    """What an import is called: as it was told, or by the path that it reads.

    Raises:
        DataError: the name is no word of letters, digits, dots, dashes and underscores.
    """
    if name:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name) or len(name) > MAX_NAME:
            raise DataError(
                f"the name {name[:80]!r} cannot name an import: use at most {MAX_NAME} letters, digits, dots, dashes "
                f"and underscores, beginning with a letter or a digit"
            )
        return name
    whole = path.resolve()
    word = re.sub("[^A-Za-z0-9]+", "-", whole.name).strip("-")[:40]
    return f"{word}-{hashlib.sha256(str(whole).encode()).hexdigest()[:8]}".lstrip("-")


def alone(write: Callable[P, R]) -> Callable[P, R]:
    """A function that writes raw files of a data folder, its argument `layout`, while no other one does.

    From its begin to its end, because the files of several units and the catalogue belong together. A killed one bars
    nobody; nights read meanwhile. Where another one is at work a DataError is raised, and nothing is changed.
    """

    arguments = signature(write)

    @wraps(write)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        with _held(arguments.bind(*args, **kwargs).arguments["layout"]):
            return write(*args, **kwargs)

    return run


@contextmanager
def _held(layout: Layout) -> Iterator[None]:
    is_new = not layout.root.exists()
    with ExitStack() as stack:
        try:
            stack.enter_context(folder_lock(layout.raw, wait=False))
        except BlockingIOError:
            raise DataError(
                f"another import (or generate) is writing below {layout.raw}: wait for its end, or stop it, and run "
                "this one again; nothing was changed"
            ) from None
        try:
            yield
        finally:
            _remove_if_empty(layout.raw)
            if is_new:
                _remove_if_empty(layout.root)


@contextmanager
def staged(layout: Layout, unit: str) -> Iterator[Path]:
    """A folder for a file a day, `<day>.parquet`; in the end they replace all that the unit wrote before.

    After an error nothing has changed. What a killed import left is removed by the next one of its name; one that was
    killed while its files took their places is finished by the next import, and by the night (see `finish_imports`).
    Two at once would take each other for killed: whoever calls this is `alone`.
    """
    folder = layout.raw / f".import-{unit}"
    finish_imports(layout)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
        _put_in_place(layout, unit, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def finish_imports(layout: Layout) -> None:
    """Put the files in place of imports that were killed while theirs took their places: all, not some, are read."""
    for ready in sorted(layout.raw.glob(f"{READY}*")):
        _take_places(layout, ready.name.removeprefix(READY), ready)


def _put_in_place(layout: Layout, unit: str, folder: Path) -> None:
    """From the renaming on the import counts as made."""
    files = sorted(folder.iterdir())
    for file in files:
        to_disk(file)
    (folder / DAYS).write_text("\n".join(file.stem for file in files))
    to_disk(folder / DAYS)
    to_disk(folder)
    ready = layout.raw / f"{READY}{unit}"
    os.replace(folder, ready)
    to_disk(layout.raw)
    _take_places(layout, unit, ready)


def _take_places(layout: Layout, unit: str, ready: Path) -> None:
    """Move a unit's files to their days and remove its files of other days; begun anew after a kill, or beside another
    process that does the same."""
    with suppress(FileNotFoundError):
        days = set((ready / DAYS).read_text().split())
        for day in sorted(days):
            target = layout.raw_events(day) / f"{unit}.parquet"
            target.parent.mkdir(parents=True, exist_ok=True)
            with suppress(FileNotFoundError):  # it has its place already
                os.replace(ready / f"{day}.parquet", target)
                to_disk(target.parent)
        _withdraw(layout, f"{unit}.parquet", days)
    shutil.rmtree(ready, ignore_errors=True)


def _withdraw(layout: Layout, name: str, days: set[str]) -> None:
    """Remove a unit's files of other days; a log line names days that were read and have no raw file any more."""
    gone = []
    for day in layout.raw_days():
        stale = layout.raw_events(day) / name
        if str(day) not in days and stale.is_file():
            stale.unlink()
            _remove_if_empty(stale.parent)
            gone += [day] if layout.delivery(day).is_file() and not stale.parent.exists() else []
    if gone:
        _log.warning(
            "the import has no rows of %s any more, and the events that were read there before stay: materialise "
            "events of these days with allow_empty_day to drop them",
            spans(gone),
        )


def _remove_if_empty(folder: Path) -> None:
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
