"""The staged night: parquet parts beside the table that only the audit reads, until one commit shows them.

Notable: a staged night has a lock file. Its writer holds it (flock) from before the first byte until after the commit,
and the kernel drops the lock when the writer dies, however it dies. So a second writer of the night is refused at once,
and whoever can lock the file knows that its writer is gone and may sweep what it left. The lock covers the writers of
one machine; writers on two machines that share a folder meet at the commit, which lets one of them win.
"""

from __future__ import annotations

import datetime as dt
import fcntl
import os
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from warehouse.engine.row_groups import regrouped
from warehouse.recommendations import parts
from warehouse.recommendations.errors import NightBusy, RecommendationsError, WriteFailed
from warehouse.recommendations.kinds import kind_at
from warehouse.recommendations.parts import PartsWriter, part_schema, row_groups, schema_of

LOCK = ".lock"
WRITING = ".writing"
REJECTED = ".rejected"
A_DAY = "[0-9]" * 4 + "-[0-9][0-9]" * 2  # the names of our files and folders begin with their night


def staging_folder(table: Path) -> Path:
    """The folder beside the table that holds staged and rejected nights."""
    return table.parent / f"{table.name}_staging"


def audit_file(rejected: Path) -> Path:
    """The file beside a rejected night's folder that says why it was rejected."""
    return rejected.with_name(f"{rejected.name}.json")


