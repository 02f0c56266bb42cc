"""The staged night: one parquet file beside the table that nobody reads but the audit and the publishing commit.

Notable: the staged file *is* the night's lock. Its writer holds an exclusive flock on it from the first byte to the
commit; the kernel drops that lock when the writer dies, however it dies. So a second writer of the night is refused at
once, and whoever can lock a staged file knows that its writer is gone and may sweep it. The lock covers one machine's
writers; writers on two machines that share a folder meet in Delta's own commit protocol, which lets one of them win.
"""

from __future__ import annotations

import datetime as dt
import fcntl
import os
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from warehouse.recommendations.errors import NightBusy, RecommendationsError, WriteFailed
from warehouse.recommendations.table import MEASURED, STAGED_COLUMNS, staged_schema
from warehouse.statements import quoted

ROW_GROUP = 122_880  # rows; the best of those tried for one user's list (sorted, zstd)
WRITING = ".writing.parquet"
REJECTED = ".rejected.parquet"


def staging_folder(table: Path) -> Path:
    """Return the folder beside the table that holds staged and rejected nights."""
    return table.parent / f"{table.name}_staging"


@contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Hold the staging folder's own lock: for the short moments that concern all nights (creating the table)."""
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


class StagedNight:
    """One night's staged file, locked by this writer. Use as a context manager: leaving it removes what was not
    kept.
    """

    def __init__(self, table: Path, run_date: dt.date) -> None:
        self.run_date = run_date
        self.path = staging_folder(table) / f"{run_date.isoformat()}{WRITING}"
        self.rows_file = self.path  # where the rows are: in order once sort() was called
        self.rows = 0
        self.in_order = True  # by (user_id, rank), as far as written
        self.schema: pa.Schema | None = None
        self.spill = _spill(self.path)  # where DuckDB may put what does not fit in memory
        self._last: tuple[object, int] | None = None
        self._handle = -1

    def __enter__(self) -> StagedNight:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        while True:
            self._handle = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
            if not _lock(self._handle, seconds=0.5):
                os.close(self._handle)
                raise NightBusy(
                    f"another run is writing the night {self.run_date} ({self.path}): wait for it to end, or stop it"
                )
            if _same_file(self._handle, self.path):
                os.truncate(self._handle, 0)
                return self
            os.close(self._handle)  # its owner removed it between our open and our lock: take the new one

    def __exit__(self, *exc: object) -> None:
        shutil.rmtree(self.spill, ignore_errors=True)
        if _same_file(self._handle, self.path):
            self.path.unlink()
        os.close(self._handle)

    def write(self, batches: Iterable[pa.RecordBatch]) -> None:
        """Stream ``batches`` into the file in row groups of 122,880 rows; memory is one row group, not the night.

        Raises ``RecommendationsError`` for missing columns or types that do not fit, ``WriteFailed`` when the disk
        refuses.
        """
        source = iter(batches)
        first = next(source, None)
        if first is None:
            raise RecommendationsError(f"the night {self.run_date} has no rows at all: nothing was published")
        self.schema = schema_of(first)
        groups = _regroup(first, source, self.schema)
        with os.fdopen(os.dup(self._handle), "wb") as sink:  # closing the copy does not give the lock away
            repeated = [field.name for field in self.schema if field.name not in MEASURED]
            writer = pq.ParquetWriter(
                sink, self.schema, compression="zstd", compression_level=1, use_dictionary=repeated
            )
            try:
                for group in groups:
                    self._follow_order(group)
                    with self._disk():
                        writer.write_table(group, row_group_size=ROW_GROUP)
                    self.rows += group.num_rows
            except BaseException:
                with suppress(OSError):  # the file is about to go; the first error is the one to tell
                    writer.close()
                raise
            with self._disk():
                writer.close()
                sink.flush()
                os.fsync(sink.fileno())

    @contextmanager
    def _disk(self) -> Iterator[None]:
        """Turn the disk's refusals, and only those, into ``WriteFailed``: an error of the source keeps its own name."""
        try:
            yield
        except OSError as error:
            raise write_failed(self.run_date, self.path, error) from error

    def sort(self, con: duckdb.DuckDBPyConnection) -> None:
        """Bring the rows into order of user and rank where they did not come in it; the sorted copy takes over."""
        if self.in_order:
            return
        self.spill.mkdir(exist_ok=True)
        copy = self.spill / "sorted.parquet"
        con.execute(
            f"COPY (FROM read_parquet($file) ORDER BY user_id, rank) TO {quoted(str(copy))} "
            f"(FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {ROW_GROUP})",
            {"file": [str(self.path)]},
        )
        self.rows_file, self.in_order = copy, True

    def reject(self) -> Path:
        """Keep the file under another name for whoever looks into it, and return that name."""
        kept = self.path.with_name(f"{self.run_date.isoformat()}{REJECTED}")
        os.replace(self.rows_file, kept)
        return kept

    def _follow_order(self, group: pa.Table) -> None:
        """Note whether rows keep coming by (user_id, rank), so that an ordered night needs no sort."""
        if not self.in_order or group.num_rows == 0:
            return
        user, rank = group["user_id"].combine_chunks(), group["rank"].to_numpy()
        before, after = user.slice(0, len(user) - 1), user.slice(1)
        falls = pc.less(after, before).to_numpy(zero_copy_only=False)
        same = pc.equal(after, before).to_numpy(zero_copy_only=False)
        self.in_order = not bool((falls | (same & (np.diff(rank) < 0))).any())
        if self._last is not None:
            self.in_order &= self._last <= (user[0].as_py(), int(rank[0]))
        self._last = (user[-1].as_py(), int(rank[-1]))


