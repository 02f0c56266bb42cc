"""An import as a unit: named by what was imported, its files in place only when all of them are written.

Importing the same again replaces all that the unit wrote, on other days too; units stand side by side in a day.
"""

import hashlib
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from warehouse.engine.errors import DataError
from warehouse.layout import Layout
from warehouse.whole_files import to_disk

MAX_NAME = 64


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


@contextmanager
def staged(layout: Layout, unit: str) -> Iterator[Path]:
    """A folder for a file a day, `<day>.parquet`; in the end they replace all that the unit wrote before.

    After an error nothing has changed. What a killed import left is removed by the next one of its name.
    """
    folder, is_new = layout.raw / f".import-{unit}", not layout.root.exists()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
        _put_in_place(layout, unit, sorted(folder.iterdir()))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        _remove_if_empty(layout.raw)
        if is_new:
            _remove_if_empty(layout.root)


def _put_in_place(layout: Layout, unit: str, files: list[Path]) -> None:
    for file in files:
        to_disk(file)
    days = {date.fromisoformat(file.stem) for file in files}
    for day in layout.raw_days():
        stale = layout.raw_events(day) / f"{unit}.parquet"
        if day not in days and stale.is_file():
            stale.unlink()
            _remove_if_empty(stale.parent)
    for file in files:
        target = layout.raw_events(file.stem) / f"{unit}.parquet"
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(file, target)
        to_disk(target.parent)


def _remove_if_empty(folder: Path) -> None:
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
