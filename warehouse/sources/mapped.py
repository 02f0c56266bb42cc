"""Any log in parquet, CSV or JSON lines; a small TOML file, the mapping, says what its columns are:

[events]
format = "csv"                  # parquet, csv or jsonl
files = ["clicks-*.csv.gz"]     # below PATH when that is a folder; default: every file there, of the format or refused
user_id = "visitor"             # the file's own column names
item_id = "sku"
timestamp = "at"
timestamp_unit = "ms"           # for numbers since 1970: s, ms, us, ns; left out for ISO text and timestamps
timestamp_format = "%d.%m.%Y %H:%M:%S"    # for other text
time_zone = "Europe/Athens"     # of clocks that name no zone; left out for UTC
session_id = "visit"            # optional, as are event_type, dwell (seconds) and
sequence = "row"                # whole numbers that order a user's events of one time
user_id_type = "int64"          # text files only: ids become whole numbers instead of staying text
item_id_type = "int64"
delimiter = ";"                 # csv only; also quote, encoding, names (the columns, where there is no header)
explode = "events"              # jsonl only: a field that is a list of the rows

[items]                         # optional; format, files and the like as above
format = "csv"
files = ["products.csv"]
item_id = "sku"
title = "name"
features = ["brand", "category"]
numbers = ["price"]
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

from warehouse.engine.duckdb_engine import fileless_connection
from warehouse.engine.errors import DataError
from warehouse.engine.parquet_files import SUFFIXES
from warehouse.engine.protocol import FileColumn, LocalEngine
from warehouse.engine.text_files import Delimited, JsonLines, TextForm
from warehouse.layout import Layout
from warehouse.sentences import shown
from warehouse.sources.raw.events import ImportReport, write_events
from warehouse.sources.raw.files import all_files_in, files_in, refuse_strays
from warehouse.sources.raw.items import rows_of, write_items
from warehouse.sources.raw.log import LogFiles
from warehouse.sources.raw.unit import alone, unit_of
from warehouse.tables import ID_TYPES
from warehouse.toml_files import read_toml
from warehouse.values import TIME_UNITS, a_text, a_zone, distinct_roles, one_of, texts

FORMATS = {
    "parquet": SUFFIXES,
    "csv": (".csv", ".csv.gz", ".csv.zst"),
    "jsonl": (".jsonl", ".jsonl.gz", ".jsonl.zst"),
}  # and how the names of their files end, in any case
KEYS_OF_A_FORMAT = {"delimiter": "csv", "quote": "csv", "encoding": "csv", "names": "csv", "explode": "jsonl"}
FILE_TEXTS = ("format", "delimiter", "encoding", "explode")
ROLES = ("user_id", "item_id", "timestamp", "sequence", "session_id", "event_type", "dwell")
TEXTS = {
    "events": (*FILE_TEXTS, *ROLES, "timestamp_unit", "timestamp_format", "time_zone", "user_id_type", "item_id_type"),
    "items": (*FILE_TEXTS, "item_id", "title", "item_id_type"),
}
LISTS = {"events": ("files", "names"), "items": ("files", "names", "features", "numbers")}


@alone
def import_mapped(
    engine: LocalEngine,
    layout: Layout,
    path: Path,
    *,
    mapping: Path | None = None,
    unit: str = "",
    progress: bool = False,
) -> ImportReport:
    """Write a log's events, and its items where the mapping has a section of them.

    Raises:
        ValueError: there is no mapping, it cannot be read, it lacks a key, or it has one that means nothing.
        FileNotFoundError: the mapping, or a file of the log, is missing.
    """
    if mapping is None:
        raise ValueError("a log of one's own needs --mapping FILE, a TOML file that names its columns")
    sections = _sections(mapping)
    items = _items(mapping, sections["items"], path) if "items" in sections else None
    catalogue = rows_of(engine, items) if items else None  # read first, as it may be broken
    others = {mapping.resolve(), *(file.resolve() for file in (items.files if items else ()))}
    events = _events(mapping, sections["events"], path, others)
    report = write_events(engine, layout, events, unit=unit_of(path, unit), progress=progress)
    return report if catalogue is None else replace(report, items=write_items(layout, catalogue))


def _sections(mapping: Path) -> dict[str, dict[str, Any]]:
    """The sections, each value of the type that its key has."""
    sections = read_toml(mapping, "the mapping")
    for name, section in sections.items():
        if name not in TEXTS or not isinstance(section, dict):
            raise DataError(f"the mapping {mapping} has {shown(name)}: its sections are [events] and [items]")
        known = {*TEXTS[name], *LISTS[name], "quote"}
        if unknown := sorted(set(section) - known):
            raise DataError(
                f"[{name}] of {mapping} has {', '.join(map(shown, unknown[:5]))}, which means nothing there: it knows "
                f"{', '.join(sorted(known))}"
            )
        kind = section.get("format", "parquet")
        for key in KEYS_OF_A_FORMAT.keys() & section.keys():
            if kind in FORMATS and kind != (of := KEYS_OF_A_FORMAT[key]):
                raise DataError(
                    f"[{name}] of {mapping} has {key}, which is for format {of} and not {kind}: leave it out"
                )
        for key, value in section.items():
            where = f"{key} of [{name}] in {mapping}"
            if key in LISTS[name]:
                texts(where, value, error=DataError)
            elif key != "quote" or value != "":
                a_text(where, value, error=DataError)
    if "events" not in sections:
        raise DataError(f"the mapping {mapping} has no section [events]")
    return sections


def _events(mapping: Path, section: dict[str, Any], path: Path, others: set[Path]) -> LogFiles:
    _require(mapping, "events", section, "user_id", "item_id", "timestamp")
    columns = {
        "user_id": _id(mapping, section, "user_id"),
        "item_id": _id(mapping, section, "item_id"),
        "timestamp": _clock(mapping, section),
    }
    for key, read in (("sequence", "as is"), ("session_id", "as is"), ("event_type", "as is"), ("dwell", "double")):
        if key in section:
            columns[key] = FileColumn(section[key], read)
    distinct_roles({key: section[key] for key in columns}, f"[events] of {mapping}", error=DataError)
    found = _files(mapping, section, path)
    if "files" not in section:
        refuse_strays(path, {*others, *(file.resolve() for file in found)})
    return LogFiles(found, columns, _form(mapping, section))


def _clock(mapping: Path, section: dict[str, Any]) -> FileColumn:
    """The column of times and how it is read."""
    unit, form, zone = (section.get(key, "") for key in ("timestamp_unit", "timestamp_format", "time_zone"))
    one_of(f"timestamp_unit of {mapping}", unit, ("", *TIME_UNITS), error=DataError)
    if unit and (form or zone):
        raise DataError(
            f"{mapping} has timestamp_unit, for numbers since 1970, and "
            f"{'timestamp_format' if form else 'time_zone'}, for text and clocks: leave one of the two out"
        )
    if zone:
        a_zone(f"time_zone of {mapping}", zone, error=DataError)
    if form:
        _judge_format(mapping, form)
    return FileColumn(section["timestamp"], "time", unit, form, zone)


def _judge_format(mapping: Path, form: str) -> None:
    """DataError for a timestamp_format that the engine cannot follow."""
    import duckdb

    try:
        with fileless_connection() as connection:
            connection.execute("SELECT try_strptime('', ?)", [form])
    except duckdb.Error as error:
        reason = str(error).splitlines()[0].rpartition(": ")[2]
        raise DataError(
            f"timestamp_format of {mapping} is {shown(form)}: a format like %d.%m.%Y %H:%M:%S is expected ({reason})"
        ) from error


def _items(mapping: Path, section: dict[str, Any], path: Path) -> LogFiles:
    _require(mapping, "items", section, "item_id")
    columns = {"item_id": _id(mapping, section, "item_id")}
    if "title" in section:
        columns["title"] = FileColumn(section["title"], "id text")
    for key, read in (("features", "as is"), ("numbers", "double")):
        for name in section.get(key, []):
            if name in columns:
                raise DataError(f"{key} of [items] in {mapping} names {shown(name)}, a column that is there already")
            columns[name] = FileColumn(name, read)
    return LogFiles(_files(mapping, section, path), columns, _form(mapping, section))


def _id(mapping: Path, section: dict[str, Any], key: str) -> FileColumn:
    wanted = section.get(f"{key}_type", "")
    one_of(f"{key}_type of {mapping}", wanted, ("", *ID_TYPES), error=DataError)
    return FileColumn(section[key], {"": "as is", "int64": "int64", "string": "id text"}[wanted])


def _require(mapping: Path, name: str, section: dict[str, Any], *keys: str) -> None:
    for key in keys:
        if key not in section:
            raise DataError(f'[{name}] of {mapping} must name a column as {key}, like {key} = "..."')


def _files(mapping: Path, section: dict[str, Any], path: Path) -> tuple[Path, ...]:
    kind = section.get("format", "parquet")
    one_of(f"format of {mapping}", kind, FORMATS, error=DataError)
    if "files" not in section:
        return all_files_in(path, FORMATS[kind])
    patterns = section["files"]
    if outside := [pattern for pattern in patterns if Path(pattern).is_absolute() or ".." in Path(pattern).parts]:
        raise DataError(f"files of {mapping} has {shown(outside[0])}: patterns stay below {path}")
    return files_in(path, *patterns)


def _form(mapping: Path, section: dict[str, Any]) -> TextForm | None:
    kind = section.get("format", "parquet")
    if kind == "csv":
        known = {key: section[key] for key in ("delimiter", "quote", "encoding") if key in section}
        try:
            return Delimited(names=tuple(section.get("names", ())), **known)
        except ValueError as error:
            raise DataError(f"{mapping}: {error}") from error
    return JsonLines(section.get("explode", "")) if kind == "jsonl" else None
