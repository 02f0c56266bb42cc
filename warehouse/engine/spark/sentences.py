"""What goes wrong with Spark, said in a sentence."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from warehouse.engine.errors import DataError, StatementRefused

JAVA = "Spark needs Java 17: install it (apt-get install openjdk-17-jre-headless), or set JAVA_HOME to where it lies"
PYSPARK = "engine kind 'spark' needs pyspark: pip install 'gru4rec-nightly[spark]'"


@contextmanager
def spark_sentences() -> Iterator[None]:
    """Turn errors that a person can mend into DataError, and a statement without sense into StatementRefused.

    Other errors of Spark stay what they are.
    """
    from py4j.protocol import Py4JError
    from pyspark.errors import AnalysisException, ParseException, PySparkException

    try:
        yield
    except (ParseException, AnalysisException) as error:
        if "PARQUET_TYPE" in str(error):
            raise DataError(
                f"a raw file has a column of a type that Spark cannot read ({_first_line(error)}): write it as text, "
                f"as whole numbers or as times; nothing was changed"
            ) from error
        raise StatementRefused(_first_line(error)) from error
    except (PySparkException, Py4JError) as error:
        said = sentence(str(error))
        if said is None:
            raise
        raise DataError(said) from error


def sentence(text: str) -> str | None:
    """What a person can do about an error that Spark tells in this text; None where that is nothing."""
    lost = re.search(r"ModuleNotFoundError: No module named '([\w.]+)'", text)
    if lost:
        return (
            f"an executor of Spark has no Python package {lost[1]!r}: install gru4rec-nightly[spark] there, and name "
            f"that Python as 'spark.pyspark.python' in [engine.spark]; nothing was changed"
        )
    if "PYTHON_VERSION_MISMATCH" in text or "Python in worker has different version" in text:
        return (
            "an executor of Spark runs another version of Python than this machine: name the right one as "
            "'spark.pyspark.python' in [engine.spark]; nothing was changed"
        )
    if re.search(r"Cannot run program .*(No such file|error=2)", text):
        return (
            "an executor of Spark finds no Python: name one that lies there as 'spark.pyspark.python' in "
            "[engine.spark]; nothing was changed"
        )
    if "No space left on device" in text:
        return "a disk of Spark is full: free some space and run again; nothing was changed"
    if "OutOfMemoryError" in text or "ExecutorLostFailure" in text:
        return (
            "an executor of Spark died, or has too little memory: raise 'spark.executor.memory' in [engine.spark]; "
            "nothing was changed"
        )
    if re.search(r"FileNotFoundException|FAILED_READ_FILE|Could not read footer|CANNOT_READ_FILE_FOOTER", text):
        return f"a file cannot be read by Spark; nothing was changed ({_file_line(text)})"
    if re.search(
        r"stopped SparkContext|SparkContext (has been|was) (stopped|shut down)|All masters are unresponsive", text
    ):
        return "Spark stopped while it was at work: look at its master and run again; nothing was changed"
    return None


def _file_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if "File" in line or "FILE" in line]
    return (lines or [_first_line(text)])[0][:300]


def _first_line(error: object) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
