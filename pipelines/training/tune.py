"""The job `tune`: a study on one night's data, whose best parameters become a preset that [model] can name."""

from typing import TYPE_CHECKING

import dagster as dg

from pipelines.policy.failures import as_failure
from pipelines.policy.partitions import DAILY
from pipelines.policy.resources import MLflow, Warehouse
from pipelines.settings.launchpad import TuningKnobs
from pipelines.settings.presets import preset_file
from pipelines.tracking.runs import NOTE_TAG
from pipelines.training.data import Data, add_features, encode_night
from pipelines.training.search import best_config, fixed, objective, search

if TYPE_CHECKING:
    import optuna

    from gru4rec.config.options import Config
    from pipelines.tracking.runs import Tracking


@dg.op(name="search", description="Trials until the study has its number; the best is written as a preset.")
def search_op(context: dg.OpExecutionContext, config: TuningKnobs, warehouse: Warehouse, mlflow: MLflow) -> None:
    """Tune on the night's splits."""
    from gru4rec.config.options import Config
    from warehouse.whole_files import replacing

    with as_failure():
        day = context.partition_key
        data = encode_night(warehouse.files("splits", day), warehouse.files("sessions", day), warehouse.scratch())
        data = add_features(data, warehouse.read("items", day), Config().override(fixed(config)))
        study, found = _study(context, config, data, warehouse, mlflow.open())
    with replacing(preset_file(warehouse.layout.root, config.preset)) as file:
        file.write_text(found.to_json(), encoding="utf-8")
    context.log.info(f"{config.metric} {study.best_value:.4f} in {len(study.trials)} trials: preset {config.preset!r}")
    context.add_output_metadata({"best": study.best_value, "parameters": found.flat(), "trials": len(study.trials)})


def _study(
    context: dg.OpExecutionContext, config: TuningKnobs, data: Data, warehouse: Warehouse, tracking: "Tracking"
) -> "tuple[optuna.Study, Config]":
    """The study and its best parameters, searched within an MLflow run of the study's own, which is told both."""
    journal = warehouse.layout.root / "tuning" / f"{config.study}.journal"
    said = f"The search {config.study} on the night of {context.partition_key}, for the best {config.metric}."
    tags = {
        "run_date": context.partition_key,
        "dagster_run": context.run_id,
        NOTE_TAG: f"{said} Its trials stand below.",
    }
    with tracking.run(f"tuning {config.study}", tags) as active:
        parent = active.info.run_id
        study = search(data, config, journal, objective(data, config, tracking, parent))
        found = best_config(study, config)
        tracking.client.log_metric(parent, "best", study.best_value)
        for name, value in study.best_params.items():
            tracking.client.log_param(parent, name, value)
    return study, found


@dg.job(
    partitions_def=DAILY,
    description="Optuna over the published search spaces on a night's splits; the best becomes a preset.",
)
def tune() -> None:
    """One step: the trials run inside it, as many at a time as [tuning] parallel says."""
    search_op()
