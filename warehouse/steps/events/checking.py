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
    optional = _optional_columns(files, day, config)
    for path, schema in files.items():
        needed = (config.user_column, config.item_column, config.timestamp_column)
        parquet_files.refuse_twins(path, schema, (*needed, *optional.values()))
    user_type = parquet_files.id_type(files, config.user_column, config.user_id_type)
    item_type = parquet_files.id_type(files, config.item_column, config.item_id_type)
    session_type, session_read = _session_type(files, optional.get("session_id"))
    columns = {
        **_id_column("user", config.user_column, _reading(files, config.user_column, user_type)),
        **_id_column("item", config.item_column, _reading(files, config.item_column, item_type)),
        **_time_columns(files, config),
        **{name: FileColumn(optional[name]) if name in optional else None for name in OPTIONAL},
        "dwell": FileColumn(optional["dwell"], "double") if "dwell" in optional else None,
        **_columns_of_sessions(optional, session_read),
    }
    db.view("raw", list(files), columns, filename="source_file")
    user_type, item_type = _wide_enough(db, files, config, user_type, item_type)
    checked = statement(
        "events_checked",
        user_type=_SQL_TYPES[user_type],
        item_type=_SQL_TYPES[item_type],
        session_type=_SQL_TYPES[session_type],
        user_is_text=user_type == "string",
        item_is_text=item_type == "string",
        session_is_text=session_type == "string",
        max_id_length=config.max_id_length,
        floor=midnight(config.floor),
        day_end=midnight(day + timedelta(days=1)),
    )
    db.define("checked", checked)
    return (*EVENTS.required, *optional)


def _id_column(of: str, column: str, reading: str) -> dict[str, FileColumn]:
    """An id as it is used, as text for whoever looks at a rejected row, and whether it is there."""
    return {
        f"{of}_id": FileColumn(column, reading),
        f"{of}_text": FileColumn(column, "text"),
        f"{of}_is_null": FileColumn(column, "is null"),
    }


def _time_columns(files: dict[Path, "pa.Schema"], config: EventsConfig) -> dict[str, FileColumn | None]:
    """The time of an event, its text, whether it is there, and what an import found that it could not read.

    A time zone is that of clocks, not of numbers.
    """
    found = parquet_files.present(files, parquet_files.UNREAD_TIME)
    unread = FileColumn(parquet_files.UNREAD_TIME, "text") if found else None
    column, unit = config.timestamp_column, _time_unit(files, config)
    zone = "" if unit or config.time_zone == "UTC" else config.time_zone
    return {
        "timestamp": FileColumn(column, "time", unit, zone=zone),
        "timestamp_text": FileColumn(column, "text"),
        "timestamp_is_null": FileColumn(column, "is null"),
        "timestamp_unread": unread,
    }


def _columns_of_sessions(optional: Mapping[str, str], reading: str) -> dict[str, FileColumn | None]:
    """What orders events of one time, and the session that a raw file names: None where no file has such a column."""
    sequence, session = optional.get("sequence"), optional.get("session_id")
    return {
        "sequence": None if sequence is None else FileColumn(sequence, "int64"),
        "sequence_is_null": FileColumn(sequence or "", "is null"),
        "session_id": None if session is None else FileColumn(session, reading),
        "session_text": None if session is None else FileColumn(session, "text"),
        "session_is_null": FileColumn(session or "", "is null"),
    }


def _optional_columns(files: dict[Path, "pa.Schema"], day: date, config: EventsConfig) -> dict[str, str]:
    """The optional columns that some raw file has: our name -> the files' own. DataError if a needed one is missing."""
    wanted = (
        ("sequence", config.sequence_column),
        ("session_id", config.session_column),
        ("event_type", config.event_type_column),
        ("dwell", config.dwell_column),
    )
    found = {name: column for name, column in wanted if parquet_files.present(files, column)}
    if "sequence" in found:
        _judge_sequence(files, config.sequence_column)
    if config.event_types and "event_type" not in found:
        raise DataError(
            f"event_types is set, but no raw file of {day} has the column {config.event_type_column!r}: "
            f"name it in event_type_column, or leave event_types empty"
        )
    return found


