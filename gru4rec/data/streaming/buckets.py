"""Events divided by session: each bucket has all events of its sessions, so that sessions are made bucket by bucket.

A short log stays in memory, as one bucket. A longer one lies in files without a name, whose room the system takes back
when they are closed, however the process ends.
"""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import IO, Self
from zlib import crc32

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)  # 2^64 over the golden ratio: spreads neighbouring numbers


def nameless_file(folder: Path | None) -> IO[bytes]:
    """A file that vanishes when nobody reads it any more; None: in the system's temporary folder."""
    return tempfile.TemporaryFile(dir=folder)


class EventBuckets:
    """Takes events batch by batch, and gives them back bucket by bucket, in the order in which they came."""

    def __init__(self, keys: Sequence[str], buckets: int, in_memory: int, folder: Path | None) -> None:
        """Nothing is written before it is needed.

        Args:
            keys: the columns that together name a session.
            buckets: how many, where the log is too long for one.
            in_memory: the most events that stay in memory.
            folder: where files are made; None: the system's temporary folder.
        """
        self._keys = keys
        self._buckets = buckets
        self._in_memory = in_memory
        self._folder = folder
        self._held: list[pa.RecordBatch] = []
        self._rows = 0
        self._open = ExitStack()
        self._files: list[IO[bytes]] = []
        self._writers: list[pa.ipc.RecordBatchStreamWriter] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._open.close()

    @property
    def on_disk(self) -> bool:
        """Whether the log was too long for memory."""
        return bool(self._files)

    def add(self, batch: pa.RecordBatch) -> None:
        """Take some more events."""
        self._rows += batch.num_rows
        self._held.append(batch)
        if self.on_disk or self._rows > self._in_memory:
            if not self.on_disk:
                self._begin(batch.schema)
            for held in self._held:
                self._write(held)
            self._held = []

    def tables(self) -> Iterator[pa.Table]:
        """The buckets that have events; each is read once."""
        if not self.on_disk:
            if self._held:
                yield pa.Table.from_batches(self._held)
            return
        for writer, file in zip(self._writers, self._files, strict=True):
            writer.close()
            file.seek(0)
            table = pa.ipc.open_stream(file).read_all()
            file.close()
            if table.num_rows:
                yield table

    def _begin(self, schema: pa.Schema) -> None:
        for _ in range(self._buckets):
            file = self._open.enter_context(nameless_file(self._folder))
            self._files.append(file)
            self._writers.append(pa.ipc.new_stream(file, schema))

    def _write(self, batch: pa.RecordBatch) -> None:
        number = (_mixed([batch[name] for name in self._keys]) % np.uint64(self._buckets)).astype(np.int64)
        order = np.argsort(number, kind="stable")
        ends = np.cumsum(np.bincount(number, minlength=self._buckets))
        batch = batch.take(pa.array(order))
        for bucket in np.flatnonzero(np.diff(ends, prepend=0)).tolist():
            begin = int(ends[bucket - 1]) if bucket else 0
            self._writers[bucket].write_batch(batch.slice(begin, int(ends[bucket]) - begin))


def _mixed(keys: Sequence[pa.Array]) -> NDArray[np.uint64]:
    """A number for each row that spreads evenly, equal for equal keys."""
    mixed = np.zeros(len(keys[0]), dtype=np.uint64)
    for key in keys:
        mixed = (mixed ^ _number(key)) * MULTIPLIER
        mixed ^= mixed >> np.uint64(32)
    return mixed


def _number(key: pa.Array) -> NDArray[np.uint64]:
    """Whole numbers and times as they are, text by a sum of its bytes."""
    if not pa.types.is_string(key.type):
        if pa.types.is_date32(key.type):
            key = key.cast(pa.int32())
        return np.asarray(key.cast(pa.int64()).to_numpy().view(np.uint64))
    distinct = pc.dictionary_encode(key)
    sums = [crc32(value) for value in distinct.dictionary.cast(pa.binary()).to_pylist()]
    return np.asarray(np.array(sums, dtype=np.uint64)[distinct.indices.to_numpy()])
