"""Which raw files a day's events were read from, so that a day that was delivered again is seen.

A record lies beside the tables, one file a day: the name of each raw file with its bytes, its time and its SHA-256.
It is written after the events: a run killed between the two leaves an old record or none, and they are read again.
"""

import hashlib
import json
from datetime import date
from pathlib import Path

from warehouse.engine import parquet_files
from warehouse.layout import Layout
from warehouse.whole_files import replacing

Delivery = dict[str, list[int | str]]  # name of a raw file -> bytes, nanoseconds of its last change, SHA-256


def delivered(layout: Layout, day: date) -> list[Path]:
    """The raw files of a day; none where its folder is missing or empty."""
    folder = layout.raw_events(day)
    return parquet_files.files_of(folder) if folder.is_dir() else []


def look(layout: Layout, day: date) -> Delivery:
    """The raw files of a day as they lie there now."""
    return {name: [*_size_and_time(path), _digest(path)] for name, path in _named(layout, day).items()}


def record(layout: Layout, day: date, delivery: Delivery) -> None:
    """Keep what the day's events were read from."""
    with replacing(layout.delivery(day)) as file:
        file.write_text(json.dumps(delivery, indent=1), encoding="utf-8")


def changed(layout: Layout, day: date) -> bool:
    """Whether the raw files of a day differ from those that its events were read from, or nobody knows.

    Sums are compared only where a file has the same size and another time, as after a copy of the data folder.
    """
    try:
        known: Delivery = json.loads(layout.delivery(day).read_text(encoding="utf-8"))
        files = _named(layout, day)
        return files.keys() != known.keys() or any(_differs(path, known[name]) for name, path in files.items())
    except (OSError, ValueError, TypeError, KeyError, IndexError, AttributeError):  # no record, or a spoiled one
        return True


def _named(layout: Layout, day: date) -> dict[str, Path]:
    """The raw files of a day by name; a folder that is called like a file is left to `ingest_day`, which refuses it."""
    folder = layout.raw_events(day)
    return {str(path.relative_to(folder)): path for path in delivered(layout, day) if path.is_file()}


def _differs(path: Path, known: list[int | str]) -> bool:
    size, time = _size_and_time(path)
    return size != known[0] or (time != known[1] and _digest(path) != known[2])


def _size_and_time(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_size, found.st_mtime_ns


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
