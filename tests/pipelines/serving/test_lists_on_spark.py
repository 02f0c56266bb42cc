"""Lists that Spark's executors make are those of this process, whichever attempt of a task counts."""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gru4rec.config.options import Config
from gru4rec.data.dataset import Dataset
from gru4rec.data.sessions import Sessions
from gru4rec.data.vocabulary import Vocabulary
from gru4rec.serving.recommend import Recommender
from gru4rec.storage.checkpoint import save
from gru4rec.training.fit import FitOptions, fit
from pipelines.serving.scoring import ListsOfGroup, Rules
from tests.spark import SMALL, small_spark
from warehouse import recommendations as table
from warehouse.config import ContextConfig
from warehouse.engine.duckdb_engine import DuckDBEngine
from warehouse.engine.protocol import Engine
from warehouse.engine.spark.spark_engine import SparkEngine
from warehouse.layout import Layout
from warehouse.recommendations.publishing.staging import staging_folder
from warehouse.steps.contexts.build import contexts, map_contexts

DAY = date(2026, 1, 8)
N, USERS, ITEMS = 10, 200, 60
FACTS = table.NightFacts(1, "run", datetime(2026, 1, 9, tzinfo=UTC))


@pytest.fixture(scope="module", autouse=True)
def _tasks_travel_whole() -> Iterator[None]:
    """The tasks of this file reach processes that cannot import it."""
    if find_spec("pyspark") is None:
        yield
        return
    from pyspark import cloudpickle

    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    yield
    cloudpickle.unregister_pickle_by_value(sys.modules[__name__])


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """A day of events of users with strange names, one of whom met unknown items only, and a small model."""
    root = tmp_path_factory.mktemp("shop")
    layout = Layout(root / "data")
    rng = np.random.default_rng(0)
    users = np.repeat(np.arange(USERS), rng.integers(1, 6, USERS))
    items = rng.integers(0, ITEMS, len(users))
    items[users == 7] = 5000
    events = pa.table(
        {
            "user_id": [f"u'{user}\\" for user in users],
            "item_id": items,
            "timestamp": pa.array(
                (np.datetime64(DAY, "us") + np.arange(len(users)) * np.timedelta64(1, "s")), pa.timestamp("us", "UTC")
            ),
        }
    ).sort_by([(name, "ascending") for name in ("user_id", "timestamp", "item_id")])
    path = layout.partition("events", DAY)
    path.parent.mkdir(parents=True)
    pq.write_table(events, path)
    known = events.filter(pa.array(events["item_id"].to_numpy() < ITEMS)).rename_columns(
        ["session_id", "item_id", "timestamp"]
    )
    vocabulary = Vocabulary.build(pa.chunked_array([pa.array(range(ITEMS))]))
    config = Config().override({"hidden_size": 16, "epochs": 1, "batch_size": 16, "n_sample": 16})
    result = fit(Dataset(Sessions.from_table(known, vocabulary), vocabulary), config, FitOptions(device="cpu"))
    save(root / "model", result.model, config, {"temperature": 1.3})
    return SimpleNamespace(layout=layout, model=root / "model", expected=table.Expected(N, USERS, vocabulary.ids))


Task = Callable[[Iterator[pa.RecordBatch], Path], str]
RULES = Rules(N, True, None, pa.array([3, 4]), explain=False)


def publish_on(
    engine: Engine,
    shop: SimpleNamespace,
    where: Path,
    around: Callable[[Any], Task] = lambda task: task,
    rules: Rules = RULES,
) -> table.Published:
    return table.publish_groups(
        where,
        DAY,
        lambda write: map_contexts(
            engine, shop.layout, DAY, ContextConfig(), around(ListsOfGroup(rules, write)), shop.model
        ),
        FACTS,
        shop.expected,
    )


def rows(where: Path) -> pa.Table:
    return table.night(where, DAY).to_arrow()


def same(where: Path, other: Path) -> None:
    """Every id, rank and context length; scores nearly, for products of other shapes are rounded otherwise."""
    one, two = rows(where), rows(other)
    assert one.schema == two.schema
    for name in one.schema.names:
        if name in ("score", "probability"):
            np.testing.assert_allclose(one[name].to_numpy(), two[name].to_numpy(), atol=1e-5)
        else:
            assert one[name].equals(two[name]), name
    assert len(one) == N * USERS


