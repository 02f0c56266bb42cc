"""A night of another log than the champion's, or than that of the lists, ends before its sessions are built."""

import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.data.sessions import sessions
from pipelines.evaluation.realised import realised
from pipelines.policy.one_log import ENOUGH, require_one_log, require_own_lists
from pipelines.policy.resources import MLflow
from warehouse.layout import Layout

LAST = "2026-01-08"
WINDOW = 8
NOON = datetime(2026, 1, 8, 12, tzinfo=UTC)


@pytest.fixture
def night(serve: SimpleNamespace, shop: SimpleNamespace, tmp_path: Path) -> Callable[..., Any]:
    """Builds sessions of a day with other events; the champion, and the table once it is there, are of the shop."""

    def run(users: Any, items: Any) -> dg.ExecuteInProcessResult:
        events = tmp_path / "data" / "events"
        if events.is_symlink():
            events.unlink()
        path = Layout(tmp_path / "data").partition("events", LAST)
        path.parent.mkdir(exist_ok=True)
        ids = {"user_id": pa.array(users), "item_id": pa.array(items)}
        at = pa.array([NOON] * len(users), pa.timestamp("us", "UTC"))
        pq.write_table(pa.table({**ids, "timestamp": at}), path)
        return dg.materialize(
            [sessions], partition_key=LAST, resources=serve.resources, raise_on_error=False, instance=serve.instance
        )

    return run


@pytest.mark.parametrize(
    ("items", "said"),
    [
        (["a", "b"], "its item ids are whole numbers, those of 2026-01-08 texts; give this log a data folder"),
        ([7001, 7002], "it knows no item of 2026-01-08; give this log a data folder of its own (GRU4REC_DATA)"),
    ],
)
def test_items_that_the_champion_cannot_know(
    night: Callable[..., Any], serve: SimpleNamespace, sentence: Callable[[Any], str], items: list[Any], said: str
) -> None:
    whose = f"The champion, version {serve.version} of 2026-01-07, is of another log: "
    assert (whose + said).lower() in sentence(night([1, 1], items)).lower()
    assert serve.layout.files("sessions", LAST) == []
    night([1, 1], [7001, 3])
    require_one_log(serve.resources["warehouse"], serve.resources["mlflow"], LAST, WINDOW)  # one known item is enough


def test_a_quiet_day_of_new_items_alone_is_judged_with_the_days_before_it(
    night: Callable[..., Any], serve: SimpleNamespace, shop: SimpleNamespace
) -> None:
    night([1, 1], [7001, 7002])
    before = serve.layout.partition("events", "2026-01-07")
    shutil.copy(shop.layout.partition("events", "2026-01-07"), before)
    warehouse, mlflow = serve.resources["warehouse"], serve.resources["mlflow"]
    require_one_log(warehouse, mlflow, LAST, WINDOW)
    with pytest.raises(ValueError, match="it knows no item of 2026-01-08"):
        require_one_log(warehouse, mlflow, LAST, 1)
    night([1] * ENOUGH, list(range(7000, 7000 + ENOUGH)))
    with pytest.raises(ValueError, match="it knows no item of 2026-01-08"):
        require_one_log(warehouse, mlflow, LAST, WINDOW)


def test_users_of_another_kind_than_those_of_the_lists(
    night: Callable[..., Any], serve: SimpleNamespace, sentence: Callable[[Any], str]
) -> None:
    assert serve.run().success
    said = sentence(night(["ann", "bob"], [3, 4]))
    assert "holds the lists of another log: its user ids are whole numbers, those of 2026-01-08 texts" in said
    assert serve.layout.files("sessions", LAST) == []
    scored = dg.materialize(
        [realised], partition_key=LAST, resources=serve.resources, raise_on_error=False, instance=serve.instance
    )
    assert sentence(scored) == said


def test_a_closed_day_is_of_no_log(night: Callable[..., Any], serve: SimpleNamespace) -> None:
    """Its file has rows of no type in particular: here texts, where the shop has whole numbers."""
    assert serve.run().success
    night(pa.array([], pa.string()), pa.array([], pa.string()))
    require_one_log(serve.resources["warehouse"], serve.resources["mlflow"], LAST, WINDOW)
    require_own_lists(serve.resources["warehouse"], LAST)


def test_without_events_or_a_readable_champion_nothing_is_said(
    serve: SimpleNamespace, tmp_path: Path, fresh_mlflow: Callable[[Path], None], tracking: Any
) -> None:
    warehouse, mlflow = serve.resources["warehouse"], serve.resources["mlflow"]
    require_one_log(warehouse, mlflow, LAST, WINDOW)
    require_one_log(warehouse, mlflow, "2027-01-01", WINDOW)
    unreadable = MLflow(tracking_uri=f"sqlite:///{tmp_path}/mlflow/mlflow.db", artifacts=str(tmp_path / "artifacts"),
                        experiment="nights", model="gru4rec", system_metrics=False)  # fmt: skip
    require_one_log(warehouse, unreadable, LAST, WINDOW)
    (tmp_path / "none").mkdir()
    fresh_mlflow(tmp_path / "none")
    require_one_log(warehouse, serve.store(tmp_path / "none"), LAST, WINDOW)
