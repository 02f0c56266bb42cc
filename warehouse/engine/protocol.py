"""What a step needs of an engine: a database that reads files, runs statements and writes parquet.

A step knows these types and no engine. DuckDB keeps the protocol today; another engine (Spark) needs the same methods,
and the statements are written for both.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from warehouse.engine.row_groups import ROW_GROUP
from warehouse.engine.text_files import TextForm

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class FileColumn:
    """Where a view's column comes from: a column of the files and how it is read.

    `read`: "as is", "text", "is null", "int64" or "double" (NULL where it is none), "constant" (`column` itself is the
    value), "micros" (a timestamp as whole microseconds since 1970), or "time" (UTC; NULL where unreadable; `unit` s,
    ms, us or ns for numbers since 1970; `form` like %d.%m.%Y %H:%M for text that is not ISO; else timestamps, dates
    and ISO text).
    """

    column: str
    read: str = "as is"
    unit: str = ""
    form: str = ""


ViewColumns = Mapping[str, FileColumn | None]


class Database(Protocol):
    """What a step needs of an open engine."""

    def view(
        self,
        name: str,
        files: Sequence[Path],
        columns: ViewColumns | None = None,
        filename: str = "",
        form: TextForm | None = None,
    ) -> None:
        """Name the rows of parquet files, or of text files of a `form`. `columns` gives the view's columns: new name ->
        where it comes from, or None for a column of NULL text; `filename` names a further column: the row's file."""

    def define(self, name: str, sql: str) -> None:
        """Name a statement; it runs anew wherever the name is used."""

    def spool(self, name: str, sql: str, columns: ViewColumns | None = None, *, more: bool = False) -> int:
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
