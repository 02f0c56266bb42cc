"""What a night trains on: its sessions, encoded with the items of the training days, and with those of all days."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.policy import parts

if TYPE_CHECKING:
    import pyarrow as pa

    from gru4rec.config.options import Config, FeatureConfig
    from gru4rec.data.dataset import Dataset
    from gru4rec.data.sessions import Sessions
    from gru4rec.data.vocabulary import Vocabulary


@dataclass(frozen=True)
class Data:
    """The sessions of the training and of the validation days; what else a night needs is read when it is asked for.

    train, validation: in the vocabulary of the training days.
    splits, sessions: the files of the night's two tables.
    scratch: the folder for the files of a long log; None: the system's temporary folder.
    items, features: the items table and the columns selected of it, where some are.
    """

    train: "Dataset"
    validation: "Dataset"
    splits: Sequence[Path]
    sessions: Sequence[Path]
    scratch: Path | None = None
    items: "pa.Table | None" = None
    features: "FeatureConfig | None" = None

    def everything(self) -> "Dataset":
        """The sessions of all days, in a vocabulary of their own."""
        whole = parts.dataset(parts.stream(self.sessions), self.scratch)
        return whole if self.features is None else replace(whole, items=self.items).with_features(self.features)

    def held_out(self, vocabulary: "Vocabulary") -> "Sessions":
        """The sessions of the validation and test days, weighted as in training."""
        rows = parts.stream(self.splits, "validation", "test")
        return parts.encode(rows, vocabulary, weighted=True, scratch=self.scratch)


def encode_night(splits: Sequence[Path], sessions: Sequence[Path], scratch: Path | None = None) -> Data:
    """Encode a night's splits; ValueError says when the training days hold no session.

    The arguments are those of `Data`.
    """
    if next(parts.stream(splits, "train"), None) is None:
        raise ValueError("The training days hold no session: widen window_days, or hold out fewer days in [splits].")
    train = parts.dataset(parts.stream(splits, "train"), scratch)
    return Data(train, train.held_out(parts.stream(splits, "validation")), splits, sessions, scratch)


def add_features(data: Data, items: "pa.Table", config: "Config") -> Data:
    """The same data with the features of all items, cold ones too; unchanged where the configuration selects none.

    Args:
        data: a night's sessions.
        items: the night's items table.
        config: what selects the columns.

    Raises:
        ValueError: a selected column cannot be used.
    """
    if not config.features.selected_features:
        return data
    train = replace(data.train, items=items).with_features(config.features)
    validation = train.reencode(data.validation)
    return replace(data, train=train, validation=validation, items=items, features=config.features)


def describe(splits: Sequence[Path]) -> dict[str, str]:
    """What identifies a training's data, in one pass over its rows.

    Returns:
        data_hash: SHA-256 of the schema and of the values of each column in their order, however they lie in the files.
        train_from, train_until: the times of the first and the last event of training, "" where there is none.
        test_from: the start of the first test session.
    """
    reader = parts.stream(splits)
    digest = hashlib.sha256(str(reader.schema.remove_metadata()).encode())
    columns = {name: hashlib.sha256() for name in reader.schema.names}
    trained, tested = _Reach("train", "timestamp"), _Reach("test", "session_start")
    for block in _blocks(reader):
        for name, column in columns.items():
            column.update(_bytes_of(block.select([name])))
        trained.look(block)
        tested.look(block)
    for column in columns.values():
        digest.update(column.digest())
    found = {"train_from": trained.first, "train_until": trained.last, "test_from": tested.first}
    times = {name: "" if time is None else time.isoformat() for name, time in found.items()}
    return {"data_hash": digest.hexdigest(), **times}


@dataclass
class _Reach:
    """The first and the last time in a column of a part."""

    part: str
    column: str
    first: datetime | None = None
    last: datetime | None = None

    def look(self, rows: "pa.Table") -> None:
        """Take some more rows in."""
        import pyarrow.compute as pc

        times = rows[self.column].filter(pc.equal(rows["split"], self.part))
        if len(times):
            ends = pc.min_max(times)
            first, last = ends["min"].as_py(), ends["max"].as_py()
            self.first = first if self.first is None else min(self.first, first)
            self.last = last if self.last is None else max(self.last, last)


def _blocks(batches: "Iterable[pa.RecordBatch]") -> "Iterator[pa.Table]":
    """The same rows in tables of exactly parts.ROWS rows, the last one smaller."""
    import pyarrow as pa

    held: list[pa.RecordBatch] = []
    for batch in batches:
        held.append(batch)
        table = pa.Table.from_batches(held)
        while table.num_rows >= parts.ROWS:
            yield table.slice(0, parts.ROWS)
            table = table.slice(parts.ROWS)
        held = table.to_batches()
    if held:
        yield pa.Table.from_batches(held)


def _bytes_of(column: "pa.Table") -> "pa.Buffer":
    import pyarrow as pa

    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, column.schema.remove_metadata()) as stream:
        stream.write_table(column.combine_chunks())
    return sink.getvalue()
