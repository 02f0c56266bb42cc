"""Where everything lies below one root folder. The folder is the database: one parquet file a table and day.

raw/events/2026-01-31/*.parquet   what arrived on that day, in the shape its owner gave it
raw/items/*.parquet               the catalogue as last delivered
events/2026-01-31.parquet         a table's partition: always one whole file
recommendations/                  a Delta table, one partition a night
"""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path


def as_day(day: date | str) -> date:
    """A day given as a date or as text like 2026-01-31; ValueError names what was given instead."""
    try:
        return date.fromisoformat(day) if isinstance(day, str) else date(day.year, day.month, day.day)
    except (ValueError, AttributeError):
        raise ValueError(f"{day!r} is not a day: write it as YYYY-MM-DD") from None


def midnight(day: date) -> datetime:
    """The first moment of a day, UTC."""
    return datetime.combine(day, time(), UTC)


def days_between(first: date, last: date) -> list[date]:
    """Every day from `first` to `last`, both included; empty when `last` is earlier."""
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


@dataclass(frozen=True)
class Layout:
    """The paths below `root`; nothing is created until something is written."""

    root: Path

    def __post_init__(self) -> None:
        object.__setattr__(self, "root", Path(self.root))

    @property
    def raw(self) -> Path:
        """Folder of everything as it was delivered."""
        return self.root / "raw"

    @property
    def recommendations(self) -> Path:
        """Folder of the Delta table."""
        return self.root / "recommendations"

    @property
    def scratch(self) -> Path:
        """Folder of what a running statement spills; safe to delete when nothing runs."""
        return self.root / ".scratch"

    def raw_events(self, day: date | str) -> Path:
        """Folder of the raw events that arrived on `day`."""
        return self.raw / "events" / as_day(day).isoformat()

    @property
    def raw_items(self) -> Path:
        """Folder of the raw items."""
        return self.raw / "items"

    def partition(self, table: str, day: date | str) -> Path:
        """The one file of a table's day."""
        return self.root / table / f"{as_day(day).isoformat()}.parquet"

    def days(self, table: str) -> list[date]:
        """The days a table has a partition of, ascending; files with other names are not partitions."""
        return _dates(path.stem for path in (self.root / table).glob("????-??-??.parquet"))

    def raw_days(self) -> list[date]:
        """The days raw events have arrived on, ascending."""
        return _dates(path.name for path in (self.raw / "events").glob("????-??-??"))


def _dates(names: Iterator[str]) -> list[date]:
    found = []
    for name in names:
        try:
            found.append(date.fromisoformat(name))
        except ValueError:
            continue
    return sorted(found)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside `path`; on success it takes the place of `path` in one step, on error it is removed.

    The temporary name starts with a dot, so no reader of the folder sees it. What a killed process left behind under
    such a name for this very file is swept first: only one writer of a partition runs at a time (the orchestrator's
    promise), so a leftover is nobody's.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    for leftover in path.parent.glob(f".{path.name}.*.tmp"):
        leftover.unlink(missing_ok=True)
    temporary = path.parent / f".{path.name}.{secrets.token_hex(4)}.tmp"
    try:
        yield temporary
        to_disk(temporary)
        os.replace(temporary, path)
        to_disk(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def to_disk(path: Path) -> None:
    """Ask the disk to keep this file, or the names in this folder, through a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
