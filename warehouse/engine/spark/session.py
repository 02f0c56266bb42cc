"""The one Spark session of this process: started when it is first needed, with settings under which SQL means the same.

Everything that could make a statement mean something else than in DuckDB is set here, and a shop's own settings cannot
change it.
"""

import atexit
import os
import shutil
import socket
import sys
import tempfile
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from warehouse.engine.errors import DataError
from warehouse.engine.spark.sentences import JAVA, PYSPARK

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

# Under these, a statement gives the rows that DuckDB gives, and files are those that the steps expect.
MEANING = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "true",
    "spark.sql.caseSensitive": "true",
    "spark.sql.variable.substitute": "false",
    "spark.sql.legacy.parquet.nanosAsLong": "true",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    "spark.sql.parquet.compression.codec": "zstd",
    "spark.sql.parquet.mergeSchema": "true",
    "spark.sql.files.ignoreMissingFiles": "false",
    "spark.sql.files.ignoreCorruptFiles": "false",
    "spark.hadoop.mapreduce.fileoutputcommitter.marksuccessfuljobs": "false",
    "spark.hadoop.fs.file.impl": "org.apache.hadoop.fs.RawLocalFileSystem",
}
# What is used where the settings do not say otherwise.
USUAL = {
    "spark.app.name": "gru4rec-nightly",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.log.level": "ERROR",
    "spark.pyspark.python": sys.executable,
    "spark.sql.execution.arrow.maxRecordsPerBatch": "65536",
    "spark.sql.warehouse.dir": tempfile.gettempdir(),  # unused: by default a folder in the working directory is made
}
CONNECT_SECONDS = 10

_running: dict[str, Any] = {}  # "session" and what was "wanted" of it
_one_at_a_time = threading.Lock()


def session(url: str, settings: Mapping[str, str]) -> "SparkSession":
    """The session of this process, started anew where another master or other settings are asked for.

    Raises:
        DataError: pyspark or Java is missing, or the master cannot be reached; the sentence says what to do.
    """
    wanted = (url, {**USUAL, **settings, **MEANING})
    with _one_at_a_time:
        if _running.get("wanted") != wanted or _running["session"].sparkContext._jsc.sc().isStopped():
            _start(wanted)
        return _running["session"].newSession()


def _start(wanted: tuple[str, dict[str, str]]) -> None:
    try:
        from pyspark.sql import SparkSession
    except ImportError:
        raise DataError(PYSPARK) from None
    url, settings = wanted
    _ask_for_java()
    _ask_for_master(url)
    stop()
    os.environ["PYSPARK_PYTHON"] = settings["spark.pyspark.python"]  # a session reads it here, not in its settings
    builder = SparkSession.builder.master(url)
    for name, value in settings.items():
        builder = builder.config(name, value)
    try:
        started = builder.getOrCreate()
    except Exception as error:
        raise DataError(f"Spark did not start with url {url!r}: {_reason(error)}") from error
    _running.update(session=started, wanted=wanted)
    atexit.register(stop)


def stop() -> None:
    """Stop the session of this process, where there is one: its executors are free then."""
    if _running:
        atexit.unregister(stop)
        _running.pop("session").stop()
        _running.clear()


def _ask_for_java() -> None:
    home = os.environ.get("JAVA_HOME")
    if not (Path(home, "bin", "java").is_file() if home else shutil.which("java")):
        raise DataError(JAVA)


def _ask_for_master(url: str) -> None:
    """DataError where nobody listens at the address of a master: Spark itself would try for minutes."""
    if not url.startswith("spark://"):
        return
    refusals = []
    for address in url.removeprefix("spark://").split(","):
        place = urlsplit(f"//{address}")
        try:
            socket.create_connection((place.hostname or "", place.port or 7077), CONNECT_SECONDS).close()
        except (OSError, ValueError) as error:
            refusals.append(f"{address}: {error}")
        else:
            return
    raise DataError(
        f"no master of Spark answers at {url} ({'; '.join(refusals)}): start it, or correct url in [engine]; nothing "
        f"was changed"
    )


def _reason(error: Exception) -> str:
    """The line of an error that tells most: the innermost cause that Java gives, else the first line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    causes = [line for line in lines if line.startswith(("Caused by:", ": "))]
    return (causes or lines or [type(error).__name__])[-1 if causes else 0].removeprefix(": ")[:300]
