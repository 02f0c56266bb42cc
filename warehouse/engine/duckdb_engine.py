"""Where SQL runs. DuckDB is the default: one process, one machine, a memory limit that it keeps by spilling to disk.

An engine holds settings only; `open()` gives a database that lives as long as one step, in memory, with no file of its
own: what stays is parquet. Another engine (Spark) needs the same methods; the statements are written for both.
"""

import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from warehouse.engine.errors import DataError, disk_sentences, engine_sentences
from warehouse.engine.row_groups import ROW_GROUP, write_batches
from warehouse.engine.scans import Columns, Source, scan
from warehouse.engine.statements import identifier, quoted
from warehouse.engine.text_files import TextForm

__all__ = ["ROW_GROUP", "DataError", "Database", "DuckDBDatabase", "DuckDBEngine", "Engine", "Source", "disk_sentences"]

if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa


class Database(Protocol):
    """What a step needs of an open engine."""

    def view(
        self,
        name: str,
        files: Sequence[Path],
        columns: Columns | None = None,
        filename: str = "",
        form: TextForm | None = None,
    ) -> None:
        """Name the rows of parquet files, or of text files of a `form`. `columns` gives the view's columns: new name ->
        where it comes from, or None for a column of NULL text; `filename` names a further column: the row's file."""

    def define(self, name: str, sql: str) -> None:
        """Name a statement; it runs anew wherever the name is used."""

    def stage(self, name: str, sql: str, columns: Columns | None = None, *, more: bool = False) -> int:
        """Keep a statement's many rows on disk under a name until the database closes; returns how many.

        `more`: beside those that the name has already. `columns`: how they are read back; see view."""

    def table(self, name: str, sql: str) -> int:
        """Keep a statement's rows in memory under a name until the database closes; returns how many."""

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """All rows of a small result."""

    def write(self, sql: str, path: Path) -> int:
        """Write the rows of a statement that ends with an ORDER BY to one parquet file; returns how many."""

    def write_parts(self, statements: Sequence[str], path: Path) -> int:
        """Write the rows of statements one after the other, each in its own order, to one file; returns how many."""

    def progress(self) -> float:
        """How far the running statement is, in percent; may be asked from another thread."""

    def reader(self, sql: str, rows: int = ROW_GROUP) -> "pa.RecordBatchReader":
        """A statement's rows in its own order, in batches of at most `rows`; valid while the database is open."""


class Engine(Protocol):
    """Opens databases."""

    def open(self) -> AbstractContextManager[Database]:
        """A database for one step; what it spilled is gone when it closes."""


@dataclass(frozen=True)
class DuckDBEngine:
    """DuckDB with a memory limit (`2GB`), a number of threads (None: all cores) and a folder to spill to.

    `temp_directory` is made when needed; by default the system's temporary folder.
    """

    memory_limit: str = "2GB"
    threads: int | None = None
    temp_directory: Path | str | None = None

    def __post_init__(self) -> None:
        if not re.fullmatch(r"\d+(\.\d+)?\s*([KMGT]i?B|%)", str(self.memory_limit)):
            raise ValueError(f"memory_limit is {self.memory_limit!r}: write it like 2GB or 500MB")
        if self.threads is not None and (isinstance(self.threads, bool) or self.threads < 1):
            raise ValueError(f"threads is {self.threads!r}: it must be at least 1")

    @contextmanager
    def open(self) -> Iterator["DuckDBDatabase"]:
        """A fresh in-memory database; errors a person can mend come out as DataError."""
        import duckdb

        with _spill_folder(self.temp_directory) as spill:
            connection = duckdb.connect(
                config={
                    "memory_limit": self.memory_limit,
                    "threads": self.threads or _cores(),
                    "temp_directory": str(spill),
                    "autoinstall_known_extensions": False,
                }
            )
            try:
                connection.execute("SET TimeZone = 'UTC'")
                yield DuckDBDatabase(connection, spill)
            finally:
                connection.close()


@contextmanager
def _spill_folder(parent: Path | str | None) -> Iterator[Path]:
    """A folder of this process's own below `parent`; folders of processes that no longer run are removed first."""
    home = Path(parent or tempfile.gettempdir()) / f"warehouse-spill-{os.getuid()}"
    home.mkdir(parents=True, exist_ok=True)
    for leftover in home.glob("[0-9]*-*"):
        if not _runs(int(leftover.name.split("-")[0])):
            shutil.rmtree(leftover, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=f"{os.getpid()}-", dir=home))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class DuckDBDatabase:
    """An open DuckDB connection behind the Database protocol."""

    def __init__(self, connection: "duckdb.DuckDBPyConnection", folder: Path) -> None:
        self._connection = connection
        self._folder = folder
        self._staged: dict[str, list[Path]] = {}
        self._numbers = count()

    def view(
        self,
        name: str,
        files: Sequence[Path],
        columns: Columns | None = None,
        filename: str = "",
        form: TextForm | None = None,
    ) -> None:
        """See Database.view."""
        self._run(f"CREATE OR REPLACE TEMP VIEW {identifier(name)} AS {scan(files, columns, filename, form)}")

    def define(self, name: str, sql: str) -> None:
        """See Database.define."""
        self._run(f"CREATE OR REPLACE TEMP VIEW {identifier(name)} AS {sql}")

    def stage(self, name: str, sql: str, columns: Columns | None = None, *, more: bool = False) -> int:
        """See Database.stage. Parquet files in the spill folder: half the size of a table that spills."""
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

    def write(self, sql: str, path: Path) -> int:
        """See Database.write. The bytes depend on the rows alone, not on the number of threads.

        Whole numbers and times delta-coded at zstd's first level: smaller than dictionaries, in two thirds of the time.
        """
        self._run("SET preserve_insertion_order = true")
        options = (
            f"FORMAT parquet, PARQUET_VERSION v2, COMPRESSION zstd, COMPRESSION_LEVEL 1, ROW_GROUP_SIZE {ROW_GROUP}, "
            f"DICTIONARY_SIZE_LIMIT 100"
        )
        return int(self._run(f"COPY ({sql}) TO {quoted(str(path))} ({options})")[0][0])

    def write_parts(self, statements: Sequence[str], path: Path) -> int:
        """See Database.write_parts. The bytes depend on the rows alone, not on where one statement ends."""
        with engine_sentences():
            first = self.reader(statements[0])
            rest = (self.reader(sql) for sql in statements[1:])
            return write_batches(path, first.schema, chain.from_iterable(chain((first,), rest)))

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
