"""Spark for tests: one small session a process, and the reason to skip where Spark cannot run."""

import importlib.util
import shutil
from pathlib import Path

import pytest

from warehouse.engine.spark.spark_engine import SparkEngine

_MISSING = [
    name
    for name, there in {
        "Java 17": shutil.which("java"),
        "pyspark": importlib.util.find_spec("pyspark"),
    }.items()
    if not there
]
needs_spark = pytest.mark.skipif(bool(_MISSING), reason=f"Spark needs {' and '.join(_MISSING)}, which is not here")

# Little data: one partition, no compiling of queries that run once, no second look at their plans.
SMALL = {
    "spark.driver.memory": "768m",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.sql.shuffle.partitions": "2",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.adaptive.enabled": "false",
    "spark.rdd.compress": "false",
    "spark.shuffle.compress": "false",
}


def small_spark(folder: Path) -> SparkEngine:
    """An engine in this process, whose session all tests share."""
    return SparkEngine("local[2,3]", folder, SMALL)
