"""How DuckDB reads files. Only here do names and paths from outside become SQL, and each of them is quoted."""

import re
from collections.abc import Collection, Mapping, Sequence
from itertools import groupby
from pathlib import Path

from warehouse.engine.parquet_files import plain_type, schema_of
from warehouse.engine.protocol import FileColumn, ViewColumns
from warehouse.engine.statements import identifier, quoted
from warehouse.engine.text_files import Delimited, JsonLines, TextForm, column_names, packing

_FILENAME = "_source file of the row_"  # a name that no raw column has, so that a raw column "filename" stays readable
_EXACT = {"halffloat": 2**11, "float": 2**24, "double": 2**53}  # up to where each tells neighbouring numbers apart
_TEXT = ("string", "large_string", "string_view")
_TYPED = ("id", "id text", "int64", "time")  # readings that depend on the type of the files' column
_PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}


def scan(files: Sequence[Path], columns: ViewColumns | None, filename: str, form: TextForm | None) -> str:
    """A SELECT over files, their rows in the order of the files; see Database.view."""
    if form is not None:
        return _scan_text(files, columns, filename, form)
    if columns is None or not any(source is not None and source.read in _TYPED for source in columns.values()):
        return _select(columns, filename, _parquet(files, bool(filename)), {})
    # Where types decide, only files of one shape are read together: across types the engine would cast, and round.
    named = {source.column for source in columns.values() if source is not None}
    return " UNION ALL ".join(
        _select(columns, filename, _parquet(list(alike), bool(filename)), dict(shape))
        for shape, alike in groupby(files, lambda path: _types_of(path, named))
    )


def _types_of(path: Path, names: Collection[str]) -> tuple[tuple[str, str], ...]:
    """The types of those of some columns that a parquet file has."""
    return tuple(sorted((field.name, str(plain_type(field.type))) for field in schema_of(path) if field.name in names))


def _select(columns: ViewColumns | None, filename: str, source: str, types: Mapping[str, str]) -> str:
    """A SELECT of a view's columns; `types`: those of the files' columns, where they matter."""
    selected = ["*"] if columns is None else [f"{expression(s, types)} AS {identifier(n)}" for n, s in columns.items()]
    if filename:
        selected.append(f"{identifier(_FILENAME)} AS {identifier(filename)}")
    return f"SELECT {', '.join(selected)} FROM {source}"  # noqa: S608 - every part is quoted


def _parquet(files: Sequence[Path], with_filename: bool) -> str:
    extra = f", filename := {quoted(_FILENAME)}" if with_filename else ""
    return f"read_parquet([{_listed(files)}], union_by_name := true, hive_partitioning := false{extra})"


def _scan_text(files: Sequence[Path], columns: ViewColumns | None, filename: str, form: TextForm) -> str:
    """A SELECT over text files in their order; neighbours packed alike that have the same columns are read together."""
    sources = [source for source in (columns or {}).values() if source is not None]
    fields = list(dict.fromkeys(source.column for source in sources if source.read != "constant"))

    def shape(path: Path) -> tuple[str, list[str]]:
        if isinstance(form, Delimited) or columns is None:
            return packing(path), column_names(path, form, [source.column for source in sources])
        return packing(path), fields  # those that are asked for, wherever they first stand

    return " UNION ALL ".join(
        _select(columns, filename, _text(list(alike), names, form, packed), {})
        for (packed, names), alike in groupby(files, shape)
    )


def _text(files: Sequence[Path], names: Sequence[str], form: TextForm, packed: str) -> str:
    """Text files with every field as text; a row that lacks an announced field is refused."""
    listed = f"[{_listed(files)}], compression := {quoted(packed)}"
    if isinstance(form, Delimited):
        fields = ", ".join(f"{identifier(name)}: 'VARCHAR'" for name in names)
        # DuckDB 2.0 moves a TRY_CAST of a bare column into its CSV reader, where it fails the statement instead of
        # giving NULL. Around nullif it stays outside; empty fields are NULL as before.
        plain = ", ".join(f"nullif({identifier(name)}, '') AS {identifier(name)}" for name in names)
        return (
            f"(SELECT {plain} FROM read_csv({listed}, columns := {{{fields}}}, auto_detect := false, "  # noqa: S608
            f"header := {'false' if form.names else 'true'}, delim := {quoted(form.delimiter)}, "
            f"quote := {quoted(form.quote)}, escape := {quoted(form.quote)}, encoding := {quoted(form.encoding)}))"
        )
    return _json(listed, names, form)


