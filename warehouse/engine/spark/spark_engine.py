"""Spark as an engine: many machines that see one file system, under one path."""

import re
import shutil
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from warehouse.engine.errors import DataError
from warehouse.engine.spark.executors import not_for_ever
from warehouse.engine.spark.files import address
from warehouse.engine.spark.sentences import spark_sentences
from warehouse.engine.spark.session import MEANING, session
from warehouse.engine.spark.spark_database import SparkDatabase
from warehouse.engine.spill import spill_folder

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_NOT_THERE = re.compile("PATH_NOT_FOUND|FileNotFound|FAILED_READ_FILE|Mkdirs failed|Permission denied|No such file")
_PROBES = 8  # tasks that each write a file; on a cluster of fewer machines every one of them writes one
_probed: set[tuple[str, str, str]] = set()  # application, master and folder
_one_probe = threading.Lock()  # of several days that begin at once, one probes for all


@dataclass(frozen=True)
class SparkEngine:
    """A master of Spark, its settings, and a folder that every machine sees under the same path.

    Args:
        url: of the master, like spark://host:7077, local[2] or local-cluster[2,1,2048].
        temp_directory: where statements spool their rows; below the data folder, for executors write there. They run as
            the user that runs this process.
        settings: of Spark, by name; those that decide what SQL means are fixed.

    Raises:
        ValueError: a setting would change what SQL means.
    """

    url: str
    temp_directory: Path
    settings: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.url:
            raise ValueError("url is empty: name the master of Spark, like spark://host:7077 or local[2]")
        fixed = sorted(set(self.settings) & {"spark.master", *MEANING})
        if fixed:
            raise ValueError(f"{fixed[0]} cannot be set in [engine.spark]: the engine sets it")

    @property
    def days_at_once(self) -> int:
        """Several: while this process plans the statements of one day, executors work on others."""
        return 4

    @contextmanager
    def open(self) -> Iterator[SparkDatabase]:
        """A database for one step; errors that a person can mend come out as DataError.

        The session stays for the next step of this process.
        """
        spark = session(self.url, self.settings)
        # A folder of this machine's own: whether a process still runs, only its own machine knows.
        with spill_folder(self.temp_directory / f"spark-{socket.gethostname()}") as spill:
            with _one_probe, spark_sentences(), not_for_ever(spark, self.url):
                self._probe(spark, spill / "probe")
            yield SparkDatabase(spark, spill)

    def _probe(self, spark: "SparkSession", folder: Path) -> None:
        """DataError unless executors see what this process writes, and this process what they write."""
        place = (str(spark.sparkContext.applicationId), self.url, str(self.temp_directory))
        if place in _probed:
            return
        seen = folder.with_name("seen")
        seen.write_text("\n".join("x" * _PROBES), encoding="utf-8")
        try:
            read = spark.read.text(address(seen)).count()
            spark.range(0, _PROBES, 1, _PROBES).write.parquet(f"file:{folder.absolute()}")
        except Exception as error:
            if _NOT_THERE.search(str(error)):
                raise _unshared(self.temp_directory) from error
            raise
        if read != _PROBES or len(list(folder.glob("part-*"))) != _PROBES:
            raise _unshared(self.temp_directory)
        shutil.rmtree(folder)
        _probed.add(place)


def _unshared(folder: Path) -> DataError:
    return DataError(
        f"the executors of Spark do not see {folder} as this machine does: let the data folder lie on storage that all "
        f"machines mount under the same path; nothing was changed"
    )
