"""Text files as logs are published in: delimited (CSV and its kin) and JSON lines, plain or packed (gzip, zstd).

The first lines of a file are looked at before its rows are read, so that a wrong delimiter or a missing column gives
one clear sentence. Columns of a delimited file without a header are named by whoever knows the format.
"""

import csv
import gzip
import io
import json
import zlib
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from warehouse.engine.errors import DataError
from warehouse.sentences import shown
from warehouse.values import one_of

PROBED_LINES = 100
_ENDS = b"\r\n\0"  # of lines, in UTF-16 too
LONGEST_LINE = 2**24  # characters, of the lines that are looked at
MARKS = {
    b"\x1f\x8b": "gzip",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"PK\x03\x04": "zip",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"\x04\x22\x4d\x18": "lz4",
    b"7z\xbc\xaf\x27\x1c": "7z",
    b"\x50\x2a\x4d\x18": "zstd",  # as pzstd begins one
    b"Rar!\x1a": "rar",
    b"LZIP": "lzip",
    b"\x1f\x9d": "compress",
    b"\xff\x06\x00\x00sNaPpY": "snappy",
}  # what a packed file begins with
TABLES = {
    b"PAR1": "a parquet file",
    b"ARROW1\0\0": "a file of Arrow",
    b"Obj\x01": "an Avro file",
    b"SQLite format 3\0": "a database of SQLite",
    b"\xd0\xcf\x11\xe0": "a file of Excel",
}  # what other files of rows begin with
TAR = slice(257, 262)  # where a tar archive says what it is


@dataclass(frozen=True)
class Delimited:
    """Lines of fields. `names` are the columns of a file without a header, in order; `quote` may be empty."""

    delimiter: str = ","
    names: tuple[str, ...] = ()
    quote: str = '"'
    encoding: str = "utf-8"

    def __post_init__(self) -> None:
        if not 1 <= len(self.delimiter) <= 4 or set("\n\r\0") & set(self.delimiter):
            raise ValueError(f"delimiter is {shown(self.delimiter)}: it must be 1 to 4 characters")
        if len(self.quote.encode()) > 1 or self.quote in ("\n", "\r", "\0", self.delimiter):
            raise ValueError(f"quote is {shown(self.quote)}: it must be one character, or empty for none")
        one_of("encoding", self.encoding, ("utf-8", "latin-1", "utf-16"))


@dataclass(frozen=True)
class JsonLines:
    """A JSON object a line. With `explode`, that field is a list of objects and every one of them is a row.

    A field of `single` is one id, as text. A number of a whole value is that number however it is written (3.00, 1e2).
    It is NULL where it is a list, an object or true, whose text could be that of another row; a number that is not
    exact (1e30); or one of the words NaN and Infinity without quotes, which Python writes for a missing number.
    """

    explode: str = ""
    single: tuple[str, ...] = ()


TextForm = Delimited | JsonLines


def packing(path: Path) -> str:
    """How a file is packed, by its first bytes: "gzip", "zstd" or "none".

    Raises:
        DataError: it is a folder, or packed in a way that cannot be read.
        FileNotFoundError: it does not exist.
    """
    if path.is_dir():
        raise DataError(f"{path} is a folder: a file is expected there")
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist: check the path")
    with path.open("rb") as file:
        found = _kind_of(path, file.read(TAR.stop))
    if found in ("gzip", "zstd", "none"):
        return found
    raise DataError(f"{path} is packed ({found}): unpack it, or pack it with gzip or zstd")


def _kind_of(path: Path, start: bytes) -> str:
    """How a file is packed that begins so, or "none"; DataError for a file of rows that is no text."""
    if other := next((name for mark, name in TABLES.items() if start.startswith(mark)), ""):
        raise DataError(f"{path} is {other} and no text: read it as one, or write its rows as text or parquet")
    if start[TAR] == b"ustar":
        return "tar"
    return next((name for mark, name in MARKS.items() if start.startswith(mark)), "none")


