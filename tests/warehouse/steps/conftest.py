"""Every step runs on both engines: DuckDB, and Spark where Java and pyspark are there (some seconds a test: slow)."""

from pathlib import Path

import pytest

from tests.spark import needs_spark, small_spark
from warehouse.engine.protocol import Engine


@pytest.fixture(params=["duckdb", pytest.param("spark", marks=[needs_spark, pytest.mark.slow])])
def engine(request: pytest.FixtureRequest, tmp_path: Path, duckdb_engine: Engine) -> Engine:
    return duckdb_engine if request.param == "duckdb" else small_spark(tmp_path / "spill")
