"""A Spark session behind the protocol that steps know: executors write the rows, the driver sees footers."""

import shutil
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from warehouse.engine.parquet_files import bounds_of, plain_type, rows_of, schema_of
from warehouse.engine.protocol import Task, ViewColumns, Written
from warehouse.engine.ranges import Users
from warehouse.engine.row_groups import ROW_GROUP, regrouped
from warehouse.engine.spark.files import read_files
from warehouse.engine.spark.groups import Luggage, map_partitions
from warehouse.engine.spark.reading import expression, identifier
from warehouse.engine.spark.sentences import spark_sentences
from warehouse.engine.statements import ColumnList
from warehouse.partitions import check

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame, SparkSession

# The path of a row's file: Spark gives an address, in which other characters are written as %20.
_PATH = "regexp_replace(url_decode(replace(_metadata.file_path, '+', '%2B')), '^file:/+', '/')"


class SparkDatabase:
    """An open Spark session behind the Database protocol.

    What is kept under a name lies in files that all executors see, so an executor that dies takes nothing along.
    """

    def __init__(self, spark: "SparkSession", folder: Path) -> None:
        self._spark = spark
        self._folder = folder
        self._kept: dict[str, list[Path]] = {}
        self._numbers = count()

    def view(self, name: str, files: Sequence[Path], columns: ViewColumns | None = None, filename: str = "") -> None:
        """See Database.view. This machine compares the sums that are noted, each once for as long as it runs."""
        for file in files:
            check(file)
        with spark_sentences():
            self._scan(files, columns, filename).createOrReplaceTempView(name)

    def define(self, name: str, sql: str) -> None:
        """See Database.define."""
        with spark_sentences():
            self._spark.sql(sql).createOrReplaceTempView(name)

    def spool(self, name: str, sql: str, columns: ViewColumns | None = None, *, more: bool = False) -> int:
        """See Database.spool: parquet parts in the spill folder."""
        files = self._save(self._sql(sql), self._unused(name))
        self._kept[name] = [*(self._kept.get(name, ()) if more else ()), *files]
        self.view(name, self._kept[name], columns)
        return sum(map(rows_of, files))

    def table(self, name: str, sql: str) -> int:
        """See Database.table: kept in files like what is spooled, so nothing is computed a second time."""
        return self.spool(name, sql)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """See Database.rows."""
        with spark_sentences():
            return [tuple(row.values()) for row in self._spark.sql(sql).toArrow().to_pylist()]

    def columns(self, sql: str) -> "pa.Schema":
        """See Database.columns."""
        with spark_sentences():
            return self._spark.sql(sql).limit(0).toArrow().schema

    def ranges(self, files: Sequence[Path]) -> tuple[Users, ...]:
        """See Database.ranges: one of all users, for Spark divides its work itself."""
        return (Users(),)

    def write(self, sql: str | Sequence[str], path: Path, order: ColumnList, *, lies_so: bool = False) -> Written:
        """See Database.write: a folder of parts, numbered in the order of the rows. A part without rows is left out."""
        parts: list[Path] = []
        path.mkdir()
        for one in [sql] if isinstance(sql, str) else sql:
            unnumbered = self._save(self._sql(f"{one}\nORDER BY {order}"), path / f"statement-{len(parts)}")
            for part in unnumbered:
                if rows_of(part) or not parts:
                    parts.append(part.rename(path / f"part-{len(parts):05d}.parquet"))
            shutil.rmtree(path / unnumbered[0].parent.name)
        if len(parts) > 1 and not rows_of(parts[0]):
            parts.pop(0).unlink()
        return Written(tuple(parts), sum(map(rows_of, parts)), bounds_of(parts, order.names[0]))

    def map_groups(self, sql: str, by: str, order: ColumnList, task: Task, luggage: Path) -> list[str]:
        """See Database.map_groups: the groups are ranges of `by`, a task each."""
        with spark_sentences():
            return map_partitions(self._spark, self._sql(sql), by, order, task, Luggage(luggage, self._folder))

    def reader(self, sql: str, rows: int = ROW_GROUP) -> "pa.RecordBatchReader":
        """See Database.reader: executors write the rows, and this process reads their files one after the other."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        schema = self.columns(sql)
        files = self._save(self._sql(sql), self._unused("reader"))

        def batches() -> Iterator[pa.RecordBatch]:
            parts = (batch.cast(schema) for file in files for batch in pq.ParquetFile(file).iter_batches(rows))
            for held in regrouped(parts, rows):
                yield from pa.Table.from_batches(held, schema).combine_chunks().to_batches()

        return pa.RecordBatchReader.from_batches(schema, batches())

    def _sql(self, sql: str) -> "DataFrame":
        with spark_sentences():
            return self._spark.sql(sql)

    def _unused(self, name: str) -> Path:
        return self._folder / f"{name}-{next(self._numbers)}"

    def _save(self, frame: "DataFrame", folder: Path) -> list[Path]:
        """Write a frame as parquet parts; returns them in the order of the rows. There is at least one."""
        with spark_sentences():
            frame.write.parquet(f"file:{folder.absolute()}")
        return sorted(folder.glob("part-*"))

    def _scan(self, files: Sequence[Path], columns: ViewColumns | None, filename: str) -> "DataFrame":
        """The rows of some files. Those whose columns are of the same types are read together: nothing is rounded."""
        shapes: dict[tuple[tuple[str, str], ...], list[Path]] = {}
        for path in files:
            types = {field.name: str(plain_type(field.type)) for field in schema_of(path)}
            shapes.setdefault(tuple(sorted(types.items())), []).append(path)
        frames = _ids_alike(
            [self._read(alike, dict(shape), columns, filename) for shape, alike in shapes.items()], columns or {}
        )
        whole = frames[0]
        for frame in frames[1:]:
            whole = whole.unionByName(frame, allowMissingColumns=True)
        return whole

    def _read(
        self, files: Sequence[Path], types: dict[str, str], columns: ViewColumns | None, filename: str
    ) -> "DataFrame":
        raw = read_files(self._spark, files, self._unused("columns"))
        if columns is None:
            selected = ["*"]
        else:
            selected = [f"{expression(source, types)} AS {identifier(name)}" for name, source in columns.items()]
        return raw.selectExpr(*selected, *([f"{_PATH} AS {identifier(filename)}"] if filename else []))


def _ids_alike(frames: Sequence["DataFrame"], columns: ViewColumns) -> Sequence["DataFrame"]:
    """Ids that are text in one frame are text in all: Spark would make numbers of them, and fail."""
    text = [
        name
        for name, source in columns.items()
        if source is not None
        and source.read == "id"
        and len(frames) > 1
        and any(dict(frame.dtypes)[name] == "string" for frame in frames)
    ]
    return [frame.withColumns({name: frame[name].cast("string") for name in text}) for frame in frames]
