"""What a night's comparison runs on: the threads that are named, or one where the model is narrow; a closed day."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from pipelines.evaluation.compare import Candidate, compare_night
from pipelines.evaluation.offline_evaluation import offline_evaluation
from pipelines.policy.resources import MLflow, Warehouse
from pipelines.settings import model_sections
from pipelines.tracking.runs import Tracking
from warehouse.layout import Layout

START = datetime(2026, 1, 1, tzinfo=UTC)


def splits(file: Path) -> Path:
    """Sessions of four items of a ring, thirty to learn from and five to be measured on."""
    rows = [
        {
            "user_id": session,
            "session_start": START + timedelta(hours=session),
            "item_id": (session + step) % 9,
            "timestamp": START + timedelta(hours=session, minutes=step),
            "split": "test" if session >= 30 else "train",
        }
        for session in range(35)
        for step in range(4)
    ]
    pq.write_table(pa.Table.from_pylist(rows), file)
    return file


def checkpoint(folder: Path, file: Path) -> Path:
    from gru4rec.config.options import Config
    from gru4rec.storage.checkpoint import save
    from gru4rec.training.fit import FitOptions, fit
    from pipelines.policy import parts

    config = Config().override({"hidden_size": 8, "epochs": 1, "batch_size": 4, "n_sample": 4})
    model = fit(parts.dataset(parts.stream([file], "train")), config, FitOptions(device="cpu")).model
    save(folder, model, config, {"temperature": 1.0})
    return folder


@pytest.mark.parametrize(("named", "threads"), [(0, 1), (3, 3)])
def test_scorers_take_the_threads_that_are_named_or_one_for_a_narrow_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, named: int, threads: int
) -> None:
    import torch

    from gru4rec.evaluation import evaluate as module

    seen, measure, before = [], module.evaluate, torch.get_num_threads()

    def watched(*arguments: Any, **options: Any) -> Any:
        seen.append(torch.get_num_threads())
        return measure(*arguments, **options)

    monkeypatch.setattr(module, "evaluate", watched)
    file = splits(tmp_path / "splits.parquet")
    challenger = Candidate("challenger", 1, checkpoint(tmp_path / "model", file), None)
    knobs = model_sections.Evaluation(baselines=["popularity", "V-SKNN"], bootstrap=20, threads=named)
    torch.set_num_threads(2)
    try:
        found = compare_night([file], [challenger], knobs, "cpu", tmp_path)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert seen == [threads] * 3
    assert found.threads == threads
    assert [one.evaluation.events for one in found.measured] == [15] * 3


@pytest.mark.parametrize("closed", [True, False])
def test_a_closed_day_is_a_warning_and_any_other_day_is_measured(
    tmp_path: Path, instance: dg.DagsterInstance, tracking: Tracking, sentence: Callable[[Any], str], closed: bool
) -> None:
    """Both have no test session; of the other one, the asset goes on to ask for the night's model."""
    day, layout = "2026-01-02", Layout(tmp_path)
    for table in ("splits", "events"):
        layout.partition(table, day).parent.mkdir()
    rows = pq.read_table(splits(layout.partition("splits", day)))
    rows = rows.filter(pc.equal(rows["split"], "train"))
    pq.write_table(rows, layout.partition("splits", day))
    pq.write_table(rows.slice(0, 0 if closed else 3), layout.partition("events", day))
    resources = {
        "warehouse": Warehouse(root=str(tmp_path), memory_limit="500MB", threads=1),
        "mlflow": MLflow(
            tracking_uri=f"sqlite:///{tmp_path}/mlflow/mlflow.db", artifacts=str(tmp_path / "artifacts"),
            experiment="nights", model="gru4rec", system_metrics=False,
        ),
    }  # fmt: skip
    result = dg.materialize(
        [offline_evaluation], partition_key=day, resources=resources, raise_on_error=False, instance=instance
    )
    assert result.success == closed
    if not closed:
        assert sentence(result).startswith("No model was trained for 2026-01-02")
    else:
        [check] = result.get_asset_check_evaluations()
        assert not check.passed
        assert check.severity == dg.AssetCheckSeverity.WARN
        assert "nothing is measured, and the champion stays" in (check.description or "")
        assert pq.read_table(layout.partition("evaluations", day)).num_rows == 0
