"""Sessions in files: written one after another, then read where they lie, so that no event need be in memory.

The files have no name. The system takes their room back when nothing reads them any more, however the process ends.
"""

import mmap
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa
from numpy.typing import DTypeLike, NDArray

from gru4rec.data.sessions import Sessions
from gru4rec.data.streaming.buckets import nameless_file

PIECE = 1 << 20  # events that are copied at a time


@dataclass(frozen=True)
class FiledSessions(Sessions):
    """Sessions whose arrays lie in files; those that are selected of them do, too, where they are many.

    folder: where further files are made; None: the system's temporary folder. maps: what `forget` takes out of memory.
    """

    folder: Path | None = None
    maps: tuple[mmap.mmap, ...] = ()

    def __reduce__(self) -> tuple[Any, ...]:
        """In another process they are plain sessions: files without a name cannot be opened there."""
        return Sessions, tuple(getattr(self, field.name) for field in fields(Sessions))

    def forget(self) -> None:
        """As Sessions.forget."""
        for mapped in self.maps:
            mapped.madvise(mmap.MADV_DONTNEED)

    def select(self, index: Any) -> Sessions:
        """As Sessions.select."""
        chosen = np.asarray(index)
        chosen = np.flatnonzero(chosen) if chosen.dtype == bool else chosen.astype(np.int64)
        ends = np.cumsum(self.lengths[chosen])
        if len(ends) == 0 or ends[-1] <= PIECE:
            return super().select(chosen)
        files = SessionFiles(self.folder)
        for begin, end in pieces(ends):
            files.append(super().select(chosen[begin:end]))
        return files.read()


def pieces(ends: NDArray[np.int64]) -> Iterable[tuple[int, int]]:
    """Ranges of sessions of about PIECE events each, at least one session; `ends`: cumulated lengths."""
    begin = 0
    while begin < len(ends):
        before = int(ends[begin - 1]) if begin else 0
        end = max(begin + 1, int(np.searchsorted(ends, before + PIECE, side="right")))
        yield begin, end
        begin = end


class SessionFiles:
    """Files that sessions are appended to; what they were dropped for is not counted here."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._files: dict[str, IO[bytes]] = {}
        self._keys: pa.ipc.RecordBatchStreamWriter | None = None
        self._events = 0
        self._time_type: pa.DataType | None = None
        self._maps: list[mmap.mmap] = []
        self._write("offsets", np.zeros(1, np.int64))

    def append(self, sessions: Sessions) -> None:
        """Write some more sessions; all have times, keys and weights, or none has."""
        self._write("items", sessions.items.astype(np.int32, copy=False))
        self._write("offsets", sessions.offsets[1:] + self._events)
        self._events += len(sessions.items)
        if sessions.times is not None:
            self._write("times", sessions.times)
        if sessions.weights is not None:
            self._write("weights", sessions.weights)
        if sessions.keys is not None:
            if self._keys is None:
                self._keys = pa.ipc.new_stream(self._file("keys"), sessions.keys.schema)
            self._keys.write_table(sessions.keys.combine_chunks())
        self._time_type = sessions.time_type

    def read(self, unknown: int = 0, short: int = 0) -> FiledSessions:
        """All of them; nothing can be appended afterwards."""
        if self._keys is not None:
            self._keys.close()
        keys = pa.ipc.open_stream(self._mapped("keys")).read_all() if "keys" in self._files else None
        return FiledSessions(
            self._array("items", np.int32), self._array("offsets", np.int64),
            self._array("times", np.int64) if "times" in self._files else None, keys, unknown, short,
            self._array("weights", np.float32) if "weights" in self._files else None, self._time_type, self._folder,
            tuple(self._maps),
        )  # fmt: skip

    def _file(self, name: str) -> IO[bytes]:
        if name not in self._files:
            self._files[name] = nameless_file(self._folder)
        return self._files[name]

    def _write(self, name: str, values: NDArray[Any]) -> None:
        self._file(name).write(np.ascontiguousarray(values).data)

    def _mapped(self, name: str) -> pa.Buffer:
        file = self._file(name)
        file.flush()
        if file.tell() == 0:
            return pa.py_buffer(b"")
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self._maps.append(mapped)
        file.close()
        return pa.py_buffer(mapped)

    def _array(self, name: str, dtype: DTypeLike) -> NDArray[Any]:
        return np.frombuffer(self._mapped(name), dtype)
