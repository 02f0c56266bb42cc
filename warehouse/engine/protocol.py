"""What a step needs of an engine: a database that reads files, runs statements and writes parquet.

A step knows these types and no engine. `Database` is what both engines promise, DuckDB and Spark; the statements are
written for both. `LocalDatabase` has what needs one machine beside: DuckDB alone keeps it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from warehouse.engine.ranges import Users
from warehouse.engine.row_groups import ROW_GROUP
from warehouse.engine.statements import ColumnList
from warehouse.engine.text_files import TextForm

if TYPE_CHECKING:
    import pyarrow as pa

T = TypeVar("T")


@dataclass(frozen=True)
class FileColumn:
    """Where a view's column comes from: a column of the files, and how it is read.

    Args:
        column: the files' name of it.
        read: "as is", "text", "is null", "id" (a whole number, or text where the type has no number of 64 bits; NULL
            where a number is not whole or not exact), "id text" (likewise, all as text, and the value's own text in
            place of NULL, unless it is NaN), "int64" (an id, and NULL where its text would not read back the same),
            "double" (seconds of a duration; NULL where the value is no such number, or NaN), "micros" (a timestamp as
            whole microseconds since 1970), "time" (UTC, NULL where it cannot be read), or "constant" (`column` is
            itself the value).
        unit: for a "time" of numbers since 1970: s, ms, us or ns.
        form: for a "time" of text that is not ISO, like %d.%m.%Y %H:%M.
        zone: of the clocks of a "time" that names none, like Europe/Athens; "" for UTC.
    """

    column: str
    read: str = "as is"
    unit: str = ""
    form: str = ""
    zone: str = ""


Task = Callable[["Iterator[pa.RecordBatch]", Path], str]
ViewColumns = Mapping[str, FileColumn | None]


@dataclass(frozen=True)
class Written:
    """What was written.

    Args:
        files: parquet, in the order of the rows.
        rows: of all files.
        bounds: of each file with rows, the least and the greatest value of the first column of its order; None where
            the file does not say.
    """

    files: tuple[Path, ...]
    rows: int
    bounds: tuple[tuple[Any, Any] | None, ...]


class Database(Protocol):
    """What a step needs of an open engine."""

    def view(self, name: str, files: Sequence[Path], columns: ViewColumns | None = None, filename: str = "") -> None:
        """Name the rows of some parquet files.

        Args:
            columns: the view's columns: its name -> where it comes from; None for all NULL text. By default those of
                the files.
            filename: the name of a further column that holds each row's file; "" for none.
        """

    def define(self, name: str, sql: str) -> None:
        """Name a statement; it runs anew wherever the name is used."""

    def spool(self, name: str, sql: str, columns: ViewColumns | None = None, *, more: bool = False) -> int:
        """Keep a statement's many rows on disk under a name until the database closes; returns how many.

        Args:
            columns: how they are read back; see view.
            more: keep the rows that the name has already, too.
        """

    def table(self, name: str, sql: str) -> int:
        """Keep a statement's few rows under a name until the database closes; returns how many.

        The statement may use what the name has meant so far.
        """

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """All rows of a small result."""

    def columns(self, sql: str) -> "pa.Schema":
        """The columns that a statement gives, and their types; it does not run."""

    def ranges(self, files: Sequence[Path]) -> tuple[Users, ...]:
        """Ranges of users, ascending, in which a step that works user by user should work; see ranges."""

    def write(self, sql: str | Sequence[str], path: Path, order: ColumnList, *, lies_so: bool = False) -> Written:
        """Write rows to `path`: one parquet file, or a folder of them, as the engine likes best.

        Args:
            sql: a statement without ORDER BY, or several whose rows come one after the other.
            order: in which the rows of each statement come.
            lies_so: each statement only leaves out rows of files that lie in that order.
        """

    def map_groups(self, sql: str, by: str, order: ColumnList, task: Task, luggage: Path) -> list[str]:
        """Hand a statement's rows to a task, in groups; returns what it made of each group, in order of `by`.

        Where tasks run on several machines, one that died runs again, and one may run twice at the same time; of a
        group exactly one result is returned. What the others wrote counts for nothing.

        Args:
            sql: a statement without ORDER BY.
            by: a column; the rows of one value are in one group, and groups are ranges of values.
            order: of the rows of a group; it begins with `by`.
            task: gets the batches of a group, which may be none, and the luggage; returns a small result as
                text, since that alone crosses machines without being run there.
            luggage: a folder of which each machine gets a copy, once.
        """

    def reader(self, sql: str, rows: int = ROW_GROUP) -> "pa.RecordBatchReader":
        """A statement's rows in its own order, in batches of at most `rows`; valid while the database is open."""


class LocalDatabase(Database, Protocol):
    """What an engine can do beside that runs in this process, on this machine."""

    def view(
        self,
        name: str,
        files: Sequence[Path],
        columns: ViewColumns | None = None,
        filename: str = "",
        form: TextForm | None = None,
    ) -> None:
        """See Database.view; with a `form`, the files are text."""

    def confine(self) -> None:
        """From now on no statement reaches a file: what `table` holds can be read, and nothing is written."""

    def progress(self) -> float:
        """How far the running statement is, in percent; may be asked from another thread."""


class Engine(Protocol):
    """Opens databases."""

    @property
    def days_at_once(self) -> int:
        """Of days that do not depend on each other, how many are worth working on at the same time."""

    def open(self) -> AbstractContextManager[Database]:
        """A database for one step. What it spilled is removed when it closes."""


class LocalEngine(Protocol):
    """Opens databases of this machine."""

    def open(self) -> AbstractContextManager[LocalDatabase]:
        """A database for one step. What it spilled is removed when it closes."""
