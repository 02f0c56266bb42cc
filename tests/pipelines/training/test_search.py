"""Tuning: a study that goes on where it stopped, nested runs, and a preset that a night can be pointed at."""

from typing import Any, get_args
from unittest import mock

import dagster as dg
import pytest

from pipelines.settings import presets
from pipelines.settings.launchpad import TuningKnobs
from pipelines.training.data import encode_night
from pipelines.training.search import best_config, objective, space

DAY = "2026-01-06"


PUBLISHED = {  # lowest, highest, step; all uniform
    "hidden_size": (64, 512, 32),
    "batch_size": (32, 256, 16),
    "learning_rate": (0.01, 0.25, 0.005),
    "dropout_embedding": (0.0, 0.5, 0.05),
    "dropout_hidden": (0.0, 0.7, 0.05),
    "momentum": (0.0, 0.9, 0.05),
    "sample_alpha": (0.0, 1.0, 0.1),
}


@pytest.mark.parametrize(("loss", "own"), [("cross-entropy", {}), ("bpr-max", {"bpreg": (0.0, 2.0, 0.05)})])
def test_the_search_space_is_the_published_one(loss: str, own: dict[str, tuple[float, float, float]]) -> None:
    import optuna

    trial = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1)).ask()
    space(trial, TuningKnobs(loss=loss))
    ranges = {name: kind for name, kind in trial.distributions.items() if name not in ("loss", "elu")}
    assert {name: (kind.low, kind.high, kind.step) for name, kind in ranges.items()} == PUBLISHED | own
    assert not any(kind.log for kind in ranges.values())
    choices = trial.distributions["elu"].choices if loss == "bpr-max" else ()
    assert set(choices) == ({0.5, 1.0, 0.0} if loss == "bpr-max" else set())
    assert trial.distributions["loss"].choices == (loss,)


def test_both_losses_are_drawn_unless_one_is_named() -> None:
    import optuna

    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    drawn = [space(study.ask(), TuningKnobs()) for _ in range(50)]
    assert {value["loss"] for value in drawn} == {"cross-entropy", "bpr-max"}
    assert all(("bpreg" in value) == (value["loss"] == "bpr-max") for value in drawn)


@pytest.mark.parametrize("epochs", [1, 2])
def test_every_network_over_features_that_is_drawn_can_be_configured(epochs: int) -> None:
    import optuna

    from gru4rec.config.options import Config
    from gru4rec.config.parts import Architecture, FeatureTraining

    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=1))
    knobs = TuningKnobs(selected_features=["genres"], epochs=epochs)
    drawn = [space(study.ask(), knobs) for _ in range(100)]
    fixed = {"selected_features": knobs.selected_features, "epochs": epochs}
    found = [Config().override({**values, **fixed}).features for values in drawn]
    assert {features.architecture for features in found} == set(get_args(Architecture))
    assert {features.training for features in found} == set(get_args(FeatureTraining)) - (
        {"residual"} if epochs == 1 else set()
    )
    assert "architecture" not in space(study.ask(), TuningKnobs())


def test_a_trial_that_diverges_counts_as_a_weak_one(monkeypatch: pytest.MonkeyPatch) -> None:
    import optuna

    import gru4rec.training.fit

    def diverge(*given: Any, **named: Any) -> None:
        raise gru4rec.training.fit.DivergenceError("the loss is no number")

    monkeypatch.setattr(gru4rec.training.fit, "fit", diverge)
    tracking = mock.Mock()
    study = optuna.create_study()
    study.optimize(objective(mock.Mock(), TuningKnobs(epochs=1), tracking, "parent"), n_trials=2, catch=(ValueError,))
    assert [trial.state for trial in study.trials] == [optuna.trial.TrialState.PRUNED] * 2
    assert tracking.client.set_tag.call_args.args[1:] == ("pruned", "the loss is no number")
    assert tracking.client.set_terminated.call_args.args[1] == "FINISHED"
    with pytest.raises(ValueError, match="No trial came to its end"):
        best_config(study, TuningKnobs())


@pytest.mark.slow
def test_a_study_goes_on_and_writes_a_preset(house: Any) -> None:
    for asset in ("sessions", "splits"):
        assert house.run("retrain", DAY, select=[dg.AssetKey(asset)]).success
    knobs = {"epochs": 1, "n_sample": 32, "most_units": 64, "loss": "cross-entropy", "parallel": 2}
    for trials in (2, 3):
        config = {"ops": {"search": {"config": {**knobs, "trials": trials}}}}
        assert house.run("tune", DAY, config).success
    tracking = house.tracking
    runs = tracking.client.search_runs([tracking.experiment_id], "attributes.run_name LIKE 'trial %'")
    assert sorted(run.info.run_name for run in runs) == ["trial 0", "trial 1", "trial 2"]
    parents = {run.data.tags["mlflow.parentRunId"] for run in runs}
    names = {tracking.client.get_run(parent).info.run_name for parent in parents}
    assert names == {"tuning tuning"}
    data = encode_night(*([house.layout.partition(table, DAY)] for table in ("splits", "sessions")))
    found = presets.resolve(house.root, TuningKnobs().preset, {}, data.train.statistics())
    best = max(runs, key=lambda run: run.data.metrics.get("recall_at_20", 0.0))
    assert found.flat()["learning_rate"] == float(best.data.params["learning_rate"])
    assert found.train.epochs == 1


@pytest.mark.slow
def test_a_study_over_item_features(house: Any) -> None:
    for asset in ("items", "sessions", "splits"):
        assert house.run("retrain", DAY, select=[dg.AssetKey(asset)]).success
    knobs = {"epochs": 2, "n_sample": 32, "most_units": 64, "trials": 3, "study": "features", "preset": "featured"}
    config = {"ops": {"search": {"config": {**knobs, "selected_features": ["category"]}}}}
    assert house.run("tune", DAY, config).success
    data = encode_night(*([house.layout.partition(table, DAY)] for table in ("splits", "sessions")))
    found = presets.resolve(house.root, "featured", {}, data.train.statistics())
    assert dict(found.features.selected_features) == {"category": "auto"}
    tracking = house.tracking
    runs = tracking.client.search_runs([tracking.experiment_id], "params.architecture LIKE '%'")
    best = [run for run in runs if run.info.run_name == "tuning features"]
    assert [run.data.params["architecture"] for run in best] == [found.features.architecture]
