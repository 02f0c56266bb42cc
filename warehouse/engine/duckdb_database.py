"""An open DuckDB behind the protocol that steps know."""

from collections.abc import Sequence
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from warehouse.engine.errors import engine_sentences
from warehouse.engine.parquet_files import bounds_of
from warehouse.engine.protocol import Task, ViewColumns, Written
from warehouse.engine.ranges import Users, user_ranges
from warehouse.engine.row_groups import ROW_GROUP, write_batches
from warehouse.engine.scans import scan
from warehouse.engine.statements import ColumnList, identifier, quoted
from warehouse.engine.text_files import TextForm
from warehouse.partitions import check

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa


class DuckDBDatabase:
    """An open DuckDB connection behind the LocalDatabase protocol."""

    def __init__(self, connection: "duckdb.DuckDBPyConnection", folder: Path) -> None:
        self._connection = connection
        self._folder = folder
        self._staged: dict[str, list[Path]] = {}
        self._numbers = count()

    def view(
        self,
        name: str,
        files: Sequence[Path],
        columns: ViewColumns | None = None,
        filename: str = "",
        form: TextForm | None = None,
    ) -> None:
        """See Database.view. A file that differs from the sum beside it raises Damaged."""
        for file in files:
            check(file)
        self._run(f"CREATE OR REPLACE TEMP VIEW {identifier(name)} AS {scan(files, columns, filename, form)}")

    def confine(self) -> None:
        """See Database.confine. DuckDB does not take it back while the connection is open."""
        self._run("SET enable_external_access = false")

    def define(self, name: str, sql: str) -> None:
        """See Database.define."""
        self._run(f"CREATE OR REPLACE TEMP VIEW {identifier(name)} AS {sql}")

    def spool(self, name: str, sql: str, columns: ViewColumns | None = None, *, more: bool = False) -> int:
        """See Database.spool. Parquet files in the spill folder: half the size of a table that spills."""
        files = [*(self._staged.get(name, ()) if more else ()), self._folder / f"{name}-{next(self._numbers)}.parquet"]
        self._run("SET preserve_insertion_order = false")
        options = "FORMAT parquet, PARQUET_VERSION v2, COMPRESSION lz4_raw, DICTIONARY_SIZE_LIMIT 100"
        rows = int(self._run(f"COPY ({sql}) TO {quoted(str(files[-1]))} ({options})")[0][0])
        self._staged[name] = files
        self.view(name, files, columns)
        return rows

    def table(self, name: str, sql: str) -> int:
        """See Database.table."""
        self._run("SET preserve_insertion_order = false")
        return int(self._run(f"CREATE OR REPLACE TEMP TABLE {identifier(name)} AS {sql}")[0][0])

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """See Database.rows."""
        return self._run(sql)

    def columns(self, sql: str) -> "pa.Schema":
        """See Database.columns."""
        with engine_sentences():
            return self._connection.sql(f"FROM ({sql}) LIMIT 0").to_arrow_table().schema

    def ranges(self, files: Sequence[Path]) -> tuple[Users, ...]:
        """See Database.ranges: as many rows as can be sorted in a few hundred MB."""
        return tuple(user_ranges(files))

    def write(self, sql: str | Sequence[str], path: Path, order: ColumnList, *, lies_so: bool = False) -> Written:
        """See Database.write: one file, whose bytes depend on the rows alone, not on the number of threads.

        Several statements are written through Arrow, since COPY keeps the order right after an ORDER BY only; there
        the bytes do not depend either on where one statement ends.
        """
        end = "" if lies_so else f"\nORDER BY {order}"
        if isinstance(sql, str):
            rows = self._copy(f"{sql}{end}", path)
        else:
            with engine_sentences():
                first = self.reader(f"{sql[0]}{end}")
                rest = (self.reader(f"{one}{end}") for one in sql[1:])
                rows = write_batches(path, first.schema, chain.from_iterable(chain((first,), rest)))
        return Written((path,), rows, bounds_of([path], order.names[0]))

    def _copy(self, sql: str, path: Path) -> int:
        """Whole numbers and times delta-coded at zstd's first level: smaller than dictionaries, in two thirds of the
        time."""
        self._run("SET preserve_insertion_order = true")
        options = (
            f"FORMAT parquet, PARQUET_VERSION v2, COMPRESSION zstd, COMPRESSION_LEVEL 1, ROW_GROUP_SIZE {ROW_GROUP}, "
            f"DICTIONARY_SIZE_LIMIT 100"
        )
        return int(self._run(f"COPY ({sql}) TO {quoted(str(path))} ({options})")[0][0])

    def map_groups(self, sql: str, by: str, order: ColumnList, task: Task, luggage: Path) -> list[str]:
        """See Database.map_groups: one group, and the task runs in this process."""
        with engine_sentences():
            return [task(iter(self.reader(f"{sql}\nORDER BY {order}")), luggage)]

    def progress(self) -> float:
        """See Database.progress."""
        return float(self._connection.query_progress())

    def reader(self, sql: str, rows: int = ROW_GROUP) -> "pa.RecordBatchReader":
        """See Database.reader."""
        self._run("SET preserve_insertion_order = true")
        with engine_sentences():
            return self._connection.sql(sql).to_arrow_reader(rows)

    def _run(self, sql: str) -> list[tuple[Any, ...]]:
        with engine_sentences():
            return self._connection.execute(sql).fetchall()