def _refuse_packed_twice(path: Path) -> None:
    """DataError where what is packed in a file is packed itself, as in log.tar.gz."""
    with _bytes_of(path) as file:
        inside = _kind_of(path, file.read(TAR.stop))
    if inside != "none":
        raise DataError(
            f"{path} is packed ({packing(path)}, and {inside} inside): unpack it, and pack each file by itself"
        )


def open_text(path: Path, encoding: str = "utf-8") -> TextIO:
    """A text file, unpacked where its bytes are packed, without a byte order mark; faults are those of `packing`."""
    encoding = "utf-8-sig" if encoding == "utf-8" else encoding
    return io.TextIOWrapper(_bytes_of(path), encoding=encoding, newline="")


def refuse_long_end(path: Path) -> None:
    """DataError where the last line of a delimited file is longer than LONGEST_LINE.

    DuckDB refuses a line that its buffer cannot hold, but leaves out one that is the last, without a word.
    """
    held = 0  # bytes since the last end of a line that more follows
    try:
        with _bytes_of(path) as file:
            if packing(path) == "none":
                file.seek(max(0, path.stat().st_size - LONGEST_LINE - 2))
            while chunk := file.read(2**20):
                line = chunk.rstrip(_ENDS)
                end = max(line.rfind(b"\n"), line.rfind(b"\r"))
                held = held + len(chunk) if end < 0 else len(chunk) - end - 1
    except (ValueError, EOFError, OSError, zlib.error) as error:  # Arrow's own error of a broken zstd is a ValueError
        raise DataError(f"{path} cannot be read to its end ({error}): deliver it again") from error
    if held > LONGEST_LINE:
        raise DataError(f"{path} has a line of more than {LONGEST_LINE:,} characters: deliver it again")


def _bytes_of(path: Path) -> Any:
    """A file's bytes, unpacked where they are packed."""
    packed = packing(path)
    if packed == "zstd":
        import pyarrow as pa

        return pa.input_stream(str(path), compression="zstd")
    return gzip.open(path) if packed == "gzip" else path.open("rb")


def column_names(path: Path, form: TextForm, wanted: Collection[str] = ()) -> list[str]:
    """The columns of a file, from its header or (JSON lines) from its first lines; DataError if it has no line.

    Columns without a name get names of their own, and so do those that an engine would not tell from a wanted one, or
    from one that stands before, for it knows no upper case.
    """
    found: list[str] = []
    taken = {name.casefold() for name in wanted}
    for place, name in enumerate(_header(path, form), 1):
        is_own = bool(name) and (name in wanted or name.casefold() not in taken)
        found.append(name if is_own else f"{name}(column {place})")
        taken.add(name.casefold())
    return found


def require(path: Path, form: TextForm, needed: Sequence[str]) -> list[str]:
    """The file's columns; DataError that names the file and every column that is missing, or stands twice."""
    header = _header(path, form)
    missing = [name for name in needed if name not in header]
    if missing:
        raise _lacking(path, form, missing, header)
    for name in needed:
        if header.count(name) > 1:
            raise DataError(f"{path} has the column {shown(name)} {header.count(name)} times: keep one of them")
    _refuse_alike(list(dict.fromkeys(needed)), path)
    refuse_long_end(path)
    return column_names(path, form, needed)


def _refuse_alike(names: Sequence[str], path: Path) -> None:
    for place, name in enumerate(names):
        if twin := next((other for other in names[:place] if other.casefold() == name.casefold()), None):
            how = "are one name" if twin == name else "differ in upper case alone"
            raise DataError(f"{shown(twin)} and {shown(name)} of {path} {how}: rename one of them")


def require_fields(paths: Sequence[Path], form: JsonLines, needed: Iterable[str]) -> None:
    """DataError unless every field stands in some line of some JSON lines file, and no two are called alike."""
    needed = list(dict.fromkeys(needed))
    _refuse_alike([*needed, form.explode] if form.explode else needed, paths[0])
    there: dict[str, None] = {}
    for path in paths:
        there |= dict.fromkeys(_header(path, form))
    lacking = {name for name in needed if name not in there}
    for path in paths if lacking else ():
        with open_text(path) as file:
            while lacking and (lines := _lines(path, file)):
                lacking -= set(_json_fields(path, lines, form))
    if lacking:
        raise _lacking(paths[0], form, [name for name in needed if name in lacking], list(there))


