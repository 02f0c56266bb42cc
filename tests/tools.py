"""The same columns as the tools of people hold and write them: every type, every tool, several encodings and formats.

The tests of every way in draw from this one table of forms.
"""

import csv
import gzip
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

HASHES = [2**63 + 11, 5, 2**64 - 1, 2**63, 6, 2**63 + 12]
ENCODINGS: dict[str, dict[str, Any]] = {
    "plain": {"use_dictionary": False, "compression": "none"},
    "dictionary": {"use_dictionary": True, "compression": "zstd", "row_group_size": 2},
    "pages 2": {"data_page_version": "2.0", "compression": "snappy"},
}


def id_columns(numbers: list[int]) -> dict[str, pa.Array]:
    """Ids of every type, the same six each time (hashes and UUIDs: six of their own), by the type's name."""
    plain = pa.array(numbers, pa.int64())
    found = {str(kind): plain.cast(kind) for kind in (pa.int8(), pa.int16(), pa.int32(), pa.int64())}
    found |= {str(kind): plain.cast(kind) for kind in (pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64())}
    found |= {str(kind): plain.cast(kind) for kind in (pa.float32(), pa.float64())}
    found["float16"] = pa.array(np.array(numbers, np.float16))
    found |= {
        str(kind): plain.cast(kind) for kind in (pa.decimal128(38, 0), pa.decimal128(25, 2), pa.decimal256(76, 0))
    }
    text = pa.array([f"u{number}" for number in numbers])
    digits = pa.array([f"{number:03}" for number in numbers])
    for name, column in (("text", text), ("digits", digits)):
        found |= {f"{name} {kind}": column.cast(kind) for kind in (pa.string(), pa.large_string(), pa.string_view())}
        found |= {f"{name} {kind}": column.cast(kind) for kind in (pa.binary(), pa.large_binary())}
        found[f"{name} dictionary"] = column.dictionary_encode()
    found["large text dictionary"] = text.cast(pa.large_string()).dictionary_encode()
    found["int dictionary"] = plain.dictionary_encode()
    found["run ends"] = pa.compute.run_end_encode(plain)
    found["hashes"] = pa.array([HASHES[number % 6] for number in numbers], pa.uint64())
    found["hashes as decimal"] = found["hashes"].cast(pa.decimal128(38, 0))
    found["uuid"] = pa.array([UUID(int=2**127 + number) for number in numbers])
    found["uuid bytes"] = found["uuid"].storage
    found["fractions"] = pa.array([number + 0.5 for number in numbers])
    found["missing"] = pa.array([float(numbers[0]), *map(float, numbers[1:-1]), float("nan")])
    found["null"] = pa.array([*numbers[:-1], None])
    found["lists"] = pa.array([[number] for number in numbers])
    found["structs"] = pa.array([{"id": number} for number in numbers])
    found["above 2^53"] = pa.array([2.0**53 + 2 * number for number in numbers])
    found["fraction of a decimal"] = pa.array([Decimal(number) + Decimal("0.5") for number in numbers])
    return found


def texts(column: pa.Array) -> list[str | None]:
    """The ids that a column stands for, as text, said in the plainest way; None where a row can be none."""
    if isinstance(column.type, pa.UuidType) or column.type == pa.binary(16):
        values = (column.storage if isinstance(column.type, pa.UuidType) else column).to_pylist()
        return [str(UUID(bytes=value)) for value in values]
    return [_text(value) for value in column.to_pylist()]


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, (list, dict, bool)) or value != value:
        return None
    if isinstance(value, (str, bytes)):
        return value.decode() if isinstance(value, bytes) else value
    if value != int(value) or (isinstance(value, float) and abs(value) >= 2**53):
        return None
    return str(int(value))


def as_text(column: pa.Array) -> list[str] | None:
    """`texts`, where every row can be an id; else None."""
    found = texts(column)
    return None if None in found else [str(text) for text in found]


def time_columns(seconds: list[int]) -> dict[str, tuple[pa.Array, str]]:
    """The same moments (seconds since 1970) in every type, by its name, each with the unit where they are numbers."""
    plain = pa.array(seconds, pa.int64())
    moments = [datetime.fromtimestamp(second, UTC) for second in seconds]
    scales = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}
    found: dict[str, tuple[pa.Array, str]] = {}
    for unit, scale in scales.items():
        numbers = pa.array([second * scale for second in seconds])
        found |= {f"{kind} {unit}": (numbers.cast(kind), unit) for kind in (pa.int64(), pa.uint64())}
        found[f"text of {unit}"] = (numbers.cast(pa.string()), unit)
        found[f"decimal of {unit}"] = (numbers.cast(pa.decimal128(38, 0)), unit)
        for zone in (None, "UTC", "Europe/Athens"):
            found[str(pa.timestamp(unit, zone))] = (plain.cast(pa.timestamp("s")).cast(pa.timestamp(unit, zone)), "")
    found["int32 s"], found["double s"] = (plain.cast(pa.int32()), "s"), (plain.cast(pa.float64()), "s")
    for name, form in (("T", "%Y-%m-%dT%H:%M:%S"), ("Z", "%Y-%m-%d %H:%M:%SZ"), ("offset", "%Y-%m-%dT%H:%M:%S+00:00")):
        text = pa.array([moment.strftime(form) for moment in moments])
        for kind in (pa.string(), pa.large_string(), pa.string_view()):
            found[f"ISO {name} {kind}"] = (text.cast(kind), "")
        found[f"ISO {name} dictionary"] = (text.dictionary_encode(), "")
    return found


