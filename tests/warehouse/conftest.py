"""Raw logs made by hand and the way from them to sessions in one call; a small table of nights."""

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.spark import small_spark
from warehouse import recommendations as table
from warehouse.config import EventsConfig, SessionsConfig
from warehouse.engine.duckdb_engine import DuckDBEngine
from warehouse.engine.protocol import Engine
from warehouse.layout import Layout
from warehouse.steps.events.ingest import ingest_days
from warehouse.steps.sessions.build import build_sessions

DAY = date(2024, 3, 1)


def at(text: str, day: date = DAY) -> datetime:
    """A UTC time: "12:30", "12:30:05", or with a day, "2024-03-02 00:10"."""
    return datetime.fromisoformat(text if "-" in text else f"{day} {text}").replace(tzinfo=UTC)


@pytest.fixture
def duckdb_engine(tmp_path: Path) -> DuckDBEngine:
    return DuckDBEngine(memory_limit="500MB", threads=1, temp_directory=tmp_path / "spill")


@pytest.fixture(scope="session")
def spark_scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all tests: each new one is tried out with the executors first."""
    return tmp_path_factory.mktemp("spark")


@pytest.fixture
def engine(request: pytest.FixtureRequest, duckdb_engine: DuckDBEngine, spark_scratch: Path) -> Engine:
    """DuckDB, or the engine that a parameter of ENGINES names; the tests of steps run on each."""
    return small_spark(spark_scratch) if getattr(request, "param", "duckdb") == "spark" else duckdb_engine


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return Layout(tmp_path / "data")


class Shop:
    """A layout with helpers to fill and read it."""

    def __init__(self, layout: Layout, engine: Engine) -> None:
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
        """Any share of rows may be rejected, unless `config` says otherwise."""
        loose = {"max_rejected_share": 1.0}
        return list(ingest_days(self.engine, self.layout, days, EventsConfig(**{**loose, **config})))

    def sessions(self, day: date | str, **config: Any) -> Any:
        loose = {"min_session_length": 1, "min_item_support": 1}
        return build_sessions(self.engine, self.layout, day, SessionsConfig(**{**loose, **config}))

    def table(self, name: str, day: date | str) -> list[tuple]:
        return [tuple(row.values()) for row in pq.read_table(self.layout.files(name, day)).to_pylist()]

    def bytes(self, name: str, day: date | str) -> list[bytes]:
        return [file.read_bytes() for file in self.layout.files(name, day)]


@pytest.fixture
def shop(layout: Layout, engine: Engine) -> Shop:
    return Shop(layout, engine)


@pytest.fixture
def clock() -> Callable[..., datetime]:
    return at


# Nights: 30 users, 5 items each out of a catalogue of 50.
N, USERS, CATALOGUE = 5, 30, 50
NIGHT = dt.date(2026, 1, 10)


def make_rows(
    users: Any = range(USERS), n: int = N, seed: int = 0, model: str = "GRU4Rec", text: bool = False
) -> pa.Table:
    """n distinct items of the catalogue for each user, scores falling with the rank."""
    rng = np.random.default_rng(seed)
    users = list(users)
    items = np.concatenate([rng.permutation(CATALOGUE)[:n] for _ in users])
    ids = [str(i) for i in items] if text else items
    return pa.table(
        {
            "user_id": pa.array([str(u) if text else u for u in users for _ in range(n)]),
            "rank": pa.array(list(range(1, n + 1)) * len(users), pa.int16()),
            "item_id": pa.array(ids),
            "score": pa.array(np.tile(np.linspace(3, 1, n), len(users)), pa.float32()),
            "probability": pa.array(np.tile(np.linspace(0.2, 0.1, n), len(users)), pa.float32()),
            "model": pa.array([model] * n * len(users)),
            "context_length": pa.array([0 if model == "popularity" else 3] * n * len(users), pa.int16()),
        }
    )


@pytest.fixture
def nights(tmp_path: Path, nights_below: Callable[[Path], SimpleNamespace]) -> SimpleNamespace:
    """`layout`; `publish(day offset, rows, **)`; `rows(...)` makes a night; `files()` lists the disk; `day(offset)`."""
    return nights_below(tmp_path / "data")


@pytest.fixture(scope="session")
def nights_below() -> Callable[[Path], SimpleNamespace]:
    """What `nights` gives, below a folder that the test names."""
    return _nights


def _nights(root: Path) -> SimpleNamespace:
    layout = Layout(root)

    def publish(day: int = 0, rows: pa.Table | None = None, **options: Any) -> table.Published:
        rows = make_rows(seed=day) if rows is None else rows
        expected = options.pop("expected", None)
        facts = options.pop("facts", table.NightFacts(7, "run7", dt.datetime(2026, 1, 11, 2, 0, tzinfo=dt.UTC)))
        if expected is None:
            catalogue = pa.array(range(CATALOGUE)).cast(rows.schema.field("item_id").type)
            expected = table.Expected(n=N, users=len(set(rows["user_id"].to_pylist())), items=catalogue)
        batches: Iterator[pa.RecordBatch] = iter(rows.to_batches(max_chunksize=17))
        return table.publish(layout, NIGHT + dt.timedelta(days=day), batches, facts, expected, **options)

    def files() -> set[str]:
        return {str(file.relative_to(layout.root)) for file in layout.root.rglob("*") if file.is_file()}

    return SimpleNamespace(
        layout=layout, publish=publish, rows=make_rows, files=files, day=lambda d: NIGHT + dt.timedelta(days=d)
    )


@pytest.fixture
def content() -> Callable[..., list[tuple]]:
    """The rows of a night as tuples, in the order that they are read."""

    def read(where: Any, run_date: dt.date) -> list[tuple]:
        rows = table.night(where, run_date).to_arrow(["user_id", "rank", "item_id", "score"])
        return list(zip(*rows.to_pydict().values(), strict=True))

    return read


@pytest.fixture(scope="session")
def a_night() -> pa.Table:
    """The rows of one good night."""
    return make_rows(seed=1)
