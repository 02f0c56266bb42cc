"""Which raw files a day's events were read from, and by which settings, so that a day that was delivered again is seen.

A record lies beside the tables, one file a day: the name of each raw file with its bytes, its times and its SHA-256,
and under SETTINGS the settings that decide what a raw row becomes.
It is written after the events: a run killed between the two leaves an old record or none, and they are read again.
"""

import hashlib
import json
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import Any

from warehouse.engine import parquet_files
from warehouse.layout import Layout
from warehouse.whole_files import replacing

# Name of a raw file -> bytes, when its content was written, SHA-256, when its inode changed; in nanoseconds. The first
# time can be set by whoever writes the file, the last one cannot.
Delivery = dict[str, list[int | str]]
Settings = dict[str, Any]  # as JSON has them
SETTINGS = ""  # of a record: no file has that name


def delivered(layout: Layout, day: date) -> list[Path]:
    """The raw files of a day; none where its folder is missing or empty."""
    folder = layout.raw_events(day)
    return parquet_files.files_of(folder) if folder.is_dir() else []


def look(layout: Layout, day: date) -> Delivery:
    """The raw files of a day as they lie there now."""
    return {name: _seen(path) for name, path in _named(layout, day).items()}


def record(layout: Layout, day: date, delivery: Delivery, settings: Settings | None = None) -> None:
    """Keep what the day's events were read from, and by which settings, where these decided anything."""
    kept = delivery if settings is None else {**delivery, SETTINGS: settings}
    with replacing(layout.delivery(day)) as file:
        file.write_text(json.dumps(kept, indent=1), encoding="utf-8")


def read_by(layout: Layout, day: date) -> Settings | None:
    """The settings that the day's events were read by; None where nobody knows, or the day held nothing to read."""
    try:
        found = json.loads(layout.delivery(day).read_text(encoding="utf-8"))[SETTINGS]
    except (OSError, ValueError, TypeError, KeyError):  # no record, a spoiled one, or that of an older version
        return None
    return found if isinstance(found, dict) else None


def changed(layout: Layout, day: date, *, unknown: bool = True) -> bool:
    """Whether the raw files of a day differ from those that its events were read from; `unknown` where nobody knows.

    Sums are compared only where a file has the same size and another time, as after a copy of the data folder; where
    they are equal, the record learns the times, so that they are compared once.
    """
    try:
        known: dict[str, Any] = json.loads(layout.delivery(day).read_text(encoding="utf-8"))
        settings, files = known.pop(SETTINGS, None), _named(layout, day)
        if files.keys() != known.keys():
            return True
        now = {name: _unchanged(path, known[name]) for name, path in files.items()}
    except (OSError, ValueError, TypeError, KeyError, IndexError, AttributeError):  # no record, or a spoiled one
        return unknown
    again = {name: seen for name, seen in now.items() if seen is not None}
    if again == now != known:
        with suppress(OSError):  # nothing is lost where it cannot be written
            record(layout, day, again, settings)
    return again != now


def _named(layout: Layout, day: date) -> dict[str, Path]:
    """The raw files of a day by name; a folder that is called like a file is left to `ingest_day`, which refuses it."""
    folder = layout.raw_events(day)
    return {str(path.relative_to(folder)): path for path in delivered(layout, day) if path.is_file()}


def _unchanged(path: Path, known: list[int | str]) -> list[int | str] | None:
    """What is to be known of a file that is the one it was; None for another one."""
    found = path.stat()
    if found.st_size != known[0]:
        return None
    if [found.st_mtime_ns, found.st_ctime_ns] == [known[1], *known[3:]]:
        return known
    seen = _seen(path)
    return seen if seen[2] == known[2] else None


def _seen(path: Path) -> list[int | str]:
    found = path.stat()  # before the bytes are read: one that is replaced meanwhile is seen the next time
    return [found.st_size, found.st_mtime_ns, _digest(path), found.st_ctime_ns]


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
