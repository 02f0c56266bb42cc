"""Tables from wherever people keep them: Arrow, pandas and polars frames, parquet files and folders of them, CSV, TSV.

Every reader gives a plain Arrow table: text is `string` and no column is a dictionary, so that the same rows give the
same sessions whichever library or file they come from. Neither pandas nor polars is imported.
"""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa

from gru4rec.config.sentences import shown
from gru4rec.data.plain_types import plain
from gru4rec.data.table_files import ROWS, Rows, TableFile


class ArrowStream(Protocol):
    """What hands out Arrow batches (the PyCapsule interface): Arrow tables and readers, polars and pandas frames."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """A capsule with a C stream of record batches."""
        ...


Frame = ArrowStream | str | os.PathLike[str]


@dataclass(frozen=True)
class ColumnNames:
    """The names of the columns in a table of events.

    Attributes:
        session: the columns that together name a session.
        item: the column of item ids.
        time: the column that events are ordered by.
        weight: the column of the weights that training events have in the loss; None where all count alike.
        sequence: the column that says in which order events of one time came; None where nothing says so.

    Raises:
        ValueError: a column is named for two roles.
    """

    session: tuple[str, ...] = ("session_id",)
    item: str = "item_id"
    time: str = "timestamp"
    weight: str | None = None
    sequence: str | None = None

    def __post_init__(self) -> None:
        named = [*self.session, self.item, self.time, *filter(None, (self.sequence, self.weight))]
        if twice := next((name for name in named if named.count(name) > 1), None):
            raise ValueError(
                f"the column {shown(twice)} is named for two roles; name one each for sessions, items, times"
            )

    @property
    def clocks(self) -> tuple[str, ...]:
        """The column of times, then that of their sequence where there is one."""
        return (self.time,) if self.sequence is None else (self.time, self.sequence)

    @property
    def of_events(self) -> list[str]:
        """The columns that every table of events needs."""
        return [*self.session, self.item, *self.clocks]

    @property
    def of_training(self) -> list[str]:
        """The columns that a table of training events needs."""
        return self.of_events + ([] if self.weight is None else [self.weight])


def read_frame(
    frame: Frame,
    names: Sequence[str] | None = None,
    *,
    what: str = "the events",
    item: str = "",
    item_type: pa.DataType | None = None,
) -> pa.Table:
    """A frame, or what lies at a path, as a plain Arrow table.

    Args:
        frame: an Arrow table, batch or reader, a pandas or polars frame, or the path of a parquet file or folder, or of
            a CSV or TSV file with a header.
        names: the columns to read; None reads all.
        what: how a sentence about a fault calls the table.
        item: the column of item ids, which matters to text files alone: see `read_text`.
        item_type: likewise.

    Raises:
        FileNotFoundError: there is no such path.
        ValueError: the frame is none of these, a column is missing or stands twice, a column of a pandas frame mixes
            types, and what `open_parquet` and `read_text` raise.
    """
    if isinstance(frame, (str, os.PathLike)):
        return _opened(frame, names, what).read(names, item=item, item_type=item_type)
    with _as_columns(what):
        rows = _from_memory(frame, names, what)
        return plain(pa.Table.from_batches(rows.batches, rows.schema))


def open_frame(
    frame: Frame,
    names: Sequence[str],
    *,
    what: str = "the events",
    item: str = "",
    item_type: pa.DataType | None = None,
) -> Rows:
    """The columns of a frame, or of what lies at a path, batch by batch; arguments and faults are `read_frame`'s.

    Only a parquet file and a reader are not held in memory as a whole.
    """
    if isinstance(frame, (str, os.PathLike)):
        return _opened(frame, names, what).rows(names, item=item, item_type=item_type)
    with _as_columns(what):
        rows = _from_memory(frame, names, what)
    return Rows(rows.schema, _guarded(rows.batches, what))


def _opened(path: str | os.PathLike[str], names: Sequence[str] | None, what: str) -> "TableFile":
    file = TableFile.open(Path(path), names)
    try:
        check_columns(names or (), file.names, what)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    return file


@contextmanager
def _as_columns(what: str) -> Iterator[None]:
    try:
        yield
    except pa.ArrowException as error:
        raise ValueError(f"{what} cannot be read as Arrow columns ({'; '.join(map(str, error.args))})") from error


def _guarded(batches: Iterator[pa.RecordBatch], what: str) -> Iterator[pa.RecordBatch]:
    """The batches, small enough to be worked on one by one."""
    with _as_columns(what):
        for batch in batches:
            for begin in range(0, batch.num_rows, ROWS):
                yield batch.slice(begin, ROWS)


def check_columns(names: Sequence[str], there: Sequence[str], what: str) -> None:
    """Raise ValueError unless each of `names` stands exactly once among the columns that are there."""
    missing = [name for name in names if name not in there]
    if missing:
        raise ValueError(f"no column {', '.join(missing)} in {what}; there are {', '.join(map(str, there))}")
    for name in names:
        if list(there).count(name) > 1:
            raise ValueError(f"the column {name} stands twice in {what}; keep one of them")


def _from_memory(frame: Any, names: Sequence[str] | None, what: str) -> Rows:
    """The chosen columns of a frame; of a pandas frame no other is converted, because others may mix types."""
    pandas = sys.modules.get("pandas")  # without it no frame can be of pandas
    if pandas is not None and isinstance(frame, pandas.DataFrame):
        there = list(frame.columns)
        check_columns(names or (), there, what)
        chosen = there if names is None else list(dict.fromkeys(names))
        table = pa.Table.from_pandas(frame, columns=chosen, preserve_index=False)
        return Rows(table.schema, iter(table.to_batches()))
    if not hasattr(frame, "__arrow_c_stream__"):
        raise ValueError(
            f"{what} came as a {type(frame).__name__}; give an Arrow table or reader, a pandas or polars frame, "
            "or the path of a parquet file or folder"
        )
    reader = pa.RecordBatchReader.from_stream(frame)
    check_columns(names or (), reader.schema.names, what)
    chosen = reader.schema.names if names is None else list(dict.fromkeys(names))
    return Rows(pa.schema([reader.schema.field(name) for name in chosen]), _selected(reader, names and chosen))


def _selected(reader: pa.RecordBatchReader, names: Sequence[str] | None) -> Iterator[pa.RecordBatch]:
    with reader:
        for batch in reader:
            yield batch if names is None else batch.select(names)
