"""Parquet files of the shell's commands, read into sessions; every fault of a file is one sentence."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from gru4rec.data.sessions import Sessions
from gru4rec.data.vocabulary import Vocabulary


@dataclass(frozen=True)
class Columns:
    """The names of the columns in a user's file; `weight` is looked for in training events only, where it is given."""

    session: str = "session_id"
    item: str = "item_id"
    time: str = "timestamp"
    weight: str | None = None


def read_events(path: Path, columns: Columns, *, with_weight: bool = False) -> pa.Table:
    """The three columns of a parquet file (or of a folder of them), and that of the weights where it is asked for.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it lacks a column, and what `open_parquet` raises.
    """
    if not path.exists():
        raise FileNotFoundError(f"there is no file {path}; check the path")
    names = [columns.session, columns.item, columns.time]
    if with_weight and columns.weight is not None:
        names.append(columns.weight)
    dataset = open_parquet(path, names)
    there = dataset.schema.names
    missing = [name for name in names if name not in there]
    if not missing:
        return _read(path, dataset, names)
    raise ValueError(
        f"{path} has no column {', '.join(missing)}; it has {', '.join(there)} "
        "(name yours with --session-column, --item-column, --time-column)"
    )


def read_items(path: Path, columns: Columns) -> pa.Table:
    """A parquet file of items, its item column called item_id.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it lacks the item column, and what `open_parquet` raises.
    """
    if not path.exists():
        raise FileNotFoundError(f"there is no items file {path}; check the path")
    table = _read(path, open_parquet(path))
    if columns.item not in table.column_names:
        there = ", ".join(table.column_names)
        raise ValueError(f"{path} has no column {columns.item}; it has {there} (name yours with --item-column)")
    return table.rename_columns(["item_id" if name == columns.item else name for name in table.column_names])


def open_parquet(path: Path, names: list[str] | None = None) -> pq.ParquetDataset:
    """A parquet file, or all files of a folder as one; reading it does not look at the files' footers again.

    Raises ValueError for what is not parquet, for a folder without parquet files, and where one of `names` (None: any
    column) stands twice in a file or is of another kind in another file: reading would take one of them, or cast.
    """
    schemas: dict[str, pa.Schema] = {}
    file = str(path)
    try:
        dataset = pq.ParquetDataset(path)
        for fragment in dataset.fragments:
            file = fragment.path
            schemas[file] = fragment.physical_schema
    except pa.ArrowException as error:
        raise _not_parquet(file, error) from error
    if not schemas:
        raise ValueError(f"there is no parquet file in the folder {path}; check the path")
    kinds: dict[str, tuple[str, str]] = {}  # of a column: its kind and the first file that has it
    for file, schema in schemas.items():
        for column in schema:
            if names is not None and column.name not in names:
                continue
            if schema.names.count(column.name) > 1:
                raise ValueError(f"{file} has the column {column.name} twice; write it again with one of them")
            kind, first = kinds.setdefault(column.name, (_kind(column.type), file))
            if kind != _kind(column.type):
                raise ValueError(
                    f"column {column.name} is of {kind} in {first}, but of {_kind(column.type)} in {file}; "
                    "write all files of the folder with one type"
                )
    return dataset


def _kind(type_: pa.DataType) -> str:
    """What may differ between the files of a folder is how wide the values are, not what they are."""
    value = type_.value_type if pa.types.is_dictionary(type_) else type_
    if pa.types.is_integer(value):
        return "integers"
    if pa.types.is_string(value) or pa.types.is_large_string(value) or pa.types.is_string_view(value):
        return "strings"
    return "timestamps" if pa.types.is_timestamp(value) else f"type {value}"


def _read(path: Path, dataset: pq.ParquetDataset, names: list[str] | None = None) -> pa.Table:
    try:
        return dataset.read(columns=names)
    except pa.ArrowException as error:
        raise _not_parquet(str(path), error) from error


def _not_parquet(file: str, error: pa.ArrowException) -> ValueError:
    return ValueError(f"{file} cannot be read as parquet ({str(error).splitlines()[0]}); write it again")


def training_sessions(path: Path, columns: Columns) -> tuple[Sessions, Vocabulary]:
    """Training sessions of two events or more, and the vocabulary of exactly the items that stand in them.

    Raises what `read_events` raises, and ValueError when nothing is left to learn from.
    """
    table = read_events(path, columns, with_weight=True)
    if table.num_rows == 0:
        raise ValueError(f"{path} holds no events; training needs at least one session of two events")
    try:
        vocabulary = Vocabulary.build(table[columns.item])
    except ValueError as error:
        raise ValueError(f"{path}: column {columns.item}: {error}") from error
    train = _sessions(path, table, vocabulary, columns, columns.weight)
    if len(train) == 0:
        raise ValueError(f"{path} holds no session of two events or more ({train.short} of one); nothing can be learnt")
    if train.short:
        kept = vocabulary.decode(train.items)
        vocabulary = Vocabulary.build(kept)
        train = dataclasses.replace(train, items=vocabulary.encode(kept))
    return train, vocabulary


def held_out_sessions(path: Path, vocabulary: Vocabulary, columns: Columns) -> Sessions:
    """Sessions to predict in: unknown items dropped, then sessions of one event.

    Raises what `read_events` raises, and ValueError when nothing is left to predict.
    """
    table = read_events(path, columns)
    sessions = _sessions(path, table, vocabulary, columns)
    if len(sessions) == 0:
        raise ValueError(
            f"{path} has nothing to predict: of {table.num_rows} events {sessions.unknown} are of items unknown to the "
            "model, and no session keeps two known ones"
        )
    return sessions


def _sessions(
    path: Path, table: pa.Table, vocabulary: Vocabulary, columns: Columns, weight: str | None = None
) -> Sessions:
    session = (columns.session,)
    try:
        return Sessions.from_table(
            table, vocabulary, session=session, item=columns.item, time=columns.time, weight=weight, min_length=2
        )
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
