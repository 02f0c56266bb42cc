"""Parquet files read by Spark, which is told their columns where it has met files like them."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow.parquet as pq
    from pyspark.sql import DataFrame, SparkSession
    from pyspark.sql.types import StructType

_ROWS = b"org.apache.spark.sql.parquet.row.metadata"  # where Spark notes its own types in a file
_STRANGE = ("UUID", "FLOAT16")  # types at which Spark stops, whether a column of them is wanted or not
_met: dict[tuple[str, ...], "StructType"] = {}  # the columns of files by their footers: to find them takes Spark a job


def read_files(spark: "SparkSession", files: Sequence[Path], folder: Path) -> "DataFrame":
    """The rows of parquet files, with all their columns but floats of 16 bits; UUIDs are their bytes.

    Args:
        spark: the session.
        files: of any columns.
        folder: new; what is written there helps to find columns.
    """
    import pyarrow.parquet as pq

    footers = {_types(footer): footer for footer in map(pq.read_metadata, files)}
    kinds = tuple(footers)
    if kinds not in _met:
        _met[kinds] = _columns(spark, files, list(footers.values()), folder)
    return spark.read.schema(_met[kinds]).parquet(*map(address, files))


def address(path: Path) -> str:
    """A path to read, in which no character stands for others; what is written to is taken as it is."""
    return "file:" + re.sub(r"([*?\[\]{}\\])", r"\\\1", str(path.absolute()))


def _types(footer: "pq.FileMetaData") -> str:
    """All that Spark tells the types of a file's columns by."""
    columns = str(footer.schema).split("\n", 1)[1]  # the first line is the object's address
    noted: bytes = (footer.metadata or {}).get(_ROWS, b"")
    return columns + noted.decode()


def _columns(
    spark: "SparkSession", files: Sequence[Path], footers: Sequence["pq.FileMetaData"], folder: Path
) -> "StructType":
    """The columns of files with these footers; where some are strange, told from empty files without those."""
    import pyarrow.parquet as pq
    from pyspark.sql.types import BinaryType

    strange = {
        column.name: str(column.logical_type.type)
        for footer in footers
        for column in map(footer.schema.column, range(footer.num_columns))
        if column.logical_type.type in _STRANGE and column.path == column.name
    }
    if not strange:
        return spark.read.parquet(*map(address, files)).schema
    folder.mkdir()
    for number, footer in enumerate(footers):
        schema = footer.schema.to_arrow_schema()
        plain = schema.empty_table().drop_columns([name for name in schema.names if name in strange])
        pq.write_table(plain, folder / f"{number}.parquet")
    found: StructType = spark.read.parquet(address(folder)).schema
    for name in (name for name, kind in strange.items() if kind == "UUID"):
        found = found.add(name, BinaryType())
    return found
