"""raw events of a day -> events + rejected_events.

The day is the day of arrival: a row whose time lies earlier is a late event and stays in the partition it arrived in;
a row whose time lies after the day is from the future of that night and is rejected. No row disappears: each one is an
event, a duplicate, of an unwanted type, or rejected with a reason.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from warehouse.config import EventsConfig
from warehouse.engine import raw_files as rawfiles
from warehouse.engine.duckdb_engine import Database, DataError, Engine, Source
from warehouse.engine.statements import Columns, SqlType, statement
from warehouse.layout import Layout, as_day, midnight, replacing
from warehouse.tables import arrow_schema

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class EventsReport:
    """What one day's ingestion found. `raw_rows` = `rows` + `duplicates` + `filtered` + `rejected`."""

    day: date
    files: int
    raw_rows: int
    rows: int
    duplicates: int
    filtered: int
    rejected: int
    rejected_by_reason: Mapping[str, int]
    late: int
    first: datetime | None
    last: datetime | None

    @property
    def rejected_share(self) -> float:
        """Rejected rows over raw rows; 0 for a day without rows."""
        return self.rejected / self.raw_rows if self.raw_rows else 0.0

    def problem(self, config: EventsConfig) -> str | None:
        """A sentence with the top reasons when the rejected share passes the limit, else None."""
        if self.rejected_share <= config.max_rejected_share:
            return None
        reasons = ", ".join(f"{reason}: {count:,}" for reason, count in list(self.rejected_by_reason.items())[:5])
        return (
            f"{self.rejected:,} of {self.raw_rows:,} raw rows of {self.day} were rejected ({self.rejected_share:.1%}; "
            f"the limit is {config.max_rejected_share:.1%}): {reasons}; see rejected_events for the rows"
        )


def day_bounds(day: date) -> tuple[datetime, datetime]:
    """The first moment (UTC) of a day and of the day after it."""
    return midnight(day), midnight(day + timedelta(days=1))


def ingest_day(engine: Engine, layout: Layout, day: date | str, config: EventsConfig | None = None) -> EventsReport:
    """Write a day's `events` and `rejected_events`; both replace what stood there, each as a whole.

    DataError (a ValueError) for a raw file that cannot be read, a missing column, a column of the wrong type, or no
    rows at all (unless `allow_empty_day`); FileNotFoundError for a missing raw folder. Nothing is changed then.
    """
    config = config or EventsConfig()
    day = as_day(day)
    folder = layout.raw_events(day)
    schemas = _raw_schemas(folder, config)
    if not schemas:
        return _write_empty(layout, day)
    with rawfiles.naming_damaged(schemas), engine.open() as db:
        columns = _define_checked(db, schemas, day, config)
        counts = db.rows(statement("events_counts", all_types=not config.event_types, event_types=config.event_types))
        raw_rows = sum(n for _, n, _ in counts)
        if not raw_rows and not config.allow_empty_day:
            raise DataError(
                f"the raw files of {day} in {folder} hold no rows: deliver the day's events, or set allow_empty_day"
            )
        wanted = sum(w for reason, _, w in counts if reason is None)
        good = sum(n for reason, n, _ in counts if reason is None)
        accepted = statement(
            "events_accepted",
            columns=Columns(columns),
            order=Columns(tuple(name for name in _ORDER if name in columns), "NULLS LAST"),
            all_types=not config.event_types,
            event_types=config.event_types,
        )
        events, rejected = layout.partition("events", day), layout.partition("rejected_events", day)
        with replacing(events) as new_events, replacing(rejected) as new_rejected:
            rows = db.write(accepted, new_events)
            refused = db.write(statement("events_rejected"), new_rejected)
            db.view("events", [new_events])
            ((late, first, last),) = db.rows(statement("events_written", day_start=day_bounds(day)[0]))
    return EventsReport(
        day=day,
        files=len(schemas),
        raw_rows=raw_rows,
        rows=rows,
        duplicates=wanted - rows,
        filtered=good - wanted,
        rejected=refused,
        rejected_by_reason={reason: n for reason, n, _ in counts if reason is not None},
        late=late,
        first=first,
        last=last,
    )


_ORDER = ("user_id", "timestamp", "item_id", "session_id", "event_type", "dwell")


