"""A night read whole, and compared with what its commit says of it: the files, their sizes, sums and rows."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable

from warehouse.days import as_day
from warehouse.recommendations.errors import NoNight
from warehouse.recommendations.kinds import kind_at
from warehouse.recommendations.logbook import sums
from warehouse.recommendations.table import HasRecommendations, nights, open_table, table_path
from warehouse.sums import sum_of


@dataclass(frozen=True)
class Verified:
    """What reading a night whole has shown.

    Args:
        files: that the night consists of.
        rows: that the table's log promises.
        problems: a sentence for each file that is missing or damaged.
        unsummed: how many files have no sum in the log, for an older version published them, or the log has forgotten
            the commit. Of those only what parquet itself and the checksums of pages show is seen.
    """

    run_date: dt.date
    files: int
    rows: int
    problems: tuple[str, ...]
    unsummed: int

    @property
    def whole(self) -> bool:
        """Whether every file is there and as it was published."""
        return not self.problems

    def __str__(self) -> str:
        said = f"{self.run_date}: {self.files} file(s), {self.rows:,} rows"
        if self.unsummed:
            said += f", {self.unsummed} of the files without a sum in the log"
        return f"{said}: whole" if self.whole else f"{said}: {'; '.join(self.problems)}"


def verify(where: HasRecommendations | str | Path, run_date: dt.date | None = None) -> Verified:
    """Read a night (the newest by default) whole.

    Raises:
        NoNight: there is no such table, or no such night.
    """
    path = table_path(where)
    table = open_table(path)
    there = nights(table)
    run_date = as_day(run_date) if run_date is not None else there[-1] if there else None
    if run_date is None or run_date not in there:
        name = kind_at(path).table.name
        raise NoNight(f"the {name} table {path} has no night {run_date or ''} to verify: see its history")
    return verified(table, path, run_date)


def verified(table: DeltaTable, path: Path, run_date: dt.date) -> Verified:
    """The same of a table that is open, perhaps at an older version; `path` is its folder."""
    entries = _entries(table, run_date)
    known = sums(table, run_date)
    problems = [_problem(path / name, size, rows, known.get(Path(name).name)) for name, size, rows in entries]
    unsummed = sum(Path(name).name not in known for name, _, _ in entries)
    return Verified(run_date, len(entries), sum(e[2] for e in entries), tuple(filter(None, problems)), unsummed)


def _entries(table: DeltaTable, run_date: dt.date) -> list[tuple[str, int, int]]:
    """Path below the table, bytes and rows of each file of a night, as the log has them."""
    log = pa.table(table.get_add_actions(flatten=True)).to_pylist()
    return sorted(
        (unquote(entry["path"]), int(entry["size_bytes"]), int(entry["num_records"]))
        for entry in log
        if str(entry["partition.run_date"]) == run_date.isoformat()
    )


def _problem(file: Path, size: int, rows: int, known: str | None) -> str | None:
    """What is wrong with a file of a night; None for a whole one."""
    if not file.is_file():
        return f"{file} is missing"
    if file.stat().st_size != size:
        return f"{file} has {file.stat().st_size} bytes of {size}"
    if known is not None:
        return None if sum_of(file) == known else f"{file} was changed after it was published (its sum differs)"
    try:
        with pq.ParquetFile(file, page_checksum_verification=True) as part:
            read = sum(batch.num_rows for batch in part.iter_batches())
    except (OSError, pa.ArrowException) as error:
        return f"{file} cannot be read ({str(error).splitlines()[0]})"
    return None if read == rows else f"{file} holds {read} rows of {rows}"
