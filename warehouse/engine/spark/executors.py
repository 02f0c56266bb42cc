"""Jobs for which no executor comes: Spark itself would wait for ever."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from warehouse.engine.errors import DataError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

WAIT_SECONDS = 300.0


@contextmanager
def not_for_ever(spark: "SparkSession", url: str) -> Iterator[None]:
    """Cancel the jobs of the block where no executor has come after WAIT_SECONDS.

    Raises:
        DataError: none came.
    """
    context = spark.sparkContext._jsc.sc()
    in_vain = threading.Event()

    def look() -> None:
        if not context.isLocal() and context.getExecutorMemoryStatus().size() <= 1:  # this process is one of them
            in_vain.set()
            context.cancelAllJobs()

    watch = threading.Timer(WAIT_SECONDS, look)
    watch.daemon = True
    watch.start()
    try:
        yield
    except Exception as error:
        if not in_vain.is_set():
            raise
        raise DataError(
            f"no executor of Spark came in {WAIT_SECONDS:g} s at {url}: start workers there, or ask for no more than "
            f"one has, by 'spark.executor.memory' and 'spark.executor.cores' in [engine.spark]; nothing was changed"
        ) from error
    finally:
        watch.cancel()