class StagedNight:
    """One night's staged parts, locked by this writer.

    Use it as a context manager: leaving it removes what was neither published nor kept.
    """

    def __init__(self, table: Path, run_date: dt.date) -> None:
        self.run_date = run_date
        self.kind = kind_at(table)
        self.lock = staging_folder(table) / f"{run_date.isoformat()}{LOCK}"
        self.folder = self.lock.with_suffix(WRITING)
        self.spill = self.folder / "spill"  # where DuckDB may put what does not fit in memory
        self.files: list[Path] = []  # the parts: in order once sort() was called
        self.rows = 0
        self.in_order = True  # by whose list it is, and rank, as far as written
        self.schema = pa.schema([])  # the table's, once the first batch has shown the types of the ids
        self._last: tuple[object, int] | None = None
        self._handle = -1

    def __enter__(self) -> StagedNight:
        self.lock.parent.mkdir(parents=True, exist_ok=True)
        while True:
            self._handle = os.open(self.lock, os.O_RDWR | os.O_CREAT, 0o644)
            if not _lock(self._handle, seconds=0.5):
                os.close(self._handle)
                raise NightBusy(
                    f"another run is writing the night {self.run_date} ({self.folder}): wait for it to end, or stop it"
                )
            if _same_file(self._handle, self.lock):
                shutil.rmtree(self.folder, ignore_errors=True)  # of a writer that died
                self.folder.mkdir()
                return self
            os.close(self._handle)  # its owner removed it after our open and before our lock: take the new one

    def __exit__(self, *exc: object) -> None:
        if _same_file(self._handle, self.lock):
            shutil.rmtree(self.folder, ignore_errors=True)
            self.lock.unlink()
        os.close(self._handle)

    def write(self, batches: Iterable[pa.RecordBatch], constants: Mapping[str, object]) -> None:
        """Stream rows into parts; memory is one row group, not the night.

        Args:
            batches: with the kind's staged columns.
            constants: the other columns, which are the same on every row.

        Raises:
            RecommendationsError: a column is missing or of a type that does not fit, or there is no row.
            WriteFailed: the disk refuses.
        """
        source = iter(batches)
        first = next(source, None)
        if first is not None:
            self.schema = schema_of(first.schema, self.kind)
            groups = row_groups(chain([first], source), part_schema(self.schema), constants, self.kind)
            self.files = self._written(groups, self.folder)
        if not self.rows:
            raise self._no_rows()

    def adopt(self, files: Sequence[Path], rows: int) -> None:
        """Take parts that others wrote into this night's folder, in order of whose list it is, and rank.

        Raises:
            RecommendationsError: they have no row.
        """
        if not rows:
            raise self._no_rows()
        self.schema = schema_of(pq.read_schema(files[0]), self.kind)
        folder = self.folder / "parts"
        with self._disk():
            folder.mkdir()
            self.files = [file.rename(folder / f"part-{number:05d}.parquet") for number, file in enumerate(files)]
        self.rows = rows

    def _no_rows(self) -> RecommendationsError:
        return RecommendationsError(f"the night {self.run_date} has no rows at all: nothing was published")

    def _written(self, groups: Iterable[pa.Table], folder: Path) -> list[Path]:
        """Write the groups as parts of `folder`, counting rows and following their order."""
        self.rows, self.in_order, self._last = 0, True, None
        writer = PartsWriter(folder, part_schema(self.schema), self.kind.owner)
        try:
            for group in groups:
                self._follow_order(group)
                with self._disk():
                    writer.write(group)
                self.rows += group.num_rows
            with self._disk():
                writer.close()
        except BaseException:
            writer.abandon()
            raise
        return writer.files

    @contextmanager
    def _disk(self) -> Iterator[None]:
        """Turn refusals of the disk into `WriteFailed`; an error of whoever gives the rows stays what it is."""
        try:
            yield
        except OSError as error:
            raise write_failed(self.run_date, self.folder, error) from error

    def sort(self, con: duckdb.DuckDBPyConnection) -> None:
        """Sort the rows into order if they did not come in it; the sorted parts replace the others."""
        if self.in_order:
            return
        folder = self.folder / "sorted"
        folder.mkdir()
        every = "SELECT * FROM read_parquet($files, hive_partitioning = false)"  # of a folder above called user_id=9
        staged = con.sql(every, params={"files": [str(f) for f in self.files]})
        rows = staged.order(f"{self.kind.owner}, rank").to_arrow_reader(parts.ROW_GROUP)
        unsorted, schema = self.files, part_schema(self.schema)
        self.files = self._written(
            (pa.Table.from_batches(some).cast(schema) for some in regrouped(rows, parts.ROW_GROUP)), folder
        )
        for file in unsorted:
            file.unlink()

    def reject(self) -> Path:
        """Keep the parts in a folder of another name for whoever looks into them; returns that folder."""
        kept = self.lock.with_suffix(REJECTED)
        shutil.rmtree(self.spill, ignore_errors=True)
        shutil.rmtree(kept, ignore_errors=True)
        os.replace(self.files[0].parent, kept)
        return kept

    def _follow_order(self, group: pa.Table) -> None:
        """Note whether the rows still come by (owner, rank): a night that does needs no sort."""
        if not self.in_order or group.num_rows == 0:
            return
        owner, rank = group[self.kind.owner].combine_chunks(), group["rank"].to_numpy()
        if pa.types.is_integer(owner.type):
            before, after = owner.to_numpy()[:-1], owner.to_numpy()[1:]
            falls, same = after < before, after == before
        else:
            falls = pc.less(owner.slice(1), owner.slice(0, len(owner) - 1)).to_numpy(zero_copy_only=False)
            same = pc.equal(owner.slice(1), owner.slice(0, len(owner) - 1)).to_numpy(zero_copy_only=False)
        self.in_order = not bool((falls | (same & (np.diff(rank) < 0))).any())
        if self._last is not None:
            self.in_order &= self._last <= (owner[0].as_py(), int(rank[0]))
        self._last = (owner[-1].as_py(), int(rank[-1]))


def write_failed(run_date: dt.date, path: Path, error: BaseException) -> WriteFailed:
    """The sentence for a disk that refused."""
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    return WriteFailed(
        f"the night {run_date} could not be written to {path} ({reason}): nothing was published and earlier nights "
        "stand; free space (or put the folder right) and run the night again"
    )


def _lock(handle: int, seconds: float) -> bool:
    """Take the lock, or say that it could not be taken in time.

    A writer holds it for long; a sweeper that looks whether a writer lives holds it for microseconds.
    """
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
    """Remove the staged nights of dead writers; returns the nights of living ones (ISO dates) and what was removed."""
    live: set[str] = set()
    gone: list[Path] = []
    for lock in folder.glob(f"{A_DAY}{LOCK}"):
        try:
            handle = os.open(lock, os.O_RDWR)
        except FileNotFoundError:
            continue  # its writer ended between the listing and now
        try:
            if not _lock(handle, seconds=0):
                live.add(lock.stem)
            elif _same_file(handle, lock):
                gone += [file for file in lock.with_suffix(WRITING).rglob("*") if file.is_file()]
                shutil.rmtree(lock.with_suffix(WRITING), ignore_errors=True)
                lock.unlink()
                gone.append(lock)
        finally:
            os.close(handle)
    return live, gone