def schema_of(batch: pa.RecordBatch) -> pa.Schema:
    """Return the staged schema that fits this batch's id types, or say in a sentence what does not fit."""
    missing = [name for name in STAGED_COLUMNS if name not in batch.schema.names]
    if missing:
        raise RecommendationsError(
            f"the recommendations lack the column(s) {', '.join(missing)}: nothing was published"
        )
    ids = []
    for name in ("user_id", "item_id"):
        kind = batch.schema.field(name).type
        if pa.types.is_integer(kind):
            ids.append(pa.int64())
        elif pa.types.is_string(kind) or pa.types.is_large_string(kind):
            ids.append(pa.string())
        else:
            raise RecommendationsError(f"{name} must be an integer or a string, not {kind}: nothing was published")
    return staged_schema(*ids)


def _regroup(first: pa.RecordBatch, rest: Iterator[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.Table]:
    """Collect small batches until a row group is full; cast each to ``schema``."""
    held: list[pa.RecordBatch] = [first]
    rows = first.num_rows
    for batch in rest:
        if rows >= ROW_GROUP:
            yield _table(held, schema)
            held, rows = [], 0
        held.append(batch)
        rows += batch.num_rows
    yield _table(held, schema)


def _table(batches: list[pa.RecordBatch], schema: pa.Schema) -> pa.Table:
    try:
        return pa.Table.from_batches(batches).select(schema.names).cast(schema)
    except (pa.ArrowInvalid, pa.ArrowTypeError, KeyError, ValueError) as error:
        raise RecommendationsError(
            f"the recommendations do not fit the table's columns ({str(error).splitlines()[0]}): nothing was published"
        ) from error


def write_failed(run_date: dt.date, path: Path, error: BaseException) -> WriteFailed:
    """Return the sentence for a disk that refused."""
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    return WriteFailed(
        f"the night {run_date} could not be written to {path} ({reason}): nothing was published and earlier nights "
        "stand; free space (or put the folder right) and run the night again"
    )


def _lock(handle: int, seconds: float) -> bool:
    """Take the lock; a writer holds it for long, a sweeper that looks whether one is alive for microseconds."""
    end = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() >= end:
                return False
            time.sleep(0.02)


def _same_file(handle: int, path: Path) -> bool:
    try:
        ours, there = os.fstat(handle), os.stat(path)
    except FileNotFoundError:
        return False
    return (ours.st_dev, ours.st_ino) == (there.st_dev, there.st_ino)


def clear_dead(folder: Path) -> tuple[set[str], list[Path]]:
    """Remove the staged files of dead writers; return the nights of living ones (ISO dates) and what was removed."""
    live: set[str] = set()
    gone: list[Path] = []
    for staged in folder.glob(f"*{WRITING}"):
        try:
            handle = os.open(staged, os.O_RDWR)
        except FileNotFoundError:
            continue  # its writer ended between the listing and now
        try:
            if not _lock(handle, seconds=0):
                live.add(staged.name.removesuffix(WRITING))
            elif _same_file(handle, staged):
                shutil.rmtree(_spill(staged), ignore_errors=True)
                staged.unlink()
                gone.append(staged)
        finally:
            os.close(handle)
    return live, gone


def _spill(staged: Path) -> Path:
    return staged.with_name(staged.name.removesuffix(WRITING) + ".spill")
