"""DuckDB, the default engine: one process, one machine, a memory limit that it keeps by spilling to disk.

This is the one place that opens DuckDB; every limit and setting of a connection comes from here.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from warehouse.engine.duckdb_database import DuckDBDatabase
from warehouse.engine.spill import spill_folder, unused_folder
from warehouse.values import a_memory_size, whole

if TYPE_CHECKING:
    import duckdb


@dataclass(frozen=True)
class DuckDBEngine:
    """DuckDB's settings: a memory limit, a number of threads and a folder to spill to.

    An engine keeps no connection. Each one is in memory, with no file of its own: what stays is parquet.

    Args:
        memory_limit: like 2GB or 500MB.
        threads: None for all cores that this process may use.
        temp_directory: made when needed; by default the system's temporary folder.
    """

    memory_limit: str = "2GB"
    threads: int | None = None
    temp_directory: Path | str | None = None

    def __post_init__(self) -> None:
        a_memory_size("memory_limit", self.memory_limit)
        if self.threads is not None:
            whole("threads", self.threads, 1, 1024)

    @property
    def days_at_once(self) -> int:
        """One: it takes all threads, and the memory limit holds for each database."""
        return 1

    @contextmanager
    def open(self) -> Iterator[DuckDBDatabase]:
        """A database for one step; errors that a person can mend come out as DataError."""
        with spill_folder(self.temp_directory) as spill, self.connect(spill) as connection:
            yield DuckDBDatabase(connection, spill)

    def connect(self, spill: Path | None = None) -> "duckdb.DuckDBPyConnection":
        """A plain connection within the engine's limits, in UTC. Close it, or use it as a context manager.

        Args:
            spill: the folder to spill to, made and removed by DuckDB when it needs one. By default a folder of this
                connection's own below `temp_directory`.
        """
        import duckdb

        connection = duckdb.connect(
            config={
                "memory_limit": self.memory_limit,
                "threads": self.threads or _cores(),
                "temp_directory": str(spill or unused_folder(self.temp_directory)),
                "autoinstall_known_extensions": False,
            }
        )
        connection.execute("SET TimeZone = 'UTC'")
        return connection


def fileless_connection() -> "duckdb.DuckDBPyConnection":
    """A connection that can reach no file and whose settings are locked, for judging statements that do not run.

    All of a process share one database: making one takes longer than judging a statement.
    """
    return _fileless().cursor()


@cache
def _fileless() -> "duckdb.DuckDBPyConnection":
    import duckdb

    return duckdb.connect(config={"threads": 1, "enable_external_access": False, "lock_configuration": True})


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
