"""A task for each range of a statement's rows, on the executors; of each range exactly one result comes back."""

import secrets
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from warehouse.engine.protocol import Task
from warehouse.engine.statements import ColumnList

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame, SparkSession

TASKS_A_CORE = 3  # so that a slow executor is left with fewer of them


class Luggage:
    """A folder of which every executor gets a copy, once, whatever the number of its tasks.

    Args:
        source: the folder.
        scratch: where its archive is written.
    """

    def __init__(self, source: Path, scratch: Path) -> None:
        self.name = f"luggage-{secrets.token_hex(4)}"
        self._archive = Path(shutil.make_archive(str(scratch / self.name), "zip", source))

    def send(self, spark: "SparkSession") -> None:
        """Give it to the executors."""
        spark.sparkContext.addArchive(f"{self._archive}#{self.name}")


def map_partitions(
    spark: "SparkSession", frame: "DataFrame", by: str, order: ColumnList, task: Task, luggage: Luggage
) -> list[str]:
    """Divide a frame into ranges of `by`, sort each by `order`, and run the task on each; see Database.map_groups.

    The results are those of the attempts that Spark counts as done, whatever else was tried.
    """
    from pyspark.sql.functions import col

    luggage.send(spark)
    name = luggage.name

    def run(batches: "Iterable[pa.RecordBatch]") -> "Iterator[pa.RecordBatch]":
        import pyarrow as pa
        from pyspark import SparkFiles, TaskContext

        part = TaskContext.get().partitionId()
        result = task(iter(batches), Path(SparkFiles.get(name)))
        yield pa.record_batch({"part": pa.array([part], pa.int32()), "result": pa.array([result], pa.string())})

    tasks = TASKS_A_CORE * spark.sparkContext.defaultParallelism
    sorting = [col(column).asc_nulls_last() for column in order.names]
    divided = frame.repartitionByRange(tasks, by).sortWithinPartitions(*sorting)
    found = divided.mapInArrow(run, "part INT, result STRING").toArrow().to_pylist()
    return [row["result"] for row in sorted(found, key=lambda row: row["part"])]
