"""Epochs in MLflow: each member has its own, counted from one."""

from typing import Any

import dagster as dg
import pytest

from gru4rec.config.options import Config
from gru4rec.training.epochs import EpochReport
from pipelines.training.gru4rec_model import _log_epoch


@pytest.mark.parametrize(("members", "below"), [(1, ""), (3, "member_3/")])
def test_the_epochs_of_a_member_are_its_own_steps(
    members: int, below: str, tracking: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    parameters = Config().override({"members": members, "epochs": 7})
    with tracking.run("night", {}) as active, dg.build_asset_context() as context:
        for epoch in (1, 2):
            report = EpochReport(epoch, 4.0, 1.0, 9.0, {"recall@20": 0.5}, members, members, 7)
            _log_epoch(context, "measured", report, parameters)
        _log_epoch(context, "served", EpochReport(1, 3.0, 1.0, 9.0, None, members, members), parameters)
    points = tracking.client.get_metric_history(active.info.run_id, f"{below}loss")
    assert [(point.step, point.value) for point in points] == [(1, 4.0), (2, 4.0)]
    assert tracking.client.get_run(active.info.run_id).data.metrics[f"refit/{below}loss"] == 3.0
    said = "measured model, member 3 of 3, epoch 2 of 7" if members > 1 else "measured model, epoch 2 of 7"
    assert said in capfd.readouterr().err