def clean(where: Path) -> None:
    """No file but those of the night lies in the table or beside it."""
    shown = {Path(file) for file in table.night(where, DAY).files}
    assert {file for file in where.rglob("*.parquet") if "_delta_log" not in file.parts} == shown
    assert not list(staging_folder(where).iterdir())


@pytest.fixture(scope="module")
def local(shop: SimpleNamespace, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The table that DuckDB and this process make."""
    return publish_stream(shop, tmp_path_factory.mktemp("local"), RULES)


def publish_stream(shop: SimpleNamespace, folder: Path, rules: Rules) -> Path:
    where = folder / "recommendations"
    engine = DuckDBEngine(threads=1, temp_directory=folder)
    with contexts(engine, shop.layout, DAY, ContextConfig()) as reader:
        lists = rules.lists(Recommender.load(shop.model), reader)
        table.publish(where, DAY, lists, FACTS, shop.expected)
    return where


def test_groups_of_one_engine_are_published_as_a_stream_is(shop, local, tmp_path):
    published = publish_on(
        DuckDBEngine(threads=1, temp_directory=tmp_path / "spill"), shop, tmp_path / "recommendations"
    )
    assert (published.users, published.rows) == (USERS, N * USERS)
    same(tmp_path / "recommendations", local)
    clean(tmp_path / "recommendations")


def test_groups_say_why_as_a_stream_does(shop, tmp_path):
    rules = replace(RULES, explain=True)
    where = publish_stream(shop, tmp_path / "stream", rules)
    engine = DuckDBEngine(threads=1, temp_directory=tmp_path / "spill")
    publish_on(engine, shop, tmp_path / "recommendations", rules=rules)
    same(tmp_path / "recommendations", where)
    assert rows(where)["because_of"].null_count < N * USERS


@pytest.mark.spark
def test_lists_of_sparks_executors_are_those_of_this_process_also_when_tasks_are_retried(shop, local, tmp_path):
    where = tmp_path / "recommendations"
    published = publish_on(small_spark(tmp_path / "spill"), shop, where, FailsAtFirst)
    assert published.audit.passed
    assert (published.users, published.rows) == (USERS, N * USERS)
    same(where, local)
    clean(where)


@pytest.mark.spark
def test_two_drivers_of_one_night_on_spark_publish_it_once(shop, local, tmp_path):
    where, engine = tmp_path / "recommendations", small_spark(tmp_path / "spill")

    def meanwhile(task: ListsOfGroup) -> Task:
        with pytest.raises(table.NightBusy, match="another run is writing the night 2026-01-08"):
            publish_on(engine, shop, where)
        return task

    publish_on(engine, shop, where, meanwhile)
    same(where, local)
    clean(where)


@pytest.mark.spark
@pytest.mark.slow
def test_an_executor_of_spark_killed_in_mid_scoring_leaves_one_whole_night(shop, local, tmp_path):
    where = tmp_path / "recommendations"
    settings = SMALL | {"spark.executor.memory": "700m", "spark.speculation": "true"}
    engine = SparkEngine("local-cluster[2,1,1024]", tmp_path / "spill", settings)
    publish_on(engine, shop, where, lambda task: KillsItsExecutor(task, tmp_path / "killed"))
    assert (tmp_path / "killed").exists()
    same(where, local)
    clean(where)


class FailsAtFirst:
    """Every other group writes all its lists, and fails; it is tried again."""

    def __init__(self, task: Task) -> None:
        self.task = task

    def __call__(self, batches: Iterator[pa.RecordBatch], model: Path) -> str:
        from pyspark import TaskContext

        written = self.task(batches, model)
        context = TaskContext.get()
        assert context is not None
        if context.attemptNumber() == 0 and context.partitionId() % 2 == 0:
            raise RuntimeError("the first attempt fails")
        return written


class KillsItsExecutor:
    """The first group to come writes its lists, and its executor dies."""

    def __init__(self, task: Task, mark: Path) -> None:
        self.task, self.mark = task, mark

    def __call__(self, batches: Iterator[pa.RecordBatch], model: Path) -> str:
        written = self.task(batches, model)
        try:
            self.mark.touch(exist_ok=False)
        except FileExistsError:
            return written
        process = os.getppid()
        while "CoarseGrainedExecutorBackend" not in Path(f"/proc/{process}/cmdline").read_text():
            process = int(Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[1])
        os.kill(process, signal.SIGKILL)
        raise RuntimeError("its executor is gone")