def _raw_schemas(folder: Path, config: EventsConfig) -> dict[Path, "pa.Schema"]:
    """The schemas of the day's raw files; empty only when the day may be."""
    if folder.is_dir() and (files := rawfiles.parquet_files(folder)):
        return {path: rawfiles.schema_of(path) for path in files}
    if config.allow_empty_day:
        return {}
    missing = "holds no *.parquet file" if folder.is_dir() else "does not exist"
    raise FileNotFoundError(
        f"the raw events folder {folder} {missing}: deliver the day's events there, or set allow_empty_day"
    )


def _define_checked(
    db: Database, schemas: Mapping[Path, "pa.Schema"], day: date, config: EventsConfig
) -> tuple[str, ...]:
    """Define the views `raw` and `checked`; returns the columns that the events will have."""
    files = dict(schemas)
    user_type, user_from_text = rawfiles.id_type(files, config.user_column, config.user_id_type)
    item_type, item_from_text = rawfiles.id_type(files, config.item_column, config.item_id_type)
    optional = _optional_columns(files, day, config)
    session_type = (
        rawfiles.id_type(_having(files, optional["session_id"]), optional["session_id"])[0]
        if ("session_id" in optional)
        else "string"
    )
    unit = _time_unit(files, config)
    time_column = config.timestamp_column
    columns = {
        "user_id": Source(config.user_column),
        "item_id": Source(config.item_column),
        "timestamp": Source(time_column, "time", unit),
        "timestamp_text": Source(time_column, "text"),
        "timestamp_is_null": Source(time_column, "is null"),
        **{
            name: Source(optional[name]) if name in optional else None for name in ("session_id", "event_type", "dwell")
        },
    }
    db.view("raw", list(files), columns, filename="source_file")
    checked = statement(
        "events_checked",
        user_type=_SQL_TYPES[user_type],
        item_type=_SQL_TYPES[item_type],
        session_type=_SQL_TYPES[session_type],
        user_is_text=user_type == "string",
        item_is_text=item_type == "string",
        user_from_text=user_from_text,
        item_from_text=item_from_text,
        max_id_length=config.max_id_length,
        floor=day_bounds(config.floor)[0],
        day_end=day_bounds(day)[1],
    )
    db.define("checked", checked)
    return ("user_id", "item_id", "timestamp", *optional)


def _optional_columns(files: dict[Path, "pa.Schema"], day: date, config: EventsConfig) -> dict[str, str]:
    """The optional columns that some raw file has: our name -> the files' own; DataError if a needed one is not."""
    wanted = (
        ("session_id", config.session_column),
        ("event_type", config.event_type_column),
        ("dwell", config.dwell_column),
    )
    found = {name: column for name, column in wanted if rawfiles.present(files, column)}
    if config.event_types and "event_type" not in found:
        raise DataError(
            f"event_types is set, but no raw file of {day} has the column {config.event_type_column!r}: "
            f"name it in event_type_column, or leave event_types empty"
        )
    return found


_SQL_TYPES = {"int64": SqlType.INT64, "string": SqlType.STRING}


def _having(schemas: Mapping[Path, "pa.Schema"], column: str) -> dict[Path, "pa.Schema"]:
    return {path: schema for path, schema in schemas.items() if column in schema.names}


def _time_unit(schemas: dict[Path, "pa.Schema"], config: EventsConfig) -> str:
    """The unit of a numeric time, "" for timestamps and text; DataError where the configuration leaves it open."""
    column = config.timestamp_column
    kinds = rawfiles.column_kinds(
        schemas, column, ("timestamp", "date", "string", "integer", "float"), "a timestamp, ISO text or a number"
    )
    numeric = kinds & {"integer", "float"}
    first = next(iter(schemas))
    if (numeric and kinds - numeric) or ("string" in kinds and len(kinds) > 1):
        raise DataError(
            f"column {column!r} is {' in one file and '.join(sorted(kinds))} in another file of {first.parent}: "
            f"convert the files to one type"
        )
    if numeric and not config.timestamp_unit:
        raise DataError(f"column {column!r} of {first} is a number: set timestamp_unit to s, ms, us or ns (since 1970)")
    return config.timestamp_unit if numeric else ""


def _write_empty(layout: Layout, day: date) -> EventsReport:
    """An empty partition for a day without raw files."""
    import pyarrow.parquet as pq

    events, rejected = layout.partition("events", day), layout.partition("rejected_events", day)
    with replacing(events) as new_events, replacing(rejected) as new_rejected:
        pq.write_table(arrow_schema("events").empty_table(), new_events)
        pq.write_table(arrow_schema("rejected_events").empty_table(), new_rejected)
    return EventsReport(day, 0, 0, 0, 0, 0, 0, {}, 0, None, None)
