"""SQL statements: one file each, beside the step that runs it, in the subset of SQL that DuckDB and Spark share.

A `{name}` in a file stands for one value. Only whole values of known types go in, as literals that are quoted here, so
nothing in a value can be read as SQL. Names of raw columns and files never reach these files: the engine's views rename
them first.
"""

import math
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from enum import StrEnum
from functools import cache
from pathlib import Path


class SqlType(StrEnum):
    """The types an id may have, as a CAST names them."""

    INT64 = "BIGINT"
    STRING = "STRING"


@dataclass(frozen=True)
class ColumnList:
    """A list of our own column names, each followed by `suffix`. Names from outside are refused."""

    names: tuple[str, ...]
    suffix: str = ""

    def __str__(self) -> str:
        for name in self.names:
            if not re.fullmatch("[a-z_]+", name):
                raise ValueError(f"{name!r} is not the name of one of our columns")
        return ", ".join(f"{name} {self.suffix}".rstrip() for name in self.names)


Value = SqlType | ColumnList | bool | int | float | str | date | datetime | tuple[str, ...] | None

_FILES = {file.stem: file for file in Path(__file__).parents[1].rglob("*.sql")}
_PLACEHOLDER = re.compile(r"\{(\w+)\}")


def statement(name: str, **values: Value) -> str:
    """The text of `<name>.sql` with its placeholders replaced; KeyError for a missing value or one without a place."""
    text = _text(name)
    unknown = set(values) - set(_PLACEHOLDER.findall(text))
    if unknown:
        raise KeyError(f"{name}.sql has no placeholder {', '.join(sorted(unknown))}")
    return _PLACEHOLDER.sub(lambda match: literal(values[match.group(1)]), text)


@cache
def _text(name: str) -> str:
    lines = _FILES[name].read_text(encoding="utf-8").splitlines()
    return "\n".join(line for line in lines if not line.lstrip().startswith("--"))


def literal(value: Value) -> str:
    """A value as an SQL literal. A tuple of strings becomes a list for IN; an empty one matches nothing."""
    if value is None:
        return "NULL"
    if isinstance(value, SqlType | ColumnList):
        return str(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"{value} cannot be written into a statement")
        return repr(value)
    if isinstance(value, datetime):
        return f"TIMESTAMP '{value.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}'"  # both engines read it in UTC
    if isinstance(value, date):
        return f"DATE '{value.isoformat()}'"
    if isinstance(value, str):
        return _text_literal(value)
    if isinstance(value, tuple):
        return f"({', '.join(map(_text_literal, value)) if value else 'NULL'})"
    raise TypeError(f"a {type(value).__name__} cannot be written into a statement")


def _text_literal(text: str) -> str:
    """Text as both engines read it: Spark takes a backslash within quotes for an escape, so none stands there."""
    if "\\" not in text:
        return quoted(text)
    return f"({' || chr(92) || '.join(map(quoted, text.split(chr(92))))})"


def quoted(text: str) -> str:
    """Text as DuckDB's string literal. A NUL character cannot be in one."""
    if "\0" in text:
        raise ValueError(f"{text!r} holds a NUL character: remove it")
    return "'" + text.replace("'", "''") + "'"


def identifier(name: str) -> str:
    """A name as DuckDB's quoted identifier; for views only."""
    if not name or "\0" in name:
        raise ValueError(f"{name!r} cannot be the name of a column")
    return '"' + name.replace('"', '""') + '"'
