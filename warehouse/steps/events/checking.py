"""The view `checked`: every raw row, with the first reason that keeps it from being an event."""

from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from warehouse.config import EventsConfig
from warehouse.days import midnight
from warehouse.engine import parquet_files
from warehouse.engine.errors import DataError
from warehouse.engine.protocol import Database, FileColumn
from warehouse.engine.statements import SqlType, statement
from warehouse.tables import EVENTS

if TYPE_CHECKING:
    import pyarrow as pa

OPTIONAL = tuple(column.name for column in EVENTS.columns if column.optional)
_SQL_TYPES = {"int64": SqlType.INT64, "string": SqlType.STRING}


def define_checked(
    db: Database, schemas: Mapping[Path, "pa.Schema"], day: date, config: EventsConfig
) -> tuple[str, ...]:
    """Define the views `raw` and `checked`; returns the columns that the events will have."""
    files = dict(schemas)
    user_type, user_from_text = parquet_files.id_type(files, config.user_column, config.user_id_type)
    item_type, item_from_text = parquet_files.id_type(files, config.item_column, config.item_id_type)
    optional = _optional_columns(files, day, config)
    session_type = _session_type(files, optional.get("session_id"))
    unit = _time_unit(files, config)
    time_column = config.timestamp_column
    columns = {
        "user_id": FileColumn(config.user_column),
        "item_id": FileColumn(config.item_column),
        "timestamp": FileColumn(time_column, "time", unit),
        "timestamp_text": FileColumn(time_column, "text"),
        "timestamp_is_null": FileColumn(time_column, "is null"),
        **{name: FileColumn(optional[name]) if name in optional else None for name in OPTIONAL},
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
        floor=midnight(config.floor),
        day_end=midnight(day + timedelta(days=1)),
    )
    db.define("checked", checked)
    return (*EVENTS.required, *optional)


def _optional_columns(files: dict[Path, "pa.Schema"], day: date, config: EventsConfig) -> dict[str, str]:
    """The optional columns that some raw file has: our name -> the files' own. DataError if a needed one is missing."""
    wanted = (
        ("session_id", config.session_column),
        ("event_type", config.event_type_column),
        ("dwell", config.dwell_column),
    )
    found = {name: column for name, column in wanted if parquet_files.present(files, column)}
    if config.event_types and "event_type" not in found:
        raise DataError(
            f"event_types is set, but no raw file of {day} has the column {config.event_type_column!r}: "
            f"name it in event_type_column, or leave event_types empty"
        )
    return found


def _session_type(schemas: Mapping[Path, "pa.Schema"], column: str | None) -> str:
    """How session ids are kept, told from the files that have them."""
    if column is None:
        return "string"
    return parquet_files.id_type({path: s for path, s in schemas.items() if column in s.names}, column)[0]


def _time_unit(schemas: dict[Path, "pa.Schema"], config: EventsConfig) -> str:
    """The unit of a numeric time, "" for timestamps and text; DataError where the configuration leaves it open."""
    column = config.timestamp_column
    kinds = parquet_files.column_kinds(
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
