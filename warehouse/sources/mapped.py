"""Any log in parquet, CSV or JSON lines; a small TOML file, the mapping, says what its columns are:

[events]
format = "csv"                  # parquet, csv or jsonl
files = ["clicks-*.csv.gz"]     # below PATH when that is a folder; default: all files of the format
user_id = "visitor"             # the file's own column names
item_id = "sku"
timestamp = "at"
timestamp_unit = "ms"           # for numbers since 1970: s, ms, us, ns; left out for ISO text and timestamps
timestamp_format = "%d.%m.%Y %H:%M:%S"    # for other text
session_id = "visit"            # optional, as are event_type and dwell (seconds)
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

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

from warehouse.engine.errors import DataError
from warehouse.engine.protocol import FileColumn, LocalEngine
from warehouse.engine.text_files import Delimited, JsonLines, TextForm
from warehouse.layout import Layout
from warehouse.sources.raw.events import ImportReport, write_events
from warehouse.sources.raw.items import rows_of, write_items
from warehouse.sources.raw.log import LogFiles, files_in
from warehouse.sources.raw.unit import unit_of
from warehouse.tables import ID_TYPES
from warehouse.values import TIME_UNITS, one_of

FORMATS = {
    "parquet": ("*.parquet",),
    "csv": ("*.csv", "*.csv.gz", "*.csv.zst"),
    "jsonl": ("*.jsonl", "*.jsonl.gz", "*.jsonl.zst"),
}
FILE_KEYS = {"format", "files", "delimiter", "quote", "encoding", "names", "explode"}
EVENT_KEYS = FILE_KEYS | {
    "user_id", "item_id", "timestamp", "timestamp_unit", "timestamp_format", "session_id", "event_type", "dwell",
    "user_id_type", "item_id_type",
}  # fmt: skip
ITEM_KEYS = FILE_KEYS | {"item_id", "title", "features", "numbers", "item_id_type"}


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
    report = write_events(
        engine, layout, _events(mapping, sections["events"], path), unit=unit_of(path, unit), progress=progress
    )
    return report if catalogue is None else replace(report, items=write_items(layout, catalogue))


def _sections(mapping: Path) -> dict[str, dict[str, Any]]:
    if not mapping.is_file():
        raise FileNotFoundError(f"the mapping {mapping} does not exist: check the path")
    try:
        sections = tomllib.loads(mapping.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"the mapping {mapping} is not TOML: {error}") from error
    allowed = {"events": EVENT_KEYS, "items": ITEM_KEYS}
    for name, section in sections.items():
        if name not in allowed or not isinstance(section, dict):
            raise DataError(f"the mapping {mapping} has {name!r}: its sections are [events] and [items]")
        unknown = sorted(set(section) - allowed[name])
        if unknown:
            raise DataError(
                f"[{name}] of {mapping} has {', '.join(map(repr, unknown))}, which means nothing there: it knows "
                f"{', '.join(sorted(allowed[name]))}"
            )
    if "events" not in sections:
        raise DataError(f"the mapping {mapping} has no section [events]")
    return sections


def _events(mapping: Path, section: dict[str, Any], path: Path) -> LogFiles:
    for key in ("user_id", "item_id", "timestamp"):
        _text(mapping, "events", section, key)
    unit, form = section.get("timestamp_unit", ""), section.get("timestamp_format", "")
    if unit not in ("", *TIME_UNITS) or (unit and form):
        raise DataError(
            f"timestamp_unit of {mapping} is {unit!r}: choose one of s, ms, us, ns, and no timestamp_format beside it"
        )
    columns = {
        "user_id": _id(mapping, section, "user_id"),
        "item_id": _id(mapping, section, "item_id"),
        "timestamp": FileColumn(section["timestamp"], "time", unit, form),
    }
    for key in ("session_id", "event_type"):
        if key in section:
            columns[key] = FileColumn(_text(mapping, "events", section, key))
    if "dwell" in section:
        columns["dwell"] = FileColumn(_text(mapping, "events", section, "dwell"), "double")
    return LogFiles(_files(mapping, section, path), columns, _form(mapping, section))


def _items(mapping: Path, section: dict[str, Any], path: Path) -> LogFiles:
    _text(mapping, "items", section, "item_id")
    columns = {"item_id": _id(mapping, section, "item_id")}
    if "title" in section:
        columns["title"] = FileColumn(_text(mapping, "items", section, "title"), "text")
    for key, read in (("features", "as is"), ("numbers", "double")):
        names = section.get(key, [])
        if not isinstance(names, list) or not all(isinstance(name, str) and name for name in names):
            raise DataError(f"{key} of [items] in {mapping} is {names!r}: a list of column names is expected")
        columns |= {name: FileColumn(name, read) for name in names}
    return LogFiles(_files(mapping, section, path), columns, _form(mapping, section))


def _id(mapping: Path, section: dict[str, Any], key: str) -> FileColumn:
    wanted = section.get(f"{key}_type", "")
    one_of(f"{key}_type of {mapping}", wanted, ("", *ID_TYPES), error=DataError)
    return FileColumn(section[key], {"": "as is", "int64": "int64", "string": "text"}[wanted])


def _text(mapping: Path, name: str, section: dict[str, Any], key: str) -> str:
    value = section.get(key)
    if not isinstance(value, str) or not value:
        raise DataError(f'[{name}] of {mapping} must name a column as {key}, like {key} = "..."')
    return value


def _files(mapping: Path, section: dict[str, Any], path: Path) -> tuple[Path, ...]:
    kind = section.get("format", "parquet")
    one_of(f"format of {mapping}", kind, FORMATS, error=DataError)
    patterns = section.get("files", list(FORMATS[kind]))
    if not isinstance(patterns, list) or not all(isinstance(pattern, str) and pattern for pattern in patterns):
        raise DataError(f"files of {mapping} is {patterns!r}: a list of names or patterns is expected")
    return files_in(path, *patterns)


def _form(mapping: Path, section: dict[str, Any]) -> TextForm | None:
    kind = section.get("format", "parquet")
    if kind == "csv":
        known = {key: section[key] for key in ("delimiter", "quote", "encoding") if key in section}
        try:
            return Delimited(names=tuple(section.get("names", ())), **known)
        except (TypeError, ValueError) as error:
            raise DataError(f"{mapping}: {error}") from error
    return JsonLines(section.get("explode", "")) if kind == "jsonl" else None
