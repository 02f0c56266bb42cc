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
    """Where a view's column comes from: a column of the files, and how it is read.

    Args:
        column: the files' name of it.
        read: "as is", "text", "is null", "id" (a whole number, or text where the type has no number of 64 bits; NULL
            where a number is not whole or not exact), "int64" (likewise, and NULL where its text would not read back
            the same), "double" (NULL where the value is no such number), "micros" (a
            timestamp as whole microseconds since 1970), "time" (UTC, NULL where it cannot be read), or "constant"
            (`column` is itself the value).
        unit: for a "time" of numbers since 1970: s, ms, us or ns.
        form: for a "time" of text that is not ISO, like %d.%m.%Y %H:%M.
        zone: of the clocks of a "time" that names none, like Europe/Athens; "" for UTC.
    """

    column: str
    read: str = "as is"
    unit: str = ""
    form: str = ""
    zone: str = ""


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
        """Name the rows of some files.

        Args:
            files: parquet, or text files of a `form`.
            columns: the view's columns: its name -> where it comes from; None for all NULL text. By default those of
                the files.
            filename: the name of a further column that holds each row's file; "" for none.
        """

    def confine(self) -> None:
        """From now on no statement reaches a file: what `table` holds can be read, and nothing is written."""

    def define(self, name: str, sql: str) -> None:
        """Name a statement; it runs anew wherever the name is used."""

    def spool(self, name: str, sql: str, columns: ViewColumns | None = None, *, more: bool = False) -> int:
        """Keep a statement's many rows on disk under a name until the database closes; returns how many.

        Args:
            columns: how they are read back; see view.
            more: keep the rows that the name has already, too.
        """

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
        """A database for one step. What it spilled is removed when it closes."""
