"""Text files as logs are published in: delimited (CSV and its kin) and JSON lines, plain or gzipped.

The first lines of a file are looked at before its rows are read, so that a wrong delimiter or a missing column gives
one clear sentence. Columns of a delimited file without a header are named by whoever knows the format.
"""

import csv
import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TextIO

from warehouse.engine.errors import DataError
from warehouse.values import one_of

PROBED_LINES = 100


@dataclass(frozen=True)
class Delimited:
    """Lines of fields. `names` are the columns of a file without a header, in order; `quote` may be empty."""

    delimiter: str = ","
    names: tuple[str, ...] = ()
    quote: str = '"'
    encoding: str = "utf-8"

    def __post_init__(self) -> None:
        if not 1 <= len(self.delimiter) <= 4 or "\n" in self.delimiter:
            raise ValueError(f"delimiter is {self.delimiter!r}: it must be 1 to 4 characters")
        if len(self.quote) > 1:
            raise ValueError(f"quote is {self.quote!r}: it must be one character, or empty for none")
        one_of("encoding", self.encoding, ("utf-8", "latin-1", "utf-16"))


@dataclass(frozen=True)
class JsonLines:
    """A JSON object a line. With `explode`, that field is a list of objects and every one of them is a row."""

    explode: str = ""


TextForm = Delimited | JsonLines


def open_text(path: Path, encoding: str = "utf-8") -> TextIO:
    """A text file, unpacked if its name ends in .gz; DataError for a folder, FileNotFoundError for nothing."""
    if path.is_dir():
        raise DataError(f"{path} is a folder: a file is expected there")
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist: check the path")
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding=encoding, newline="")
    return path.open(encoding=encoding, newline="")


def column_names(path: Path, form: TextForm) -> list[str]:
    """The columns of a file, from its header or (JSON lines) from its first lines; DataError if it has no line."""
    encoding = form.encoding if isinstance(form, Delimited) else "utf-8"
    try:
        with open_text(path, encoding) as file:
            lines = [line.rstrip("\r\n") for line in islice(file, PROBED_LINES)]
    except (UnicodeDecodeError, gzip.BadGzipFile, EOFError) as error:
        raise DataError(f"{path} cannot be read as {encoding} text ({error}): name the right encoding") from error
    if lines:
        lines[0] = lines[0].removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}")
    if not any(lines):
        raise DataError(f"{path} is empty: deliver it again")
    if isinstance(form, JsonLines):
        return list(_json_fields(path, lines, form))
    fields = _fields(lines[0], form)
    if not form.names:
        return fields
    if len(fields) != len(form.names):
        raise DataError(
            f"{path} has {len(fields)} field(s) in its first line where {len(form.names)} are expected "
            f"({', '.join(form.names)}; delimiter {form.delimiter!r}): check the delimiter"
        )
    return list(form.names)


def require(path: Path, form: TextForm, needed: Iterator[str] | tuple[str, ...]) -> list[str]:
    """The file's columns; DataError that names the file and every missing column."""
    names = column_names(path, form)
    missing = [name for name in needed if name not in names]
    if missing:
        hint = ""
        if isinstance(form, Delimited) and len(names) == 1:
            hint = f"; the delimiter {form.delimiter!r} may be wrong"
        raise DataError(
            f"{path} has no column {', '.join(map(repr, missing))} (it has {', '.join(map(repr, names[:20]))}){hint}"
        )
    return names


def _fields(line: str, form: Delimited) -> list[str]:
    if len(form.delimiter) > 1 or not form.quote:
        return line.split(form.delimiter)
    return next(csv.reader([line], delimiter=form.delimiter, quotechar=form.quote), [])


def _json_fields(path: Path, lines: list[str], form: JsonLines) -> dict[str, None]:
    """The fields of the first lines' objects, in the order they appear."""
    found: dict[str, None] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise DataError(f"line {number} of {path} is not JSON ({error}): one object a line is expected") from error
        if not isinstance(row, dict):
            raise DataError(f"line {number} of {path} is no JSON object: one object a line is expected")
        if form.explode:
            found |= dict.fromkeys(name for name in row if name != form.explode)
            nested = row.get(form.explode)
            for inner in nested if isinstance(nested, list) else []:
                found |= dict.fromkeys(inner if isinstance(inner, dict) else ())
        else:
            found |= dict.fromkeys(row)
    return found