def _lacking(path: Path, form: TextForm, missing: list[str], there: list[str]) -> DataError:
    hint = ""
    if isinstance(form, Delimited) and len(there) == 1:
        hint = f"; the delimiter {form.delimiter!r} may be wrong"
    return DataError(
        f"{path} has no column {', '.join(map(shown, missing))} (it has {', '.join(map(shown, there[:20]))}){hint}"
    )


def _header(path: Path, form: TextForm) -> list[str]:
    """The names of the columns as they stand in the file."""
    encoding = form.encoding if isinstance(form, Delimited) else "utf-8"
    try:
        if packing(path) != "none":
            _refuse_packed_twice(path)
        with open_text(path, encoding) as file:
            lines = _lines(path, file)
    except (DataError, FileNotFoundError):
        raise
    except (ValueError, EOFError, OSError) as error:  # Arrow's own error of a broken zstd file is a ValueError
        raise DataError(
            f"{path} cannot be read as {encoding} text ({error}): name the right encoding, or unpack it"
        ) from error
    if not any(lines):
        raise DataError(f"{path} is empty: deliver it again")
    if isinstance(form, JsonLines):
        return list(_json_fields(path, lines, form))
    fields = _fields(lines, form)
    if not form.names:
        return fields
    if len(fields) != len(form.names):
        raise DataError(
            f"{path} has {len(fields)} field(s) in its first line where {len(form.names)} are expected "
            f"({', '.join(form.names)}; delimiter {form.delimiter!r}): check the delimiter"
        )
    return list(form.names)


def _lines(path: Path, file: TextIO) -> list[str]:
    """The next PROBED_LINES lines, none of which may be longer than LONGEST_LINE: a file of zeros is one line."""
    lines: list[str] = []
    while len(lines) < PROBED_LINES and (line := file.readline(LONGEST_LINE + 1)):
        if len(line) > LONGEST_LINE:
            raise DataError(f"{path} has a line of more than {LONGEST_LINE:,} characters: deliver it again")
        lines.append(line.rstrip("\r\n"))
    return lines


def _fields(lines: list[str], form: Delimited) -> list[str]:
    """The first row; a quoted field of it may go on in the next line."""
    if len(form.delimiter) > 1 or not form.quote:
        return lines[0].split(form.delimiter)
    csv.field_size_limit(LONGEST_LINE)  # by default Python refuses a field of over 128 KB
    return next(csv.reader([f"{line}\n" for line in lines], delimiter=form.delimiter, quotechar=form.quote), [])


def refuse_nested(paths: Sequence[Path], form: JsonLines, names: Sequence[str]) -> None:
    """DataError where a field that should be an id or a time is a list or an object in the first lines of a file."""
    for path in paths:
        with open_text(path) as file:
            for number, row in _json_rows(path, _lines(path, file), form):
                for name in names:
                    if isinstance(row.get(name), list | dict):
                        what = "a list" if isinstance(row[name], list) else "an object"
                        raise DataError(
                            f"field {shown(name)} of line {number} of {path} is {what}: write one number or text there"
                        )


def _json_fields(path: Path, lines: list[str], form: JsonLines) -> dict[str, None]:
    """The fields of the first lines' objects, in the order they appear."""
    return dict.fromkeys(name for _, row in _json_rows(path, lines, form) for name in row)


def _json_rows(path: Path, lines: list[str], form: JsonLines) -> Iterator[tuple[int, dict[str, Any]]]:
    """The objects of lines with their numbers; with `explode` those of the list, each after the rest of its line."""
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except RecursionError:
            raise DataError(f"line {number} of {path} is nested too deep: one object a line is expected") from None
        except ValueError as error:  # also of a number of thousands of digits
            raise DataError(f"line {number} of {path} is not JSON ({error}): one object a line is expected") from error
        if not isinstance(row, dict):
            raise DataError(f"line {number} of {path} is no JSON object: one object a line is expected")
        nested = row.pop(form.explode, None) if form.explode else None
        yield number, row
        for inner in nested if isinstance(nested, list) else []:
            if isinstance(inner, dict):
                yield number, inner
