"""One night's lists laid out to be looked up: an Arrow file, mapped into memory, with one row a list.

Notable: parquet is packed in row groups, and to read one list of 100 rows is to unpack 61,440 rows, two milliseconds
and more. Smaller row groups would make the table larger and slower to write. So the server lays each night out anew
when it opens it, as it lies in memory: a list is found by two bisections and read in microseconds. Whoever opens the
file removes its name at once, so that nothing is left behind however the server ends.
"""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from warehouse.engine.duckdb_engine import DuckDBEngine
from warehouse.recommendations.kinds import Kind
from warehouse.recommendations.table import MEMORY_LIMIT
from warehouse.recommendations.whole_lists import starts, whole_lists

Row = tuple[Any, ...]  # (item, score, model); of similar items (item, score)


class _Unordered(Exception):
    """The rows do not lie in order of list and rank, as another writer may have left them."""


def write_lists(files: Sequence[str], kind: Kind, to: Path) -> tuple[str, ...]:
    """Lay the lists of a night's files out in the file `to`; memory is that of a row group.

    Returns:
        The names of the models, by the codes that stand in the file.

    Raises:
        OSError: the disk refuses; what was written is removed.
    """
    ordered = to.with_name("sorted-0.parquet")
    try:
        try:
            return _write(files, kind, to)
        except _Unordered:
            with DuckDBEngine(MEMORY_LIMIT).connect(to.parent / "spill") as con:
                rows = con.sql(
                    "SELECT * FROM read_parquet($files, hive_partitioning = false)", params={"files": list(files)}
                )
                rows.order(f"{kind.owner}, rank").write_parquet(str(ordered))
            return _write([str(ordered)], kind, to)
    except BaseException:
        to.unlink(missing_ok=True)
        raise
    finally:
        ordered.unlink(missing_ok=True)


def _write(files: Sequence[str], kind: Kind, to: Path) -> tuple[str, ...]:
    codes: dict[str, int] = {}
    last: Any = None
    writer: pa.RecordBatchFileWriter | None = None
    with pa.OSFile(str(to), "wb") as sink:
        for rows in whole_lists(files, kind):
            first = np.flatnonzero(starts(rows["owner"]))
            owners = rows["owner"].combine_chunks().take(pa.array(first))
            _judge(rows, first, owners, last)
            last = owners[-1].as_py()
            batch = _batch(rows, first, owners, codes)
            writer = writer or pa.ipc.new_file(sink, batch.schema)
            writer.write_batch(batch)
        if writer is not None:
            writer.close()
    return tuple(codes)


def _judge(rows: pa.Table, first: NDArray[np.int64], owners: pa.Array, last: Any) -> None:
    """Raise `_Unordered` for rows that are not in order; `last` is the owner of the list before."""
    rank = rows["rank"].to_numpy()
    falls = np.diff(rank) <= 0
    falls[first[1:] - 1] = False
    rises = pc.all(pc.less(owners.slice(0, len(owners) - 1), owners.slice(1))).as_py()
    if falls.any() or rises is False or (last is not None and owners[0].as_py() <= last):
        raise _Unordered


def _batch(rows: pa.Table, first: NDArray[np.int64], owners: pa.Array, codes: dict[str, int]) -> pa.RecordBatch:
    """The lists of some rows, one row a list; `codes` learns the names of models."""
    ends = pa.array(np.append(first, rows.num_rows), pa.int32())
    columns = {"owner": owners}
    for name in ("item", "score"):
        columns[name] = pa.ListArray.from_arrays(ends, rows[name].combine_chunks())
    if "model" in rows.column_names:
        model = [_coded(chunk, codes) for chunk in rows["model"].chunks]
        columns["model"] = pa.ListArray.from_arrays(ends, pa.array(np.concatenate(model), pa.int8()))
    return pa.RecordBatch.from_pydict(columns)


def _coded(model: pa.DictionaryArray, codes: dict[str, int]) -> NDArray[np.int8]:
    """The codes of the model's names, which are given in the order in which names are met."""
    names = [codes.setdefault(name, len(codes)) for name in model.dictionary.to_pylist()]
    coded: NDArray[np.int8] = np.array([*names, 0], np.int8)[model.indices.to_numpy()]
    return coded


class _Lists:
    """The lists of one batch, as arrays that lie in the file."""

    def __init__(self, batch: pa.RecordBatch) -> None:
        self.owners = batch["owner"]
        self.ids = self.owners.to_numpy() if pa.types.is_integer(self.owners.type) else None
        self.offsets = batch["item"].offsets.to_numpy()
        self.items = batch["item"].values
        self.scores = batch["score"].values.to_numpy()
        self.models = batch["model"].values.to_numpy() if "model" in batch.schema.names else None

    def place(self, owner: int | str) -> int | None:
        """The row of an owner's list."""
        if self.ids is not None:
            place = int(np.searchsorted(self.ids, owner))
            return place if place < len(self.ids) and self.ids[place] == owner else None
        place = bisect_right(self.owners, owner, key=lambda scalar: scalar.as_py()) - 1
        return place if place >= 0 and self.owners[place].as_py() == owner else None


class ListFile:
    """A file of lists, open. Its name is gone from the disk; its bytes go when it is let go of."""

    def __init__(self, path: Path, models: Iterable[str]) -> None:
        """Map the file that `write_lists` wrote, and remove its name."""
        self._models = tuple(models)
        reader = pa.ipc.open_file(pa.memory_map(str(path), "r"))
        os.unlink(path)
        self._batches = [_Lists(reader.get_batch(number)) for number in range(reader.num_record_batches)]
        self._lows = [batch.owners[0].as_py() for batch in self._batches]

    def best(self, owner: int | str, n: int) -> list[Row]:
        """(item, score, model) of the best `n` items of a user, best first; (item, score) of those of an item.

        [] where the night has no such list.
        """
        number = bisect_right(self._lows, owner) - 1
        place = self._batches[number].place(owner) if number >= 0 else None
        if place is None:
            return []
        lists = self._batches[number]
        begin, end = lists.offsets[place : place + 2].tolist()
        end = min(end, begin + n)
        items, scores = lists.items.slice(begin, end - begin).to_pylist(), lists.scores[begin:end].tolist()
        if lists.models is None:
            return list(zip(items, scores, strict=True))
        names = [self._models[code] for code in lists.models[begin:end].tolist()]
        return list(zip(items, scores, names, strict=True))
