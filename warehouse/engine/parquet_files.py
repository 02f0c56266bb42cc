"""Parquet files looked at before their rows are read: whether they are whole, which columns they have, of which types.

Only footers are read. Every refusal names the file and the column.
"""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from warehouse.engine.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa

NUMBERS, TEXTS = ("integer", "float", "decimal"), ("string", "bytes", "uuid")  # kinds of columns that may be ids
SUFFIXES = (".parquet", ".parq", ".pq")
ID_TYPE = b"id_type"  # in a raw column's metadata: what an import was asked to make of ids that it left as text
UNREAD_TIME = "timestamp_unread"  # the raw column of times that an import could not read, as they were found


def below(folder: Path) -> list[Path]:
    """Whatever lies below a folder at any depth, by name; what is called `_*` or `.*` is left out, with all below it.

    Raises:
        DataError: a folder cannot be listed, so that nobody knows what it holds.
    """

    def refuse(error: OSError) -> None:
        raise DataError(
            f"the folder {error.filename} cannot be listed ({error.strerror}), and what lies there would not be read: "
            f"let this user read it, or give it a name that begins with _ to leave it out"
        ) from error

    found: list[Path] = []
    for place, folders, files in os.walk(folder, onerror=refuse) if folder.is_dir() else ():
        folders[:] = [name for name in folders if not name.startswith(("_", "."))]
        found += [Path(place, name) for name in (*folders, *files) if not name.startswith(("_", "."))]
    return sorted(found)


def files_of(folder: Path) -> list[Path]:
    """The parquet files below a folder, at any depth, by name.

    What is called `_*` or `.*` is left out: writers leave such marks and unfinished files.

    Raises:
        DataError: another file lies there, a link to a folder, or a folder that cannot be listed: it would not be read.
    """
    found = []
    for path in below(folder):
        if path.is_dir() and not path.is_symlink():
            if path.suffix.lower() not in SUFFIXES or any(path.iterdir()):
                continue
        elif what := _strange(path):
            there = str(path).encode(errors="backslashreplace").decode()
            raise DataError(
                f"{there} is {what} and would not be read: import it, call it {SUFFIXES[0]} if it is one, or give it a "
                f"name that begins with _ to leave it out"
            )
        found.append(path)
    return found


def _strange(path: Path) -> str:
    """Why a file cannot be read as parquet, seen from outside; "" where it can. To open a pipe would wait for ever."""
    if path.is_dir():
        return "a link to a folder"
    if path.exists() and not path.is_file():
        return "neither a file nor a folder"
    if any("\ud800" <= letter <= "\udfff" for letter in path.name):
        return "of a name that is no UTF-8 text"
    return "" if path.suffix.lower() in SUFFIXES else "no parquet file by its name"


def schema_of(path: Path) -> "pa.Schema":
    """The schema in a parquet file's footer; DataError if it is no whole parquet file."""
    import pyarrow.parquet as pq

    if path.is_dir():
        raise DataError(f"{path} is a folder: a parquet file is expected there")
    with sentences_of(path):
        return pq.read_schema(path)


def rows_of(path: Path) -> int:
    """The number of rows of a parquet file, from its footer."""
    import pyarrow.parquet as pq

    return int(pq.read_metadata(path).num_rows)


def bounds_of(paths: Iterable[Path], column: str) -> tuple[tuple[Any, Any] | None, ...]:
    """The least and the greatest value of a column in each file with rows, from the footers; None where unknown."""
    import pyarrow.parquet as pq

    found: list[tuple[Any, Any] | None] = []
    for footer in map(pq.read_metadata, paths):
        place = footer.schema.names.index(column)
        said = [footer.row_group(number).column(place).statistics for number in range(footer.num_row_groups)]
        known = [one for one in said if one is not None and one.has_min_max]
        if footer.num_rows:
            whole = bool(known) and len(known) == len(said)
            found.append((min(one.min for one in known), max(one.max for one in known)) if whole else None)
    return tuple(found)


