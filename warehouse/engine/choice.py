"""The engine that the settings choose. Nothing is started, and neither engine is loaded before it opens."""

from collections.abc import Mapping
from pathlib import Path

from warehouse.engine.duckdb_engine import DuckDBEngine
from warehouse.engine.protocol import Engine
from warehouse.engine.spark.spark_engine import SparkEngine
from warehouse.values import one_of

KINDS = ("duckdb", "spark")


def engine_of(
    kind: str, scratch: Path, *, memory_limit: str, threads: int, url: str = "", spark: Mapping[str, str] | None = None
) -> Engine:
    """An engine of a kind.

    Args:
        kind: one of KINDS.
        scratch: where it spills; below the data folder, since executors of Spark see that.
        memory_limit: of DuckDB.
        threads: of DuckDB; 0 for as many as there are cores.
        url: of Spark's master.
        spark: settings of Spark, by name.

    Raises:
        ValueError: the kind is none, or a setting cannot be meant.
    """
    one_of("kind", kind, KINDS)
    if kind == "spark":
        return SparkEngine(url, scratch, dict(spark or {}))
    if url or spark:
        raise ValueError('url and [engine.spark] are for kind = "spark": set it, or remove them')
    return DuckDBEngine(memory_limit=memory_limit, threads=threads or None, temp_directory=scratch)