def frames(table: pa.Table) -> Iterator[tuple[str, Any]]:
    """The table as each tool holds it in memory; a tool that has no such type is left out."""
    yield "pyarrow", table
    for tool, make in (
        ("pandas", lambda: table.to_pandas()),
        ("pandas of Arrow", lambda: table.to_pandas(types_mapper=pd.ArrowDtype)),
        ("polars", lambda: pl.from_arrow(table)),
    ):
        if tool == "polars" and any(pa.types.is_decimal256(kind) for kind in table.schema.types):
            continue  # it would panic
        frame = _made(make)
        if frame is not None:
            yield tool, frame


def files(table: pa.Table, folder: Path) -> Iterator[tuple[str, Path]]:
    """The table as each tool writes it into parquet below a folder; a tool that has no such type is left out."""
    folder.mkdir(parents=True)
    for encoding, options in ENCODINGS.items():
        path = folder / f"pyarrow {encoding}.parquet"
        if _made(lambda path=path, options=options: pq.write_table(table, path, **options) or path):
            yield path.stem, path
    for tool, frame in frames(table):
        path = folder / f"{tool}.parquet"
        if tool.startswith("pandas") and _made(lambda path=path, frame=frame: frame.to_parquet(path) or path):
            yield tool, path
        if tool == "polars" and _made(lambda path=path, frame=frame: frame.write_parquet(path) or path):
            yield tool, path
    path = folder / "duckdb.parquet"
    if _made(lambda: duckdb.from_arrow(table).write_parquet(str(path)) or path):
        yield "duckdb", path


def text_files(table: pa.Table, folder: Path) -> Iterator[tuple[str, Path]]:
    """The table as each tool writes it into CSV, TSV and JSON lines below a folder, some of them packed.

    What a tool cannot write is left out.
    """
    folder.mkdir(parents=True)
    held = dict(frames(table))
    pandas, polars, duck = held.get("pandas"), held.get("polars"), duckdb.from_arrow
    writers = {
        "pyarrow.csv": lambda path: pa.csv.write_csv(table, path),
        "pandas.csv": lambda path: pandas.to_csv(path),  # with its index, a column without a name
        "pandas.tsv": lambda path: pandas.to_csv(path, sep="\t", index=False),
        "pandas.csv.gz": lambda path: pandas.to_csv(path, index=False),
        "pandas.jsonl": lambda path: pandas.to_json(path, orient="records", lines=True),
        "polars.csv": lambda path: polars.write_csv(path),
        "polars.tsv": lambda path: polars.write_csv(path, separator="\t"),
        "polars.jsonl": lambda path: polars.write_ndjson(path) if pl.Binary not in polars.dtypes else None,  # panics
        "duckdb.csv": lambda path: duck(table).write_csv(str(path), header=True),
        "duckdb.csv.zst": lambda path: duck(table).write_csv(str(path), header=True, compression="zstd"),
        "duckdb.jsonl": lambda path: duck(table).query("t", f"COPY (FROM t) TO '{path}' (FORMAT json)"),
        "duckdb.jsonl.gz": lambda path: duck(table).query(
            "t", f"COPY (FROM t) TO '{path}' (FORMAT json, COMPRESSION gzip)"
        ),
    }
    for name, write in writers.items():
        path = folder / name
        if _made(lambda write=write, path=path: write(path) or path) and path.exists():
            yield name, path


def fields_of(path: Path, column: str) -> list[str | None]:
    """A column of a text file as its characters say it, read by Python alone; None for an empty field, null or NaN."""
    raw = path.read_bytes()
    if path.suffix == ".gz":
        raw = gzip.decompress(raw)
    if path.suffix == ".zst":
        raw = pa.input_stream(path, compression="zstd").read()
    lines = raw.decode().splitlines()
    if ".jsonl" in path.name:
        rows = [json.loads(line, parse_int=str, parse_float=_number, parse_constant=lambda _: None) for line in lines]
        found = [row.get(column) for row in rows]
        return [None if field is None else field if isinstance(field, str) else json.dumps(field) for field in found]
    return [row[column] or None for row in csv.DictReader(lines, delimiter="\t" if path.suffix == ".tsv" else ",")]


def _number(written: str) -> str | None:
    """A number of JSON with a point or an exponent: of a whole value it is that number; none where it is not exact."""
    number = float(written)
    if abs(number) >= 2**53:
        return None
    return str(int(number)) if number == int(number) else written


def _made(make: Any) -> Any:
    """What a tool makes of a table, or None where it says itself that it cannot."""
    try:
        return make()
    except (TypeError, ValueError, AttributeError, NotImplementedError, duckdb.Error, pl.exceptions.PolarsError):
        return None