def _judge_sequence(files: dict[Path, "pa.Schema"], column: str) -> None:
    """DataError where the sequence can be no whole number."""
    for path, schema in files.items():
        kind = parquet_files.kind(schema.field(column).type) if column in schema.names else "null"
        if kind not in (*parquet_files.NUMBERS, "string", "null"):
            raise DataError(
                f"column {column!r} of {path} is {kind}: write whole numbers that order events of one time, or set "
                f"sequence_column to ''"
            )


def _reading(files: dict[Path, "pa.Schema"], column: str, wanted: str) -> str:
    """How a view reads an id column: text that must become a whole number has to read back the same."""
    kinds = {parquet_files.kind(schema.field(column).type) for schema in files.values()}
    return "int64" if wanted == "int64" and kinds & set(parquet_files.TEXTS) else "id"


def _wide_enough(
    db: Database, files: dict[Path, "pa.Schema"], config: EventsConfig, user_type: str, item_type: str
) -> tuple[str, str]:
    """The types of user and item ids: text where the configuration leaves it open and a number is beyond int64."""
    asked = ((config.user_column, config.user_id_type, user_type), (config.item_column, config.item_id_type, item_type))
    may_be_wide = [
        wanted == "auto" and found == "int64" and any(_is_wide(schema, column) for schema in files.values())
        for column, wanted, found in asked
    ]
    if not any(may_be_wide):
        return user_type, item_type
    (counts,) = db.rows(statement("events_wide"))
    users, items = (may and count > 0 for may, count in zip(may_be_wide, counts, strict=True))
    return "string" if users else user_type, "string" if items else item_type


def _is_wide(schema: "pa.Schema", column: str) -> bool:
    """Whether a column's type may hold whole numbers beyond int64."""
    field_type = parquet_files.plain_type(schema.field(column).type)
    return str(field_type) == "uint64" or parquet_files.kind(field_type) == "decimal"


def _session_type(schemas: Mapping[Path, "pa.Schema"], column: str | None) -> tuple[str, str]:
    """How session ids are kept, and how a view reads them, told from the files that have them.

    Text where any is text, or of a type that may hold numbers beyond int64, or of one that can be no id: no session
    may refuse a day that is cut by pauses.
    """
    there = [schema for schema in schemas.values() if column is not None and column in schema.names]
    kinds = {parquet_files.kind(schema.field(column).type) for schema in there} - {"null"}
    if too_long := [one for one in kinds if one.startswith("decimal256")]:  # the engine would read it as a double
        first = next(iter(schemas))
        raise DataError(f"column {column!r} of {first.parent} is {too_long[0]}: write it with 38 digits, or as text")
    if not kinds <= {*parquet_files.NUMBERS, *parquet_files.TEXTS}:
        return "string", "text"
    if not kinds or kinds & set(parquet_files.TEXTS) or any(_is_wide(schema, str(column)) for schema in there):
        return "string", "id"
    return "int64", "id"


def _time_unit(schemas: dict[Path, "pa.Schema"], config: EventsConfig) -> str:
    """The unit of a time that is a number, or text of one, else "". DataError where the configuration lacks it."""
    column = config.timestamp_column
    kinds = parquet_files.column_kinds(
        schemas,
        column,
        ("timestamp", "date", "string", "integer", "float", "decimal"),
        "a timestamp, ISO text or a number",
    )
    numeric = kinds & {"integer", "float", "decimal"}
    first = next(iter(schemas))
    if (numeric and kinds - numeric) or ("string" in kinds and len(kinds) > 1):
        raise DataError(
            f"column {column!r} is {' in one file and '.join(sorted(kinds))} in another file of {first.parent}: "
            f"convert the files to one type"
        )
    if numeric and not config.timestamp_unit:
        raise DataError(f"column {column!r} of {first} is a number: set timestamp_unit to s, ms, us or ns (since 1970)")
    return config.timestamp_unit if numeric or kinds == {"string"} else ""
