"""Where everything lies below one root folder. The folder is the database: a partition a table and day.

What a step reads and writes of a partition goes through `Layout`: whether it is a file, parts or an object store's, no
step knows.

raw/events/2026-01-31/**/*.parquet  what arrived on that day, in the shape its owner gave it
raw/items/**/*.parquet            the catalogue as last delivered
deliveries/2026-01-31.json        which raw files a day's events were read from
events/2026-01-31.parquet         a table's partition: one whole file,
events/2026-01-31.parts/          or whole parts and their manifest
recommendations/                  a Delta table, one partition a night
reports/2026-01-31.html           a night's report, for people
pictures/2026-01-31/*.png         what the assets' pages show of a night
similar_items/                    another Delta table
storage.toml                      where the partitions lie, if not here: an address in an object store
.copies/                          then: copies of them
"""

import re
from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from warehouse.days import as_day
from warehouse.partitions import files_of_partition, is_partition, replacing_partition, sound
from warehouse.sentences import shown
from warehouse.store.address import address_of
from warehouse.store.tables import StoredTables
from warehouse.sums import Damaged


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
        """Folder of the Delta table of users' lists."""
        return self.root / "recommendations"

    def report(self, night: date | str) -> Path:
        """The page that tells people of a night."""
        return self.root / "reports" / f"{as_day(night).isoformat()}.html"

    def picture(self, night: date | str, name: str) -> Path:
        """A picture that an asset's page shows of a night."""
        return self.root / "pictures" / as_day(night).isoformat() / f"{name}.png"

    @property
    def similar_items(self) -> Path:
        """Folder of the Delta table of similar items."""
        return self.root / "similar_items"

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

    def delivery(self, day: date | str) -> Path:
        """The record of the raw files that a day's events were read from."""
        return self.root / "deliveries" / f"{as_day(day).isoformat()}.json"

    @property
    def stored(self) -> StoredTables | None:
        """The tables where they lie in an object store; None where they lie in the data folder.

        Raises:
            StoreError: `storage.toml` names no address.
        """
        address = address_of(self.root)
        return StoredTables(address, self.root / ".copies") if address else None

    def partition(self, table: str, day: date | str) -> Path:
        """Where the one file of a table's day lies in the data folder, or would lie; `files` are those to read."""
        return self.root / table / f"{_name(day)}.parquet"

    def place(self, table: str, day: date | str) -> str:
        """Where a table's day lies, or would lie, for people: a path or an address."""
        stored = self.stored
        return str(self.partition(table, day)) if stored is None else stored.place(table, _name(day))

    def files(self, table: str, day: date | str) -> list[Path]:
        """The parquet files of a table's day, in the order of its rows; none where there is no such day.

        Of a day in an object store they are copies on this machine.

        Raises:
            ValueError: what is there cannot be read, or the store cannot be used.
        """
        stored = self.stored
        return files_of_partition(self.partition(table, day)) if stored is None else stored.files(table, _name(day))

    def replacing(self, table: str, day: date | str) -> AbstractContextManager[Path]:
        """A temporary path; the file or the folder of parts that is written there takes the day's place in one step.

        On an error the day stays as it was. See partitions.replacing_partition and store.tables.StoredTables.replacing.
        """
        stored = self.stored
        if stored is None:
            return replacing_partition(self.partition(table, day))
        return stored.replacing(table, _name(day))

    def sound(self, table: str, day: date | str) -> bool:
        """Whether all files of a day are there and have their sums, as far as some are noted."""
        stored = self.stored
        if stored is None:
            return sound(self.partition(table, day))
        try:
            return bool(stored.files(table, _name(day)))
        except Damaged:
            return False

    def days(self, table: str) -> list[date]:
        """The days a table has a partition of, ascending; files with other names are not partitions."""
        if (stored := self.stored) is not None:
            return _dates(stored.days(table))
        endings = (".parquet", ".parts")
        found = (path for ending in endings for path in (self.root / table).glob(f"????-??-??{ending}"))
        return sorted(set(_dates(path.stem for path in found if is_partition(path))))

    def raw_days(self) -> list[date]:
        """The days raw events have arrived on, ascending."""
        return _dates(path.name for path in (self.raw / "events").glob("????-??-??"))

    def raw_strays(self) -> list[Path]:
        """What lies among the folders of the days and is none, so that nobody reads it, by name.

        What is called `_*` or `.*` is left out, as it is below a day.
        """
        days = {day.isoformat() for day in self.raw_days()}
        return sorted(
            path
            for path in (self.raw / "events").glob("*")
            if not path.name.startswith(("_", ".")) and not (path.name in days and path.is_dir())
        )


def judge_folder(path: Path) -> None:
    """Refuse a folder whose path the Delta library reads as another one, or stops at.

    It decodes %41 in a path to A and takes a backslash for a slash, so the table would be looked for elsewhere; what
    lies below a _delta_log it takes for a log. Brackets, ^, | and control characters stop it, some only when rows are
    deleted. No way of writing the path helps, nor does a link.

    Raises:
        ValueError: what in the path is wrong.
    """
    whole = str(path.resolve())
    if found := re.search(r"%[0-9A-Fa-f]{2}|[\\\[\]^|\x00-\x1f\x7f]|(?<=/)_delta_log(?=/|$)", whole):
        raise ValueError(
            f"{shown(whole)} has {shown(found[0])} in its path, which the Delta library reads as something else or "
            f"stops at: rename that folder, or put the data below another one"
        )


def _name(day: date | str) -> str:
    return as_day(day).isoformat()


def _dates(names: Iterable[str]) -> list[date]:
    """The days among some names, ascending; those that no data can have are none."""
    found = []
    for name in names:
        try:
            found.append(as_day(name))
        except ValueError:
            continue
    return sorted(found)