@contextmanager
def sentences_of(path: Path) -> Iterator[None]:
    """Turn what goes wrong while a parquet file is read into a DataError that names it."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(
            f"{path} is not a whole parquet file (empty, cut short, damaged, or of another format): "
            f"write it again; nothing was changed ({reason})"
        ) from error


@contextmanager
def naming_damaged(files: Iterable[Path]) -> Iterator[None]:
    """Where reading some parquet files fails, read them one by one and name the first that cannot be read."""
    import pyarrow.parquet as pq

    try:
        yield
    except DataError:
        for path in files:
            with sentences_of(path), pq.ParquetFile(path) as file:
                for _ in file.iter_batches():
                    pass
        raise


def kind(field_type: "pa.DataType") -> str:
    """What a column can be read as: one of the names below, or the type's own name.

    A decimal of more than 38 digits keeps its own name: the engine would round it.
    """
    import pyarrow as pa
    import pyarrow.types as t

    field_type = plain_type(field_type)
    if isinstance(field_type, pa.UuidType):
        return "uuid"
    if t.is_fixed_size_binary(field_type) and field_type.byte_width == 16:
        return "uuid"
    if t.is_decimal(field_type) and field_type.precision <= 38:
        return "decimal"
    tests = (
        ("integer", t.is_integer),
        ("float", t.is_floating),
        ("string", t.is_string),
        ("string", t.is_large_string),
        ("string", t.is_string_view),
        ("bytes", t.is_binary),
        ("bytes", t.is_large_binary),
        ("bytes", t.is_binary_view),
        ("bytes", t.is_fixed_size_binary),
        ("timestamp", t.is_timestamp),
        ("date", t.is_date),
        ("null", t.is_null),
    )
    return next((name for name, test in tests if test(field_type)), str(field_type))


def plain_type(field_type: "pa.DataType") -> "pa.DataType":
    """The type of a column's values: not that of a dictionary around them, nor of an extension.

    Only UUIDs, which are kept as bytes, and the booleans of `bool8`, which are kept as numbers, stay what they are.
    """
    import pyarrow as pa

    if pa.types.is_dictionary(field_type):
        return plain_type(field_type.value_type)
    if isinstance(field_type, pa.BaseExtensionType) and not isinstance(field_type, pa.UuidType | pa.Bool8Type):
        return plain_type(field_type.storage_type)
    return field_type


def refuse_twins(path: Path, schema: "pa.Schema", names: Iterable[str]) -> None:
    """Raise DataError where a needed column has a twin: the same name, or one that differs in upper case alone.

    Engines do not tell such names apart, and read the first.
    """
    for name in names:
        twins = [other for other in schema.names if other.casefold() == name.casefold()]
        if name in twins and len(twins) > 1:
            raise DataError(
                f"{path} has the columns {', '.join(map(repr, twins))}, which engines do not tell apart: rename one"
            )


def column_kinds(schemas: dict[Path, "pa.Schema"], column: str, allowed: tuple[str, ...], expected: str) -> set[str]:
    """The kinds that a column has in some files, without null. DataError where it is missing or of another kind."""
    found = set()
    for path, schema in schemas.items():
        if column not in schema.names:
            raise DataError(f"{path} has no column {column!r} (it has {', '.join(schema.names) or 'none'}): add it")
        column_kind = kind(schema.field(column).type)
        if column_kind not in (*allowed, "null"):
            raise DataError(
                f"column {column!r} of {path} is {schema.field(column).type}: {expected} is expected; convert the file"
            )
        found.add(column_kind)
    return found - {"null"}


def id_type(schemas: dict[Path, "pa.Schema"], column: str, wanted: str = "auto") -> str:
    """How an id column is kept: "int64" or "string".

    "auto": whole numbers are int64, floats and decimals of whole values too; text, bytes and UUIDs are string; files
    that disagree are refused. A column that an import wanted to be int64 (see `ID_TYPE`) is int64 though it is text.
    """
    kinds = column_kinds(schemas, column, (*NUMBERS, *TEXTS), "a whole number or text")
    if wanted == "auto":
        there = [schema.field(column) for schema in schemas.values()]
        marked = {(field.metadata or {}).get(ID_TYPE, b"").decode() for field in there} - {""}
        if len(marked) == 1:
            return str(marked.pop())
    if wanted == "auto" and kinds & set(NUMBERS) and kinds & set(TEXTS):
        numbers, text = (
            next(path.name for path, schema in schemas.items() if kind(schema.field(column).type) in group)
            for group in (NUMBERS, TEXTS)
        )
        raise DataError(
            f"column {column!r} is a whole number in {numbers} and text in {text}: "
            f"set its type to int64 or string in the configuration"
        )
    if wanted == "auto":
        return "string" if kinds & set(TEXTS) else "int64"
    return wanted


def present(schemas: dict[Path, "pa.Schema"], column: str) -> bool:
    """Whether some file has an optional column."""
    return bool(column) and any(column in schema.names for schema in schemas.values())


def same_id_types(partitions: Iterable[Path]) -> dict[Path, "pa.Schema"]:
    """The schemas of those partitions that have rows; DataError if an id is a number on one day and text on another."""
    schemas: dict[Path, pa.Schema] = {}
    for path in partitions:
        schema = schema_of(path)
        if rows_of(path):
            schemas[path] = schema
    for column in ("user_id", "item_id", "session_id"):
        seen: dict[str, Path] = {}
        for path, schema in schemas.items():
            if column in schema.names:
                seen.setdefault(kind(schema.field(column).type), path)
        if len(seen) > 1:
            (one, first), (other, second) = list(seen.items())[:2]
            raise DataError(
                f"{column} is {one} in {first} and {other} in {second}: rematerialise the wrong day "
                f"with {column}_type set in the configuration"
            )
    return schemas
