"""The asset `gru4rec_model`: one MLflow run a night, one model version, registered as the challenger."""

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

from pipelines.policy.failures import as_failure
from pipelines.policy.metadata import OWNERS, markdown_table
from pipelines.policy.partitions import DAILY
from pipelines.policy.resources import MLflow, Warehouse
from pipelines.policy.shop_rules import require_rules
from pipelines.settings import presets
from pipelines.settings.launchpad import ModelKnobs
from pipelines.settings.read import current_settings
from pipelines.tracking import registry
from pipelines.tracking.runs import NOTE_TAG, REQUIREMENTS, Tracking, git_commit, log_dataset, numbers
from pipelines.training.data import Data, add_features, describe, encode_night
from pipelines.training.train import Trained, save, train

if TYPE_CHECKING:
    from gru4rec.config.options import Config
    from gru4rec.training.fit import EpochReport, FitOptions


@dg.asset(
    description=(
        "GRU4Rec trained on the night's splits and registered in MLflow under the alias challenger. "
        "Its run holds the parameters, the loss of every epoch, the data's hash and both checkpoints."
    ),
    group_name="model",
    kinds={"pytorch", "mlflow"},
    owners=OWNERS,
    partitions_def=DAILY,
    deps=["splits", "sessions", "items"],
    pool="training",
)
def gru4rec_model(
    context: dg.AssetExecutionContext, config: ModelKnobs, warehouse: Warehouse, mlflow: MLflow
) -> dg.MaterializeResult:
    """Train, log and register; nothing is registered when training fails."""
    day = context.partition_key
    with as_failure():
        require_rules(warehouse, day, current_settings().knobs.recommendations)
        splits = warehouse.files("splits", day)
        data = encode_night(splits, warehouse.files("sessions", day), warehouse.scratch())
        root = warehouse.layout.root
        parameters = presets.resolve(root, config.preset, config.overrides, data.train.statistics())
        data = add_features(data, warehouse.read("items", day), parameters)
        tracking = mlflow.open()
        for run in tracking.close_interrupted():
            context.log.warning(f"MLflow run {run.info.run_name} was interrupted: closed as KILLED")
        facts = _facts(context, splits)
        with tracking.run(f"night {day}", {**facts, NOTE_TAG: _note(data, facts)}) as active:
            log_dataset("splits", splits[0] if len(splits) == 1 else splits[0].parent, facts["data_hash"], "training")
            _log_parameters(parameters, config)
            trained = train(
                data,
                parameters,
                _machine(context, config, parameters),
                refit=config.refit,
                on_epoch=lambda stage, report: _log_epoch(context, stage, report, parameters),
            )
            version = _register(tracking, trained, facts)
    run_id = active.info.run_id
    page = dg.MetadataValue.url(tracking.page(run_id))
    found = {"mlflow_run": page, "model_version": version, "mlflow_run_id": run_id}
    return dg.MaterializeResult(metadata={**found, **_metadata(trained, data), **facts})


def _machine(context: dg.AssetExecutionContext, knobs: ModelKnobs, parameters: "Config") -> "FitOptions":
    """What the knobs give to the training, with as many threads as pay where none are named; the log says how many, and
    a tag of the run to what products are rounded, for runs of machines that differ there differ in their figures."""
    import mlflow

    from gru4rec.config.threads import cores
    from gru4rec.storage.checkpoint import resolve_device
    from gru4rec.training.fit import FitOptions
    from gru4rec.training.rounding import rounded_to
    from gru4rec.training.threads import paying_threads

    threads = knobs.threads or paying_threads(parameters, knobs.processes)
    products = rounded_to(parameters, resolve_device(knobs.device), knobs.processes)
    context.log.info(
        f"training on a processor takes {threads} thread(s) in each of {knobs.processes} process(es), of {cores()} "
        f"cores (device: {knobs.device}); products of an update: {products}"
    )
    mlflow.set_tag("products", products)
    return FitOptions(device=knobs.device, threads=threads, processes=knobs.processes, progress=sys.stderr.isatty())


def _facts(context: dg.AssetExecutionContext, splits: Sequence[Path]) -> dict[str, str]:
    """What identifies this training: tags of the run and of the version, notes in the checkpoints."""
    return {
        "run_date": context.partition_key,
        "dagster_run": context.run.run_id,
        "git_commit": git_commit(),
        **describe(splits),
    }


def _log_parameters(parameters: "Config", config: ModelKnobs) -> None:
    import mlflow

    mlflow.log_params({**parameters.flat(), "preset": config.preset, "refit": config.refit})


def _note(data: Data, facts: dict[str, str]) -> str:
    """The run's description until its figures are known."""
    return (
        f"The night of {facts['run_date']}: trained on {len(data.train.sessions):,} sessions, up to "
        f"{facts['train_until']}. What it reached on the test days stands here once offline_evaluation has run."
    )


def _log_epoch(context: dg.AssetExecutionContext, stage: str, report: "EpochReport", parameters: "Config") -> None:
    """An epoch is a step of its member's own metrics; a single model has them without a member's name."""
    import mlflow

    found = {"loss": report.loss, "events_per_second": report.events_per_second, **(report.validation or {})}
    prefix = "" if stage == "measured" else "refit/"
    member = ""
    if parameters.train.members > 1:
        prefix += f"member_{report.member}/"
        member = f", member {report.member} of {report.members}"
    mlflow.log_metrics({prefix + name: value for name, value in numbers(found).items()}, step=report.epoch)
    most = f" of {report.epochs}" if stage == "measured" else ""  # the other model trains as many as paid
    validation = "".join(f", {name} {value:.4f}" for name, value in (report.validation or {}).items())
    context.log.info(
        f"{stage} model{member}, epoch {report.epoch}{most}: "
        f"loss {report.loss:.4f}{validation} ({report.seconds:.1f} s)"
    )


def _register(tracking: Tracking, trained: Trained, facts: dict[str, str]) -> int:
    """Log both checkpoints and register the one that serves; returns the version, now the challenger."""
    import mlflow

    import gru4rec
    from gru4rec.pyfunc import ARTIFACT

    package = Path(gru4rec.__file__).parent
    device = str(trained.fit.model.device)
    mlflow.log_metric("temperature", trained.temperature)
    mlflow.set_tag("device", device)
    with tempfile.TemporaryDirectory() as folder:
        save(trained, Path(folder), facts)
        mlflow.log_artifacts(str(Path(folder) / "evaluated"), "evaluated")
        info = mlflow.pyfunc.log_model(
            name="model",
            python_model=str(package / "pyfunc.py"),
            artifacts={ARTIFACT: str(Path(folder) / "checkpoint")},
            code_paths=[str(package)],
            pip_requirements=list(REQUIREMENTS),
        )
    version = registry.register(tracking, info, {**facts, "device": device})
    tracking.client.set_registered_model_alias(tracking.model, registry.CHALLENGER, str(version))
    return version


def _metadata(trained: Trained, data: Data) -> dict[str, Any]:
    epochs = [
        {"member": report.member, "epoch": report.epoch, "loss": report.loss, **(report.validation or {})}
        for report in trained.fit.history
    ]
    return {
        "best_epoch": trained.fit.best_epoch,
        "seconds": trained.fit.seconds,
        "events_per_second": trained.fit.events_per_second,
        "training_sessions": len(data.train.sessions),
        "items": len(data.train.vocabulary),
        "items_served": len(trained.served.vocabulary),
        "temperature": trained.temperature,
        "epochs": dg.MetadataValue.md(markdown_table(list(epochs[0]), epochs)),
    }
