"""How Spark reads a column of parquet files: the same values as DuckDB gives (see engine/scans.py)."""

from collections.abc import Mapping

from warehouse.engine.errors import DataError
from warehouse.engine.protocol import FileColumn
from warehouse.engine.statements import literal

_EXACT = {"float": 2**24, "double": 2**53}  # up to where each tells neighbouring numbers apart
UUID = "extension<arrow.uuid>"
_TEXT = ("string", "large_string", "string_view")
_PER_SECOND = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
# A date, or a date and a time of day, with or without a zone; Spark alone would read 12:30 as today and 2024 as a day.
_ISO = (
    r"^[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}"
    r"([T ][0-9]{1,2}:[0-9]{1,2}(:[0-9]{1,2}([.][0-9]{1,9})?)?(Z| UTC|[+-][0-9]{2}(:?[0-9]{2})?)?)?$"
)


def identifier(name: str) -> str:
    """A name as Spark's quoted identifier."""
    if not name or "\0" in name:
        raise ValueError(f"{name!r} cannot be the name of a column")
    return "`" + name.replace("`", "``") + "`"


def expression(source: FileColumn | None, types: Mapping[str, str]) -> str:
    """A source column as Spark reads it; `types`: those of the files' columns, by name, as Arrow calls them."""
    if source is None or types.get(source.column, "null") == "null":
        return "true" if source is not None and source.read == "is null" else "CAST(NULL AS STRING)"
    column, kind = identifier(source.column), types[source.column]
    if kind == "halffloat":
        raise DataError(
            f"column {source.column!r} of the raw files has floats of 16 bits, which Spark cannot read: write it as "
            f"float or double; nothing was changed"
        )
    if source.read == "text":
        return _text(column, kind)
    if source.read == "id":
        return _id(column, kind)
    if source.read == "int64":
        return _reads_back(_id(column, kind))
    if source.read == "double":
        number = f"TRY_CAST({column} AS DOUBLE)"
        if kind.startswith("duration["):
            return f"{number} / {_PER_SECOND[kind[9:-1]]}"
        return f"CASE WHEN NOT isnan({number}) THEN {number} END"
    if source.read == "micros":
        return f"unix_micros({_time(column, kind)})"
    if source.read == "is null":
        return f"({column} IS NULL OR isnan({column}))" if kind in _EXACT else f"{column} IS NULL"
    if source.read == "time" and source.zone:
        raise DataError(f"Spark reads no clocks of {source.zone}: write times in UTC, or use the engine duckdb")
    if source.read == "time" and source.unit and not kind.startswith(("timestamp", "date")):
        number = _since_1970(column, kind, source.unit)
        return f"coalesce({number}, {_time(column, kind)})" if kind in _TEXT else number
    if source.read == "time":
        return _time(column, kind)
    return column


def _time(column: str, kind: str) -> str:
    """A time of the files as a time in UTC."""
    if kind in _TEXT:
        seconds = f"regexp_replace({column}, '([T ][0-9]+:[0-9]+)(Z| UTC|[+-].*)?$', '$1:00$2')"  # no zone without
        zoned = f"regexp_replace({seconds}, '([+-][0-9][0-9])([0-9][0-9])$', '$1:$2')"
        return f"CASE WHEN {column} RLIKE {literal(_ISO)} THEN TRY_CAST({zoned} AS TIMESTAMP) END"
    if kind.startswith("timestamp[ns"):  # read as whole nanoseconds; rounded, as DuckDB does
        return f"timestamp_micros(CAST(floor(({column} + 500) / 1000BD) AS BIGINT))"
    return f"CAST({column} AS TIMESTAMP)"


def _text(column: str, kind: str) -> str:
    """A value as text, as DuckDB writes it."""
    if kind.startswith("timestamp["):
        zone = " || '+00'" if "tz=" in kind else ""
        return f"(CAST({_time(column, kind)} AS STRING){zone})"
    if kind in _EXACT:
        return f"CASE WHEN isnan({column}) THEN 'nan' ELSE CAST({column} AS STRING) END"
    if kind == UUID:
        return _dashed(column)
    return f"CAST({column} AS STRING)"


def _id(column: str, kind: str) -> str:
    """An id as a whole number or as text; NULL where it is not whole, or a float too large to be exact, or no text."""
    if kind in _EXACT:
        whole = f"{column} = rint({column}) AND abs({column}) < {_EXACT[kind]}"
        return f"CASE WHEN {whole} THEN TRY_CAST({column} AS BIGINT) END"
    if kind.startswith("decimal"):
        return f"CASE WHEN {column} = floor({column}) THEN TRY_CAST({column} AS DECIMAL(38, 0)) END"
    if kind in ("fixed_size_binary[16]", UUID):
        return _dashed(column)
    if "binary" in kind:
        return f"try_validate_utf8(CAST({column} AS STRING))"
    if kind.startswith(("int", "uint")):
        return column
    return _text(column, kind)


def _dashed(column: str) -> str:
    """Sixteen bytes as a UUID is written."""
    digits = f"lower(hex({column}))"
    parts = ((1, 8), (9, 4), (13, 4), (17, 4), (21, 12))
    return " || '-' || ".join(f"substr({digits}, {start}, {length})" for start, length in parts)


def _reads_back(value: str) -> str:
    """A whole number of 64 bits; NULL where it would not read back as the very same text (1e3, 0x1F, 007)."""
    number = f"TRY_CAST({value} AS BIGINT)"
    return f"CASE WHEN CAST({number} AS STRING) = CAST({value} AS STRING) THEN {number} END"


def _since_1970(column: str, kind: str, unit: str) -> str:
    """A number, or text of one, as a time; none beyond the year 5138, for the product must fit into 64 bits."""
    limit = 100_000_000_000 * _PER_SECOND[unit]
    if unit in ("s", "ms"):
        number = f"TRY_CAST({column} AS DOUBLE)"
        micros = f"CAST(rint({number} * {1_000_000 // _PER_SECOND[unit]}) AS BIGINT)"
    else:
        number = _rounded(column, kind)
        micros = f"{number} div 1000" if unit == "ns" else f"{number} * {1_000_000 // _PER_SECOND[unit]}"
    return f"timestamp_micros(CASE WHEN {number} BETWEEN -{limit} AND {limit} THEN {micros} END)"


def _rounded(column: str, kind: str) -> str:
    """A number, or text of one, as the nearest whole number of 64 bits, as DuckDB casts it."""
    if kind in _EXACT:
        return f"TRY_CAST(rint({column}) AS BIGINT)"
    if kind.startswith(("int", "uint")):
        return f"TRY_CAST({column} AS BIGINT)"
    fraction = f"round(TRY_CAST({column} AS DECIMAL(38, 9)))"
    return (
        f"TRY_CAST(coalesce(TRY_CAST({column} AS BIGINT), {fraction}) AS BIGINT)"
        if kind in _TEXT
        else (f"TRY_CAST({fraction} AS BIGINT)")
    )