def _json(listed: str, names: Sequence[str], form: JsonLines) -> str:
    """JSON lines with every field as text."""
    types = {name: "JSON" if name in form.single else "VARCHAR" for name in names}
    fields = ", ".join(f"{identifier(name)}: '{kind}'" for name, kind in types.items())
    rows = f"read_json({listed}, format := 'newline_delimited', records := 'true', columns := {{{fields}"
    if not form.explode:
        texts = ", ".join(f"{_json_text(name, form)} AS {identifier(name)}" for name in names)
        return f"(SELECT {texts} FROM {rows}}}))"  # noqa: S608
    inner = ", ".join(f"{identifier(name)} {kind}" for name, kind in types.items())
    nested = f"{identifier(form.explode)}: {quoted(f'STRUCT({inner})[]')}"
    # A field comes from the list's element where it has one, else from the line.
    merged = ", ".join(
        f"coalesce({_json_text(name, form, 'row.')}, {_json_text(name, form, 'line.')}) AS {identifier(name)}"
        for name in names
    )
    # A line without the list is a row of its own: it is judged like the others, and not lost.
    lists = f"coalesce({identifier(form.explode)}, [NULL])"
    return f"(SELECT {merged} FROM (SELECT *, unnest({lists}) AS row FROM {rows}, {nested}}})) AS line)"  # noqa: S608


def _json_text(name: str, form: JsonLines, row: str = "") -> str:
    """A field as text; one of `single` as `JsonLines` has it."""
    field = row + identifier(name)
    if name not in form.single:
        return field
    kind, text = f"json_type({field})", f"({field} ->> '$')"
    number = f"TRY_CAST({text} AS DOUBLE)"
    exact = f"abs({number}) < {_EXACT['double']}"
    return (
        f"CASE WHEN {kind} IN ('ARRAY', 'OBJECT', 'BOOLEAN') THEN NULL "
        f"WHEN {kind} <> 'DOUBLE' OR regexp_full_match({text}, '-?[0-9]+') THEN {text} "
        f"WHEN {exact} AND {number} = trunc({number}) THEN CAST({number} AS BIGINT)::VARCHAR "
        f"WHEN {exact} THEN {text} END"
    )


def expression(source: FileColumn | None, types: Mapping[str, str] | None = None) -> str:
    """A source column as DuckDB reads it; `types`: those of the files' columns, where they matter."""
    if source is not None and source.read == "constant":
        return quoted(source.column)
    if source is None or (types and source.column not in types):
        return "true" if source is not None and source.read == "is null" else "CAST(NULL AS VARCHAR)"
    column, kind = identifier(source.column), (types or {}).get(source.column, "string")
    if source.read == "text":
        return f"CAST({column} AS VARCHAR)"
    if source.read == "id":
        return _id(column, kind)
    if source.read == "id text":
        text = f"coalesce(CAST({_id(column, kind)} AS VARCHAR), CAST({column} AS VARCHAR))"
        return f"CASE WHEN NOT {_is_nan(column)} THEN {text} END" if kind in _EXACT else text
    if source.read == "int64":
        return _reads_back(_id(column, kind))
    if source.read == "double":
        number = f"TRY_CAST({column} AS DOUBLE)"
        if kind.startswith("duration["):
            return f"{number} / {_PER_SECOND[kind[9:-1]]}"
        return f"CASE WHEN NOT {_is_nan(number)} THEN {number} END"
    if source.read == "micros":
        return f"epoch_us({column})"
    if source.read == "is null":
        return f"({column} IS NULL OR {_is_nan(column)})" if kind in _EXACT else f"{column} IS NULL"
    if source.read == "time":
        return _time(column, kind, source, typed=bool(types))
    return column


def _is_nan(number: str) -> str:
    """DuckDB 2.0 folds isnan to false, by a parquet file's statistics, which leave NaN out. It has none of a try()."""
    return f"isnan(try({number}))"


