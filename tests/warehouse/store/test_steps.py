"""Every step with its tables in an object store leaves the rows, their order and types that it leaves on a disk."""

import shutil
from datetime import date, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.object_store import ObjectStore, say_where
from tests.spark import ENGINES, small_spark
from warehouse.config import SessionsConfig, SplitsConfig
from warehouse.engine.duckdb_engine import DuckDBEngine
from warehouse.engine.protocol import Engine
from warehouse.layout import Layout
from warehouse.sources.shop.generate import generate
from warehouse.steps.contexts.audience import audience
from warehouse.steps.contexts.build import contexts
from warehouse.steps.contexts.shelf import shelf
from warehouse.steps.contexts.traits import traits
from warehouse.steps.events.calendar import calendar
from warehouse.steps.events.ingest import ingest_days
from warehouse.steps.items.ingest import ingest_items
from warehouse.steps.sessions.build import build_sessions
from warehouse.steps.splits.build import build_splits

DAYS = 3
TABLES = ("events", "rejected_events", "items", "sessions", "splits")


@pytest.mark.parametrize("kind", [pytest.param("duckdb", marks=pytest.mark.slow), ENGINES[1]])
def test_every_step_gives_the_same_in_a_store_as_on_a_disk(
    kind: str, object_store: ObjectStore, duckdb_engine: DuckDBEngine, spark_scratch: Path, tmp_path: Path
) -> None:
    engine: Engine = small_spark(spark_scratch) if kind == "spark" else duckdb_engine
    local, stored, elsewhere = (Layout(tmp_path / name) for name in ("local", "stored", "elsewhere"))
    generate(local, 2_000, seed=3, n_items=60, days=DAYS)
    shutil.copytree(local.raw, stored.raw)
    address = object_store.address()
    for layout in (stored, elsewhere):
        say_where(layout.root, address)
    found = [night(engine, duckdb_engine, layout) for layout in (local, stored)]
    assert found[0] == found[1]
    for table in TABLES:
        assert local.days(table) == stored.days(table) == elsewhere.days(table) != []
        assert not (stored.root / table).exists()
        for day in local.days(table):
            expected = pq.read_table(local.files(table, day))
            for layout in (stored, elsewhere):
                assert pq.read_table(layout.files(table, day)).equals(expected, check_metadata=True), (table, day)


def night(engine: Engine, local_engine: DuckDBEngine, layout: Layout) -> list[object]:
    """Run the steps; what they report, and the tables that they do not write."""
    days = layout.raw_days()
    last: date = days[-1]
    found: list[object] = [*ingest_days(engine, layout, days), ingest_items(layout, last)]
    found.append(build_sessions(engine, layout, last, SessionsConfig(min_item_support=1)))
    found.append(build_splits(engine, layout, last, SplitsConfig()))
    found.append(calendar(layout, last - timedelta(days=30), last))
    found += [audience(engine, layout, last, 30), pa.Table.from_batches(contexts(engine, layout, last)).to_pydict()]
    left = shelf(local_engine, layout, last, "item_id < 20").allow
    return [*found, left.to_pylist(), traits(local_engine, layout, last).to_pydict()]
