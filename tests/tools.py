"""The same columns as the tools of people hold and write them: every type, every tool, several encodings of parquet."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
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
    found["int dictionary"] = plain.dictionary_encode()
    found["hashes"] = pa.array([HASHES[number % 6] for number in numbers], pa.uint64())
    found["hashes as decimal"] = found["hashes"].cast(pa.decimal128(38, 0))
    found["uuid"] = pa.array([UUID(int=2**127 + number) for number in numbers])
    found["uuid bytes"] = found["uuid"].storage
    found["fractions"] = pa.array([number + 0.5 for number in numbers])
    found["missing"] = pa.array([float(numbers[0]), *map(float, numbers[1:-1]), float("nan")])
    found["null"] = pa.array([*numbers[:-1], None])
    found["lists"] = pa.array([[number] for number in numbers])
    found["above 2^53"] = pa.array([2.0**53 + 2 * number for number in numbers])
    found["fraction of a decimal"] = pa.array([Decimal(number) + Decimal("0.5") for number in numbers])
    return found


def as_text(column: pa.Array) -> list[str] | None:
    """The ids that a column stands for, as text, said in the plainest way; None where it can be none."""
    values = (column.storage if isinstance(column.type, pa.UuidType) else column).to_pylist()
    if isinstance(column.type, pa.UuidType) or column.type == pa.binary(16):
        return [str(UUID(bytes=value)) for value in values]
    if any(value is None or isinstance(value, list) or value != value for value in values):
        return None
    if isinstance(values[0], bytes):
        return [value.decode() for value in values]
    if isinstance(values[0], str):
        return values
    if any(value != int(value) or (isinstance(value, float) and value >= 2**53) for value in values):
        return None
    return [str(int(value)) for value in values]


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


def _made(make: Any) -> Any:
    """What a tool makes of a table, or None where it says itself that it cannot."""
    try:
        return make()
    except (TypeError, ValueError, NotImplementedError, duckdb.Error, pl.exceptions.PolarsError):
        return None
