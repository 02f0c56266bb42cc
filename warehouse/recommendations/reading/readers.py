"""How the table is read: a night as a snapshot, the newest night and its age, one user's list in the shape that fusion
takes.

Notable: the newest night is found in the log (no data file is opened), and only that night's files are read. A
snapshot stays readable while later nights are written, and after this one is replaced, until vacuum removes its files.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from deltalake import DeltaTable

from warehouse.recommendations.errors import NoNight, RecommendationsError, StaleNight
from warehouse.recommendations.logbook import Rollback, standing_rollback
from warehouse.recommendations.reading.lookup import Lookup
from warehouse.recommendations.reading.titles import Titles, items_file
from warehouse.recommendations.table import (
    HasRecommendations,
    connect,
    id_types,
    night_files,
    nights,
    open_table,
    table_path,
    table_schema,
)

UserId = int | str
_ROWS = "FROM read_parquet($files, hive_partitioning = true)"


@dataclass(frozen=True)
class Night:
    """One whole night, pinned: whatever is written later, it reads the same rows.

    ``version``: the table's version it was found in. ``age_days``: days from ``run_date`` to today (UTC): 1 in the
    morning after. ``files``: the parquet files it consists of, in order of user. ``rollback``: on the newest night, the
    rollback that made it so, if no night was published since.
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

    def batches(self, columns: Sequence[str] | None = None, rows: int = 122_880) -> Iterator[pa.RecordBatch]:
        """Stream the night in order of user and rank, ``rows`` at a time; memory does not grow with the night."""
        names = self.schema.names if columns is None else _known(columns, self.schema)
        with connect() as con:
            yield from con.sql(
                f"SELECT {', '.join(names)} {_ROWS}", params={"files": list(self.files)}
            ).to_arrow_reader(rows)

    def to_arrow(self, columns: Sequence[str] | None = None) -> pa.Table:
        """Return the whole night as one Arrow table, in order of user and rank."""
        names = self.schema.names if columns is None else _known(columns, self.schema)
        schema = pa.schema([self.schema.field(name) for name in names])
        return pa.Table.from_batches(self.batches(names)).cast(schema)


def latest(
    where: HasRecommendations | str | Path, *, max_age_days: int | None = None, today: dt.date | None = None
) -> Night:
    """Return the newest whole night, however old, and its age; with ``max_age_days`` an older one raises
    ``StaleNight``.
    """
    table = open_table(table_path(where))
    return _newest(table, table_path(where), max_age_days, today)


def night(where: HasRecommendations | str | Path, run_date: dt.date) -> Night:
    """Return one night, or raise ``NoNight`` with the nights that there are."""
    return _snapshot(open_table(table_path(where)), table_path(where), run_date, None)


def for_user(
    where: HasRecommendations | str | Path,
    user_id: UserId,
    n: int = 10,
    *,
    run_date: dt.date | None = None,
    items: Path | None = None,
    max_age_days: int | None = None,
) -> list[dict[str, object]]:
    """Return a user's best ``n`` items of a night (the newest by default), best first; [] for a user without a list.

    Each is ``{"item_id", "title", "score", "model"}``, the shape of the OCCF branch; the title comes from the items
    table beside the recommendations (``items``: another parquet file), None where it is not known.
    """
    with Reader(where, items=items, max_age_days=max_age_days) as reader:
        return reader.for_user(user_id, n, run_date=run_date)


def for_users(
    where: HasRecommendations | str | Path,
    user_ids: Sequence[UserId] | pa.Array,
    n: int = 100,
    *,
    run_date: dt.date | None = None,
    max_age_days: int | None = None,
) -> pa.Table:
    """Return the best ``n`` items of each of these users as Arrow (all columns), in order of user and rank."""
    with Reader(where, max_age_days=max_age_days) as reader:
        return reader.for_users(user_ids, n, run_date=run_date)


