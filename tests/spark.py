"""Spark for tests: one small session a process, both engines as a parameter, and what is missing to run it."""

import importlib.util
import shutil
from pathlib import Path

import pytest

from warehouse.engine.spark.spark_engine import SparkEngine

MISSING = [
    name
    for name, there in {
        "Java 17": shutil.which("java"),
        "pyspark": importlib.util.find_spec("pyspark"),
    }.items()
    if not there
]
ENGINES = ("duckdb", pytest.param("spark", marks=pytest.mark.spark))  # for the fixture `engine`

# Little data: one partition, nothing compiled that runs once, no second look at plans.
SMALL = {
    "spark.driver.memory": "768m",
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.executor.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
    "spark.sql.shuffle.partitions": "1",
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.adaptive.enabled": "false",
    "spark.rdd.compress": "false",
    "spark.shuffle.compress": "false",
}


def small_spark(folder: Path) -> SparkEngine:
    """An engine in this process, whose session all tests share."""
    return SparkEngine("local[2,3]", folder, SMALL)
