"""Nights that go wrong: a spoiled model is not promoted, says why, and the lists still come from the old champion."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.nights.sensors import log_failures, serve_old_champion
from pipelines.tracking import registry
from warehouse.partitions import replacing_partition

GOOD, BAD = "2026-01-07", "2026-01-08"
LEARNERS = [dg.AssetKey(name) for name in ("gru4rec_model", "offline_evaluation", "champion_model", "recommendations")]


@pytest.fixture(scope="module")
def served(house: Any, fresh_mlflow: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A house of its own with one good night, and everything of the next night but its model."""
    import shutil

    root = tmp_path_factory.mktemp("spoiled")
    for table in ("events", "rejected_events", "items", "raw"):
        shutil.copytree(house.root / table, root / table)
    shutil.copy(house.root / "pipeline.toml", root)
    fresh_mlflow(root)
    with dg.DagsterInstance.ephemeral() as instance:
        mine = type(house)(root, instance)
        assert mine.run("retrain", GOOD).success
        for asset in ("sessions", "splits"):
            assert mine.run("retrain", BAD, select=[dg.AssetKey(asset)]).success
        yield mine


def model_of(house: Any, day: str) -> set[int]:
    from warehouse.recommendations import night

    return set(night(house.layout, date.fromisoformat(day)).to_arrow(["model_version"])["model_version"].to_pylist())


def shuffle_targets(house: Any) -> None:
    """Every training event gets the item of another one: what follows what is noise."""
    import numpy as np

    for table in ("splits", "sessions"):
        file = house.layout.partition(table, BAD)
        rows = pq.read_table(file)
        test = np.zeros(rows.num_rows, dtype=bool)
        if table == "splits":
            test = np.asarray(rows["split"].to_pylist()) == "test"
        order = np.arange(rows.num_rows)
        order[~test] = np.random.default_rng(0).permutation(order[~test])
        items = rows["item_id"].combine_chunks().take(pa.array(order))
        with replacing_partition(file) as beside:
            pq.write_table(rows.set_column(rows.column_names.index("item_id"), "item_id", items), beside)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("overrides", "shuffled", "says"),
    [
        ({"learning_rate": 3.0, "epochs": 1}, False, ("worse than the champion", "popularity", "best baseline")),
        ({"epochs": 1, "learning_rate": 1e-6}, False, ("popularity", "worse than the champion")),
        ({}, True, ("worse than the champion",)),
    ],
    ids=["absurd learning rate", "one epoch of noise", "shuffled targets"],
)
def test_a_spoiled_model_is_refused_and_the_old_champion_serves(
    served: Any, overrides: dict[str, Any], shuffled: bool, says: tuple[str, ...]
) -> None:
    if shuffled:
        shuffle_targets(served)
    small = {"hidden_size": 48, "batch_size": 32, "n_sample": 128, "epochs": 3, "keep": "best"}
    config = {"ops": {"gru4rec_model": {"config": {"overrides": {**small, **overrides}}}}}
    result = served.run("retrain", BAD, config, select=LEARNERS)
    assert result.success
    version = registry.of_night(served.tracking, BAD)
    assert version.tags["gate"] == "refused"
    [gate] = [check for check in result.get_asset_check_evaluations() if check.check_name == "gate_holds"]
    assert (gate.passed, gate.description) == (False, version.tags["gate_reason"])
    assert any(phrase in version.tags["gate_reason"] for phrase in says)
    assert int(registry.aliased(served.tracking, registry.CHAMPION).version) == 1
    assert model_of(served, BAD) == {1}


@pytest.mark.slow
def test_a_diverged_training_registers_nothing_and_the_sensor_asks_for_the_old_champion(
    served: Any, sentence: Any
) -> None:
    before = len(served.tracking.client.search_model_versions("name = 'gru4rec'"))
    small = {"hidden_size": 48, "batch_size": 32, "learning_rate": 1e6, "optimizer": "sgd"}
    config = {"ops": {"gru4rec_model": {"config": {"overrides": small}}}}
    result = served.run("retrain", BAD, config, select=LEARNERS)
    assert not result.success
    assert "loss" in sentence(result)
    assert len(served.tracking.client.search_model_versions("name = 'gru4rec'")) == before
    [run] = served.tracking.client.search_runs([served.tracking.experiment_id], max_results=1)
    assert run.info.status == "FAILED"
    event = next(event for event in result.all_events if event.event_type_value == "PIPELINE_FAILURE")
    context = dg.build_run_status_sensor_context(
        "serve_old_champion", event, served.instance, result.dagster_run
    ).for_run_failure()
    request = serve_old_champion(context)
    assert request.partition_key == BAD
    log_failures(context)
    assert served.run("serve", BAD).success
    assert model_of(served, BAD) == {1}