def _id(column: str, kind: str) -> str:
    """An id as a whole number or as text; NULL where it is not whole, or a float too large to be exact, or no text."""
    if kind in _EXACT:
        whole = f"{column} = trunc({column}) AND abs({column}) < {_EXACT[kind]}"
        return f"CASE WHEN {whole} THEN TRY_CAST({column} AS BIGINT) END"
    if kind.startswith("decimal"):
        return f"CASE WHEN {column} = trunc({column}) THEN TRY_CAST({column} AS HUGEINT) END"
    if kind == "fixed_size_binary[16]":
        digits = f"lower(hex({column}))"
        parts = ((1, 8), (9, 4), (13, 4), (17, 4), (21, 12))
        return " || '-' || ".join(f"substr({digits}, {start}, {length})" for start, length in parts)
    if "binary" in kind:
        return f"try(decode({column}))"
    if kind.startswith(("int", "uint")):
        return column
    return f"CAST({column} AS VARCHAR)"


def _time(column: str, kind: str, source: FileColumn, *, typed: bool) -> str:
    """A time; what is a timestamp or a date by its type needs no unit and no form. typed: `kind` is a file's own."""
    is_time = kind.startswith(("timestamp", "date"))
    form, unit = ("", "") if is_time else (source.form, source.unit)
    if source.zone and not _names_zone(form):
        return _local(column, form, source.zone)
    if form:
        return f"CAST(try_strptime(CAST({column} AS VARCHAR), {quoted(form)}) AS TIMESTAMPTZ)"
    iso = f"TRY_CAST({column} AS TIMESTAMPTZ)"
    if not unit:
        return iso
    number = _since_1970(column, unit)
    return f"coalesce({number}, {iso})" if typed and kind in _TEXT else number


def _local(column: str, form: str, zone: str) -> str:
    """A time of a clock in a zone; a time that names a zone itself, in its type or after its clock, follows that one.

    Of the hour that a clock shows twice in autumn the second is meant; one that is skipped in spring is an hour later.
    """
    zone = quoted(zone)
    if form:
        return f"timezone({zone}, try_strptime(CAST({column} AS VARCHAR), {quoted(form)}))"
    named = f"typeof({column}) LIKE '%TIME ZONE' OR regexp_matches(CAST({column} AS VARCHAR), ':[0-9.]+ *[^0-9.: ]')"
    own = f"TRY_CAST({column} AS TIMESTAMPTZ)"
    return f"CASE WHEN {named} THEN {own} ELSE timezone({zone}, TRY_CAST({column} AS TIMESTAMP)) END"


def _names_zone(form: str) -> bool:
    """Whether text of a form names its zone: DuckDB then reads it as a time in UTC, and no more as a clock's."""
    return re.search("%[zZ]", form.replace("%%", "")) is not None


def _reads_back(value: str) -> str:
    """A whole number of 64 bits; NULL where it would not read back as the very same text (1e3, 0x1F, 007)."""
    number = f"TRY_CAST({value} AS BIGINT)"
    return f"CASE WHEN CAST({number} AS VARCHAR) = CAST({value} AS VARCHAR) THEN {number} END"


def _since_1970(column: str, unit: str) -> str:
    """A number, or text of one, as a time; none beyond the year 5138, for the product must fit into 64 bits."""
    limit = 100_000_000_000 * _PER_SECOND[unit]
    number = f"TRY_CAST({column} AS {'DOUBLE' if unit in ('s', 'ms') else 'BIGINT'})"  # those may have a fraction
    micros = f"{number} // 1000" if unit == "ns" else f"{number} * {1_000_000 // _PER_SECOND[unit]}"
    inside = f"CASE WHEN {number} BETWEEN -{limit} AND {limit} THEN {micros} END"
    # Not a CAST of a plain timestamp: that would ask the calendar, which is slow. A NaN may reach the TRY_CAST: DuckDB
    # folds the BETWEEN to true where a parquet file's statistics, which leave NaN out, lie within.
    return f"make_timestamptz(TRY_CAST({inside} AS BIGINT))"


def _listed(files: Sequence[Path]) -> str:
    """Paths as a list of literals in which *, ? and [ mean themselves."""
    return ", ".join(quoted(re.sub(r"([*?\[])", r"[\1]", str(path))) for path in files)
