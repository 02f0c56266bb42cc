"""How DuckDB reads files. Only here do names and paths from outside become SQL, and each of them is quoted."""

import re
from collections.abc import Sequence
from pathlib import Path

from warehouse.engine.protocol import FileColumn, ViewColumns
from warehouse.engine.statements import identifier, quoted
from warehouse.engine.text_files import Delimited, TextForm, column_names

_FILENAME = "_source file of the row_"  # a name that no raw column has, so that a raw column "filename" stays readable
_NUMBERS = {"int64": "BIGINT", "double": "DOUBLE"}
_PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}


def scan(files: Sequence[Path], columns: ViewColumns | None, filename: str, form: TextForm | None) -> str:
    """A SELECT over files; see Database.view."""
    selected = ["*"] if columns is None else [f"{expression(s)} AS {identifier(n)}" for n, s in columns.items()]
    if filename:
        selected.append(f"{identifier(_FILENAME)} AS {identifier(filename)}")
    source = _parquet(files, bool(filename)) if form is None else _text(files, form)
    return f"SELECT {', '.join(selected)} FROM {source}"  # noqa: S608 - every part is quoted


def _parquet(files: Sequence[Path], with_filename: bool) -> str:
    extra = f", filename := {quoted(_FILENAME)}" if with_filename else ""
    return f"read_parquet([{_listed(files)}], union_by_name := true, hive_partitioning := false{extra})"


def _text(files: Sequence[Path], form: TextForm) -> str:
    """Text files with every field as text; a row that lacks an announced field is refused."""
    names = column_names(files[0], form)
    if isinstance(form, Delimited):
        fields = ", ".join(f"{identifier(name)}: 'VARCHAR'" for name in names)
        # DuckDB 2.0 moves a TRY_CAST of a bare column into its CSV reader, where it fails the statement instead of
        # giving NULL. Around nullif it stays outside; empty fields are NULL as before.
        plain = ", ".join(f"nullif({identifier(name)}, '') AS {identifier(name)}" for name in names)
        return (
            f"(SELECT {plain} FROM read_csv([{_listed(files)}], columns := {{{fields}}}, auto_detect := false, "  # noqa: S608
            f"header := {'false' if form.names else 'true'}, delim := {quoted(form.delimiter)}, "
            f"quote := {quoted(form.quote)}, escape := {quoted(form.quote)}, encoding := {quoted(form.encoding)}))"
        )
    if not form.explode:
        fields = ", ".join(f"{identifier(name)}: 'VARCHAR'" for name in names)
        return f"read_json([{_listed(files)}], format := 'newline_delimited', columns := {{{fields}}})"
    inner = ", ".join(f"{identifier(name)} VARCHAR" for name in names)
    outer = ", ".join(f"{identifier(name)}: 'VARCHAR'" for name in names)
    listed = f"{identifier(form.explode)}: {quoted(f'STRUCT({inner})[]')}"
    rows = f"read_json([{_listed(files)}], format := 'newline_delimited', columns := {{{outer}, {listed}}})"
    # A field comes from the list's element where it has one, else from the line.
    merged = ", ".join(
        f"coalesce(row.{identifier(name)}, line.{identifier(name)}) AS {identifier(name)}" for name in names
    )
    return f"(SELECT {merged} FROM (SELECT *, unnest({identifier(form.explode)}) AS row FROM {rows}) AS line)"  # noqa: S608


def expression(source: FileColumn | None) -> str:
    """A source column as DuckDB reads it."""
    if source is None:
        return "CAST(NULL AS VARCHAR)"
    if source.read == "constant":
        return quoted(source.column)
    column = identifier(source.column)
    if source.read == "text":
        return f"CAST({column} AS VARCHAR)"
    if source.read in _NUMBERS:
        return f"TRY_CAST({column} AS {_NUMBERS[source.read]})"
    if source.read == "micros":
        return f"epoch_us({column})"
    if source.read == "is null":
        return f"{column} IS NULL"
    if source.read == "time" and source.form:
        return f"CAST(try_strptime({column}, {quoted(source.form)}) AS TIMESTAMPTZ)"
    if source.read == "time" and source.unit:
        return _since_1970(column, source.unit)
    if source.read == "time":
        return f"TRY_CAST({column} AS TIMESTAMPTZ)"
    return column


def _since_1970(column: str, unit: str) -> str:
    """A number, or text of one, as a time; none beyond the year 5138, for the product must fit into 64 bits."""
    limit = 100_000_000_000 * _PER_SECOND[unit]
    number = f"TRY_CAST({column} AS {'DOUBLE' if unit == 's' else 'BIGINT'})"
    micros = f"{number} // 1000" if unit == "ns" else f"{number} * {1_000_000 // _PER_SECOND[unit]}"
    inside = f"CASE WHEN {number} BETWEEN -{limit} AND {limit} THEN {micros} END"
    # Not a CAST of a plain timestamp: that would ask the calendar, which is slow.
    return f"make_timestamptz(CAST({inside} AS BIGINT))"


def _listed(files: Sequence[Path]) -> str:
    """Paths as a list of literals in which *, ? and [ mean themselves."""
    return ", ".join(quoted(re.sub(r"([*?\[])", r"[\1]", str(path))) for path in files)
