"""The files of the shell's commands as datasets; every fault is one sentence that names file and column."""

from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from gru4rec.data.dataset import Dataset
from gru4rec.data.frames import ColumnNames
from gru4rec.data.table_files import TableFile
from gru4rec.data.vocabulary import Vocabulary

EVENT_OPTIONS = "--session-column, --item-column, --time-column"


def training_data(path: Path, columns: ColumnNames, items: Path | None = None) -> Dataset:
    """The training sessions of two events or more in a file or folder, with the items table where there is one.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: what `read_events` and `read_items` raise, and nothing is left to learn from.
    """
    events = read_events(path, columns, with_weight=True)
    if events.num_rows == 0:
        raise ValueError(f"{path} holds no events; training needs at least one session of two events")
    try:
        data = Dataset.from_table(
            events, session=columns.session, item=columns.item, time=columns.clocks, weight=columns.weight
        )
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    return data if items is None else replace(data, items=read_items(items, columns, data.vocabulary))


def held_out_data(path: Path, vocabulary: Vocabulary, columns: ColumnNames) -> Dataset:
    """The sessions to predict in of a file or folder: without unknown items, then without sessions of one event.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: what `read_events` raises, and nothing is left to predict.
    """
    return _known_sessions(path, vocabulary, columns, "to predict")


def known_training_data(path: Path, vocabulary: Vocabulary, columns: ColumnNames) -> Dataset:
    """The sessions that a baseline learns from, in the vocabulary of the model beside it; as `held_out_data`."""
    return _known_sessions(path, vocabulary, columns, "to learn from")


def _known_sessions(path: Path, vocabulary: Vocabulary, columns: ColumnNames, purpose: str) -> Dataset:
    events = read_events(path, columns, vocabulary.id_type)
    try:
        data = Dataset.from_held_out(
            events, vocabulary, session=columns.session, item=columns.item, time=columns.clocks
        )
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    if len(data.sessions) == 0:
        raise ValueError(
            f"{path} has nothing {purpose}: of {events.num_rows} events {data.sessions.unknown} are of items unknown "
            "to the model, and no session keeps two known ones"
        )
    return data


def read_events(
    path: Path, columns: ColumnNames, item_type: pa.DataType | None = None, *, with_weight: bool = False
) -> pa.Table:
    """The columns of the events in a file or folder, with that of their weights where it is asked for.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it lacks a column, and what `TableFile` raises.
    """
    names = columns.of_training if with_weight else columns.of_events
    file = TableFile.open(path, names)
    require_columns(file, names)
    return file.read(names, item=columns.item, item_type=item_type)


def read_items(path: Path, columns: ColumnNames, vocabulary: Vocabulary) -> pa.Table:
    """A file of items, its item column called item_id.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it lacks the item column, and what `TableFile` raises.
    """
    if not path.exists():
        raise FileNotFoundError(f"there is no items file {path}; check the path")
    file = TableFile.open(path, needed=[columns.item])
    require_columns(file, [columns.item], "--item-column")
    table = file.read(item=columns.item, item_type=vocabulary.id_type)
    return table.rename_columns(["item_id" if name == columns.item else name for name in table.column_names])


def require_columns(file: TableFile, names: list[str], options: str = EVENT_OPTIONS) -> None:
    """Raise ValueError unless a file has all these columns; it names the options that call them by other names."""
    missing = ", ".join(name for name in names if name not in file.names)
    if missing:
        there = ", ".join(file.names)
        raise ValueError(f"{file.path} has no column {missing}; it has {there} (name yours with {options})")
