"""Every step runs on both engines."""

from pathlib import Path

import pytest

from tests.spark import ENGINES, small_spark
from warehouse.engine.protocol import Engine


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest, duckdb_engine: Engine, spark_scratch: Path) -> Engine:
    return small_spark(spark_scratch) if request.param == "spark" else duckdb_engine