class Reader:
    """A reader to keep open: it looks for a newer night at each call, and keeps the night's files open, their footers
    and the titles in memory, so that one user's list is one row group read.
    """

    def __init__(
        self, where: HasRecommendations | str | Path, *, items: Path | None = None, max_age_days: int | None = None
    ) -> None:
        self.path = table_path(where)
        self.max_age_days = max_age_days
        self._items = items
        self._table = open_table(self.path)
        self._seen: tuple[dt.date | None, dt.date] | None = None  # the night asked for, the day it was asked on
        self._night: Night | None = None
        self._lookup: tuple[tuple[str, ...], Lookup] | None = None  # the files it has open
        self._titles = Titles()

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *exc: object) -> None:
        if self._lookup is not None:
            self._lookup[1].close()
            self._lookup = None

    def night(self, run_date: dt.date | None = None) -> Night:
        """Return the newest night, or the one asked for, as the table shows it now.

        Whether anything was committed since is told by the existence of the log's next entry; once a day the log is
        read in any case, for the age and for entries that were cleaned up.
        """
        today = dt.datetime.now(dt.UTC).date()
        following = self.path / "_delta_log" / f"{self._table.version() + 1:020d}.json"
        if self._night is None or self._seen != (run_date, today) or following.exists():
            self._table.update_incremental()
            if run_date is None:
                self._night = _newest(self._table, self.path, self.max_age_days, today)
            else:
                self._night = _snapshot(self._table, self.path, run_date, today)
            self._seen = (run_date, today)
        return self._night

    def for_user(self, user_id: UserId, n: int = 10, *, run_date: dt.date | None = None) -> list[dict[str, object]]:
        """As the function ``for_user``."""
        found = self.night(run_date)
        _check(n, [user_id], found)
        rows = self._opened(found).best(user_id, n)
        items = self._items or items_file(self.path, found.run_date)
        titles = {} if items is None else self._titles.of(items, [row[0] for row in rows])
        return [
            {"item_id": item, "title": titles.get(item), "score": score, "model": model} for item, score, model in rows
        ]

    def for_users(
        self, user_ids: Sequence[UserId] | pa.Array, n: int = 100, *, run_date: dt.date | None = None
    ) -> pa.Table:
        """As the function ``for_users``."""
        found = self.night(run_date)
        ids = user_ids.to_pylist() if isinstance(user_ids, pa.Array | pa.ChunkedArray) else list(user_ids)
        _check(n, ids, found)
        with connect() as con:
            con.register("wanted", pa.table({"user_id": pa.array(ids, found.schema.field("user_id").type)}))
            rows = con.sql(
                f"SELECT {', '.join(found.schema.names)} {_ROWS} SEMI JOIN wanted USING (user_id) "
                "WHERE rank <= $n ORDER BY user_id, rank",
                params={"files": list(found.files), "n": n},
            ).to_arrow_table()
        return rows.cast(found.schema)

    def _opened(self, found: Night) -> Lookup:
        """The night's files, opened when they are not those of the last call."""
        if self._lookup is None or self._lookup[0] != found.files:
            if self._lookup is not None:
                self._lookup[1].close()
            self._lookup = (found.files, Lookup(found.files))
        return self._lookup[1]


def _newest(table: DeltaTable, path: Path, max_age_days: int | None, today: dt.date | None) -> Night:
    there = nights(table)
    if not there:
        raise NoNight(f"the recommendations table {path} holds no night yet: run one first")
    found = replace(_snapshot(table, path, there[-1], today), rollback=standing_rollback(table))
    if max_age_days is not None and found.age_days > max_age_days:
        raise StaleNight(
            f"the newest night in {path} is {found.run_date}, {found.age_days} days old, and at most {max_age_days} "
            "are accepted: look into the nightly run"
        )
    return found


def _snapshot(table: DeltaTable, path: Path, run_date: dt.date, today: dt.date | None) -> Night:
    files = night_files(table, run_date)
    if not files:
        there = nights(table)
        several = f"it holds {len(there)}, {there[0]} to {there[-1]}" if there else "it holds none"
        span = f"it holds {there[0]} alone" if len(there) == 1 else several
        raise NoNight(f"the recommendations table {path} has no night {run_date}: {span}")
    kinds = id_types(table)
    constants = ["model_version", "mlflow_run_id", "generated_at"]  # the same on every row of a night
    first = pq.ParquetFile(files[0]).read_row_group(0, columns=constants).slice(0, 1)
    age = ((today or dt.datetime.now(dt.UTC).date()) - run_date).days
    schema = table_schema(kinds["user_id"], kinds["item_id"])
    version, run, at = (first[name][0].as_py() for name in constants)
    return Night(run_date, table.version(), age, version, run, at, path, tuple(files), schema)


def _known(columns: Sequence[str], schema: pa.Schema) -> list[str]:
    unknown = [name for name in columns if name not in schema.names]
    if unknown:
        raise RecommendationsError(
            f"the recommendations have no column {', '.join(unknown)}: {', '.join(schema.names)}"
        )
    return list(columns)


def _check(n: int, user_ids: Sequence[object], found: Night) -> None:
    """Refuse what would silently find nothing: no items, or ids of the other type."""
    if n < 1:
        raise RecommendationsError(f"n must be at least 1 item, not {n}")
    text = pa.types.is_string(found.schema.field("user_id").type)
    for user in user_ids:
        if isinstance(user, str) != text:
            raise RecommendationsError(
                f"user_id {user!r} is {'text' if isinstance(user, str) else 'a number'}, but the user ids of "
                f"{found.path} are {'text' if text else 'integers'}"
            )
