"""Looking for better parameters: Optuna over the published search spaces, on one night's training and validation days.

With selected features the network over them is searched too (p-RNN's architectures and trainings, RecSys 2016).

Every trial is an MLflow run below the study's own. Trials that are weak after an epoch are stopped (pruned), and so are
those that diverge. The study lives in a file, so a job that was stopped goes on where it was.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from pipelines.settings.model_sections import Tuning
from pipelines.tracking.runs import NOTE_TAG, Tracking, numbers
from pipelines.training.data import Data

if TYPE_CHECKING:
    import optuna

    from gru4rec.config.options import Config
    from gru4rec.training.fit import EpochReport, FitResult

    Objective = Callable[[optuna.Trial], float]

LOSSES = ("cross-entropy", "bpr-max")


def space(trial: "optuna.Trial", knobs: Tuning) -> dict[str, Any]:
    """One draw from the published search spaces (arXiv 2307.14956 and its parameter files).

    Both losses have the same ranges and steps, none of them logarithmic; bpreg and elu are BPR-max's own. Many of the
    draws diverge, see docs/experiments.md, Tuning.
    """
    losses = LOSSES if knobs.loss == "both" else (knobs.loss,)
    most_units = knobs.most_units
    found: dict[str, Any] = {
        "loss": trial.suggest_categorical("loss", losses),
        "hidden_size": trial.suggest_int("hidden_size", min(64, most_units), most_units, step=32),
        "batch_size": trial.suggest_int("batch_size", 32, 256, step=16),
        "learning_rate": trial.suggest_float("learning_rate", 0.01, 0.25, step=0.005),
        "dropout_embedding": trial.suggest_float("dropout_embedding", 0.0, 0.5, step=0.05),
        "dropout_hidden": trial.suggest_float("dropout_hidden", 0.0, 0.7, step=0.05),
        "momentum": trial.suggest_float("momentum", 0.0, 0.9, step=0.05),
        "sample_alpha": trial.suggest_float("sample_alpha", 0.0, 1.0, step=0.1),
    }
    if found["loss"] == "bpr-max":
        found["bpreg"] = trial.suggest_float("bpreg", 0.0, 2.0, step=0.05)
        found["elu"] = trial.suggest_categorical("elu", (0.5, 1.0, 0.0))
    return found | (_feature_space(trial, knobs.epochs) if knobs.selected_features else {})


def _feature_space(trial: "optuna.Trial", epochs: int) -> dict[str, Any]:
    """The network over item features. One GRU has no trainings to choose from, and "residual" needs two epochs."""
    from gru4rec.config.parts import Architecture, FeatureTraining, Pooling

    found: dict[str, Any] = {
        "architecture": trial.suggest_categorical("architecture", get_args(Architecture)),
        "pooling_mode": trial.suggest_categorical("pooling_mode", get_args(Pooling)),
        "id_dropout": trial.suggest_float("id_dropout", 0.0, 0.5, step=0.05),
    }
    if found["architecture"] != "concatenated":
        possible = tuple(name for name in get_args(FeatureTraining) if epochs > 1 or name != "residual")
        found["training"] = trial.suggest_categorical("training", possible)
    return found


def search(data: Data, knobs: Tuning, file: Path, objective_of: "Objective") -> "optuna.Study":
    """Begin the study in `file`, or go on with it, until it has all its trials.

    Args:
        data: the night's sessions.
        knobs: [tuning]: trials in all, and at a time.
        file: Optuna's journal.
        objective_of: the value of one trial.

    Raises:
        ValueError: the validation days hold no session.
    """
    import optuna
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend
    from optuna.trial import TrialState

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    if len(data.validation.sessions) == 0:
        raise ValueError("The validation days hold no session: hold out more days in [splits] to tune on.")
    file.parent.mkdir(parents=True, exist_ok=True)
    study = optuna.create_study(
        storage=JournalStorage(JournalFileBackend(str(file))),
        study_name=knobs.study,
        load_if_exists=True,
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=knobs.seed, multivariate=True, warn_independent_sampling=False),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=1),
    )
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        study.tell(trial.number, state=TrialState.FAIL)  # its process was stopped: only one job works on a study
    done = len(study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED)))
    if done < knobs.trials:
        study.optimize(objective_of, n_trials=knobs.trials - done, n_jobs=knobs.parallel, catch=(ValueError,))
    return study


def objective(data: Data, knobs: Tuning, tracking: Tracking, parent: str) -> "Objective":
    """The function that Optuna calls for each trial: draw, train, report every epoch.

    Args:
        data: the night's sessions.
        knobs: [tuning].
        tracking: where every trial gets a run of its own.
        parent: the study's run, which those are below.
    """

    def run(trial: "optuna.Trial") -> float:
        from gru4rec.config.options import Config

        drawn = space(trial, knobs)
        config = Config().override({**drawn, **fixed(knobs)})
        tags = {
            "mlflow.parentRunId": parent,
            "mlflow.runName": f"trial {trial.number}",
            NOTE_TAG: f"One trial of {knobs.study}.",
        }
        mine = tracking.client.create_run(tracking.experiment_id, tags=tags).info.run_id
        for name, value in drawn.items():
            tracking.client.log_param(mine, name, value)

        def after(report: "EpochReport") -> None:
            _report(trial, report, knobs.metric, tracking, mine)

        result = _trained(data, config, tracking, mine, after)
        return max((report.validation or {})[knobs.metric] for report in result.history)

    return run


def _report(trial: "optuna.Trial", report: "EpochReport", metric: str, tracking: Tracking, run_id: str) -> None:
    """Log an epoch; raises TrialPruned where the trial is weaker than the others were at that epoch."""
    import optuna

    value = (report.validation or {})[metric]
    for name, number in numbers({"loss": report.loss, metric: value}).items():
        tracking.client.log_metric(run_id, name, number, step=report.epoch)
    trial.report(value, report.epoch)
    if trial.should_prune():
        raise optuna.TrialPruned


def _trained(
    data: Data, config: "Config", tracking: Tracking, run_id: str, after: "Callable[[EpochReport], None]"
) -> "FitResult":
    """Train on one thread and close the trial's run; a training that diverges raises TrialPruned as a weak one does."""
    import optuna

    from gru4rec.training.fit import DivergenceError, FitOptions, fit

    try:
        result = fit(data.train, config, FitOptions(validation=data.validation, threads=1, on_epoch=after))
    except (optuna.TrialPruned, DivergenceError) as stopped:
        # a failed trial would teach the sampler nothing; a pruned one teaches it that such parameters are bad
        tracking.client.set_tag(run_id, "pruned", str(stopped) or "weaker than the others")
        tracking.client.set_terminated(run_id, "FINISHED")
        raise optuna.TrialPruned from stopped
    except BaseException:
        tracking.client.set_terminated(run_id, "FAILED")
        raise
    tracking.client.set_terminated(run_id, "FINISHED")
    return result


def best_config(study: "optuna.Study", knobs: Tuning) -> "Config":
    """The best trial's parameters as a whole configuration; ValueError when no trial came to its end."""
    from gru4rec.config.options import Config

    try:
        best = study.best_trial
    except ValueError:
        raise ValueError("No trial came to its end: the trials' runs in MLflow say why; allow more trials.") from None
    return Config().override({**best.params, **fixed(knobs)})


def fixed(knobs: Tuning) -> dict[str, Any]:
    """The parameters that are the same in every trial."""
    return {
        "epochs": knobs.epochs,
        "n_sample": knobs.n_sample,
        "keep": "best",
        "monitor": knobs.metric,
        "selected_features": knobs.selected_features,
    }
