"""Raw logs made by hand, and the whole way from them to sessions in one call."""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from warehouse.config import EventsConfig, SessionsConfig
from warehouse.engine.duckdb_engine import DuckDBEngine
from warehouse.layout import Layout
from warehouse.steps.events.ingest import ingest_day
from warehouse.steps.sessions.build import build_sessions

DAY = date(2024, 3, 1)


def at(text: str, day: date = DAY) -> datetime:
    """A UTC time: "12:30", "12:30:05", or with a day, "2024-03-02 00:10"."""
    return datetime.fromisoformat(text if "-" in text else f"{day} {text}").replace(tzinfo=UTC)


@pytest.fixture
def engine(tmp_path: Path) -> DuckDBEngine:
    return DuckDBEngine(memory_limit="500MB", threads=1, temp_directory=tmp_path / "spill")


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path / "data")


class Shop:
    """A layout with helpers to fill and read it."""

    def __init__(self, layout: Layout, engine: DuckDBEngine) -> None:
        self.layout, self.engine = layout, engine

    def raw(self, day: date | str, table: pa.Table | dict[str, Any], name: str = "part.parquet") -> Path:
        path = self.layout.raw_events(day) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table if isinstance(table, pa.Table) else pa.table(table), path)
        return path

    def rows(self, day: date | str, rows: Sequence[tuple], names: str = "user_id item_id timestamp", **kw: Any) -> Path:
        columns = names.split()
        return self.raw(day, {c: [row[i] for row in rows] for i, c in enumerate(columns)}, **kw)

    def ingest(self, *days: date | str, **config: Any) -> list[Any]:
        return [ingest_day(self.engine, self.layout, day, EventsConfig(**config)) for day in days]

    def sessions(self, day: date | str, **config: Any) -> Any:
        loose = {"min_session_length": 1, "min_item_support": 1}
        return build_sessions(self.engine, self.layout, day, SessionsConfig(**{**loose, **config}))

    def table(self, name: str, day: date | str) -> list[tuple]:
        return [tuple(row.values()) for row in pq.read_table(self.layout.partition(name, day)).to_pylist()]


@pytest.fixture
def shop(layout: Layout, engine: DuckDBEngine) -> Shop:
    return Shop(layout, engine)


@pytest.fixture
def clock() -> Callable[..., datetime]:
    return at
