"""Whole nights from the shell with tables and deliveries in an object store, beside the same nights on a disk."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable

from pipelines.shell.check import TABLES
from tests.object_store import ObjectStore, say_where
from warehouse import recommendations
from warehouse.layout import Layout
from warehouse.sources.shop.generate import generate

NIGHTS = ("2026-01-07", "2026-01-08")
OWN = ("model_version", "mlflow_run_id", "generated_at")  # of each night that runs

SETTINGS = """
[partitions]
first_day = "2026-01-01"
last_day = "2026-01-08"
[model]
preset = "rsc15"
threads = 1
[model.overrides]
hidden_size = 16
epochs = 1
batch_size = 32
[evaluation]
baselines = ["popularity"]
bootstrap = 100
[recommendations]
n = 10
allow = "item_id < 100"
[mlflow]
system_metrics = false
"""


def same_days(one: Layout, other: Layout) -> None:
    """Every daily table has the same days and rows in both."""
    for table in TABLES:
        assert one.days(table) == other.days(table) != [], table
        for day in one.days(table):
            expected, found = (pq.read_table(each.files(table, day)) for each in (one, other))
            assert found.equals(expected), (table, day)


@pytest.mark.slow
def test_nights_in_a_store_equal_nights_on_a_disk(
    object_store: ObjectStore,
    tmp_path: Path,
    fresh_mlflow: Callable[[Path], None],
    environment: Callable[[Path, Path], dict[str, str]],
) -> None:
    local, stored, elsewhere = (Layout(tmp_path / name) for name in ("local", "stored", "elsewhere"))
    generate(local, 6_000, seed=3, n_items=150, days=8)
    (local.root / "pipeline.toml").write_text(SETTINGS)
    fresh_mlflow(local.root)
    shutil.copytree(local.root, stored.root)
    address, deliveries = object_store.address(), object_store.address(folder="deliveries/shop")
    for file in (path for path in stored.raw.rglob("*") if path.is_file()):
        object_store.put(deliveries, file.relative_to(stored.raw).as_posix(), file.read_bytes())
    shutil.rmtree(stored.raw)
    for layout in (stored, elsewhere):
        say_where(layout.root, address, deliveries)

    def shell(layout: Layout, *words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "pipelines", *words],
            env=environment(layout.root, tmp_path / f"home-{layout.root.name}"),
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    for night in NIGHTS:
        for layout in (local, stored):
            shell(layout, "night", "--date", night)
        shutil.rmtree(stored.root / ".copies")
    same_days(local, elsewhere)
    assert not [table for table in TABLES if (stored.root / table).exists()]
    for night in NIGHTS:
        expected, found = (recommendations.night(one, date.fromisoformat(night)).to_arrow() for one in (local, stored))
        assert found.drop_columns(list(OWN)).equals(expected.drop_columns(list(OWN)))
    for table in ("recommendations", "similar_items"):
        there = DeltaTable(f"{address.partition('?')[0]}/{table}", storage_options=object_store.options)
        here = DeltaTable(stored.root / table)
        assert there.version() == here.version()
        assert there.to_pyarrow_table().num_rows == here.to_pyarrow_table().num_rows > 0
    user = found["user_id"][0].as_py()
    best = recommendations.for_user(stored, user, 5)
    assert best == recommendations.for_user(local, user, 5)
    assert all(one["title"] for one in best)
    assert shell(stored, "check").startswith("0 problem(s)")
