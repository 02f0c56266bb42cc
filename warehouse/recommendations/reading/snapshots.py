"""A night as a snapshot: found in the table's log, then read from its own files only.

Notable: the newest night is found without opening a data file. A snapshot stays readable while later nights are
written, and after it was replaced, until vacuum removes its files.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable

from warehouse.days import as_day
from warehouse.engine.row_groups import ROW_GROUP
from warehouse.recommendations.errors import NoNight, RecommendationsError, StaleNight
from warehouse.recommendations.kinds import kind_at
from warehouse.recommendations.logbook import Rollback, standing_rollback
from warehouse.recommendations.table import (
    HasRecommendations,
    night_files,
    night_schema,
    nights,
    open_table,
    table_path,
)
from warehouse.values import whole


@contextmanager
def damage(file: str | Path) -> Iterator[None]:
    """Turn what goes wrong while a file of a night is read into a sentence that names it."""
    try:
        yield
    except (OSError, pa.ArrowException) as error:
        raise RecommendationsError(
            f"{file} is missing or damaged ({str(error).splitlines()[0]}): see `warehouse recommendations verify`, "
            "then publish the night again or roll back"
        ) from error


@dataclass(frozen=True)
class Night:
    """One whole night, pinned: whatever is written later, it reads the same rows.

    Args:
        version: the table's version in which it was found.
        age_days: days from `run_date` to today (UTC); 1 in the morning after.
        files: the parquet files that it consists of, in order of user (of similar items: of item).
        rollback: on the newest night, the rollback that made it the newest, if no night was published since.
    """

    run_date: dt.date
    version: int
    age_days: int
    model_version: int | None
    mlflow_run_id: str | None
    generated_at: dt.datetime
    path: Path
    files: tuple[str, ...]
    schema: pa.Schema
    rollback: Rollback | None = None

    def batches(self, columns: Sequence[str] | None = None, rows: int = ROW_GROUP) -> Iterator[pa.RecordBatch]:
        """Stream the night in order of its key, at most `rows` at a time; memory does not grow with the night.

        The checksum of every page is compared. `RecommendationsError` for a file that is missing or damaged.
        """
        names = self.schema.names if columns is None else _known(columns, self.schema)
        schema = pa.schema([self.schema.field(name) for name in names])
        inside = [name for name in names if name != "run_date"]  # stands in the log, not in the files
        for file in self.files:
            with damage(file), pq.ParquetFile(file, page_checksum_verification=True) as part:
                for batch in part.iter_batches(rows, columns=inside, use_threads=False):
                    found = {name: batch[name] for name in inside}
                    found["run_date"] = pa.repeat(pa.scalar(self.run_date), batch.num_rows)
                    yield pa.record_batch([found[name].cast(schema.field(name).type) for name in names], schema=schema)

    def to_arrow(self, columns: Sequence[str] | None = None) -> pa.Table:
        """The whole night as one Arrow table, in order of its key (user or item, then rank)."""
        names = self.schema.names if columns is None else _known(columns, self.schema)
        schema = pa.schema([self.schema.field(name) for name in names])
        return pa.Table.from_batches(self.batches(names)).cast(schema)


def _known(columns: Sequence[str], schema: pa.Schema) -> list[str]:
    unknown = [name for name in columns if name not in schema.names]
    if unknown:
        raise RecommendationsError(
            f"the recommendations have no column {', '.join(unknown)}: {', '.join(schema.names)}"
        )
    return list(columns)


def latest(
    where: HasRecommendations | str | Path, *, max_age_days: int | None = None, today: dt.date | None = None
) -> Night:
    """The newest whole night, however old, and its age. With `max_age_days`, an older one raises `StaleNight`."""
    table = open_table(table_path(where))
    return newest(table, table_path(where), max_age_days, today)


def night(where: HasRecommendations | str | Path, run_date: dt.date | str) -> Night:
    """One night, or raise `NoNight` with the nights that there are. Text like 2026-01-31 is a night too."""
    return snapshot(open_table(table_path(where)), table_path(where), run_date, None)


def newest(table: DeltaTable, path: Path, max_age_days: int | None, today: dt.date | None) -> Night:
    """The newest night of an open table; `NoNight` without one, `StaleNight` for one that is too old."""
    there = nights(table)
    if not there:
        raise NoNight(f"the {kind_at(path).table.name} table {path} holds no night yet: run one first")
    if max_age_days is not None:
        whole("max_age_days", max_age_days, 0, error=RecommendationsError)
    found = replace(snapshot(table, path, there[-1], today), rollback=standing_rollback(table))
    if max_age_days is not None and found.age_days > max_age_days:
        raise StaleNight(
            f"the newest night in {path} is {found.run_date}, {found.age_days} days old, and at most {max_age_days} "
            "are accepted: look into the nightly run"
        )
    return found


def snapshot(table: DeltaTable, path: Path, run_date: dt.date | str, today: dt.date | None) -> Night:
    """One night of an open table; `NoNight` where it is missing, ValueError for what is no day."""
    run_date = as_day(run_date)
    files = night_files(table, run_date)
    if not files:
        there = nights(table)
        several = f"it holds {len(there)}, {there[0]} to {there[-1]}" if there else "it holds none"
        span = f"it holds {there[0]} alone" if len(there) == 1 else several
        raise NoNight(f"the {kind_at(path).table.name} table {path} has no night {run_date}: {span}")
    constants = ["model_version", "mlflow_run_id", "generated_at"]  # the same on every row of a night
    with damage(files[0]), pq.ParquetFile(files[0], page_checksum_verification=True) as part:
        first = part.read_row_group(0, columns=constants).slice(0, 1)
        schema = night_schema(table, part.schema_arrow.names)
    age = ((today or dt.datetime.now(dt.UTC).date()) - run_date).days
    version, run, at = (first[name][0].as_py() for name in constants)
    return Night(run_date, table.version(), age, version, run, at, path, tuple(files), schema)
