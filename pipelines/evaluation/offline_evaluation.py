"""The asset `offline_evaluation`: the challenger, the champion and the baselines on the night's held-out sessions."""

import re
import tempfile
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

from pipelines.evaluation import figures
from pipelines.evaluation.compare import Candidate, compare_night
from pipelines.evaluation.report import SHOWN, brief, log_figures, summary
from pipelines.evaluation.table import (
    CHALLENGER,
    CHAMPION,
    COLUMN_TYPES,
    COLUMNS,
    SERVED,
    Comparison,
    evaluations_schema,
    evaluations_table,
)
from pipelines.evaluation.unread import UNREAD
from pipelines.policy import parts
from pipelines.policy.failures import as_failure
from pipelines.policy.metadata import OWNERS
from pipelines.policy.partitions import DAILY
from pipelines.policy.pictures import show
from pipelines.policy.resources import MLflow, Warehouse
from pipelines.settings.launchpad import EvaluationKnobs
from pipelines.tracking import registry
from pipelines.tracking.runs import Tracking

if TYPE_CHECKING:
    import pyarrow as pa
    from mlflow.entities.model_registry import ModelVersion

CHECK = "trained_before_test"


@dg.asset(
    description=(
        "The challenger, the current champion and the baselines on the same held-out sessions: one row a model, metric "
        "and segment, with 95% intervals. None of them knew the test days; a check proves it by dates."
    ),
    group_name="evaluation",
    kinds={"pytorch", "mlflow", "parquet"},
    owners=OWNERS,
    metadata={
        "dagster/column_schema": dg.TableSchema(
            columns=[
                dg.TableColumn(name, type=COLUMN_TYPES.get(name, "float64"), description=meaning)
                for name, meaning in COLUMNS.items()
            ]
        )
    },
    partitions_def=DAILY,
    deps=["splits", "gru4rec_model"],
    check_specs=[
        dg.AssetCheckSpec(
            CHECK,
            asset="offline_evaluation",
            partitions_def=DAILY,
            description="What was compared was trained only on events before the first test session.",
        )
    ],
)
def offline_evaluation(
    context: dg.AssetExecutionContext, config: EvaluationKnobs, warehouse: Warehouse, mlflow: MLflow
) -> dg.MaterializeResult:
    """Measure, write the table, and tell MLflow. After a closed day there is nothing to measure: the table is empty."""
    from gru4rec.config.threads import cores

    day = context.partition_key
    with as_failure():
        splits = warehouse.files("splits", day)
        if _closed(warehouse, day, splits):
            return _nothing_measured(context, warehouse, day)
        tracking = mlflow.open()
        challenger = registry.of_night(tracking, day)
        with tempfile.TemporaryDirectory() as copies:
            candidates = _candidates(context, tracking, challenger, Path(copies))
            comparison = compare_night(splits, candidates, config, "auto", warehouse.scratch())
        table = evaluations_table(comparison, day)
        file = _write(table, warehouse, day)
        rows = table.to_pylist()
        pictures = figures.draw(rows, comparison.reliability, _losses(tracking, challenger.run_id))
        log_figures(tracking, challenger, rows, file, pictures)
        shown = show(warehouse.layout, day, pictures)
    context.log.info(f"scoring on a processor took {comparison.threads} thread(s) of {cores()} cores")
    for name, seconds in comparison.seconds.items():
        context.log.info(f"{name} measured in {seconds:.1f} s")
    found = {
        "models": dg.MetadataValue.md(brief(rows)),
        "mlflow_run": dg.MetadataValue.url(tracking.page(challenger.run_id)),
        "dagster/row_count": table.num_rows,
        "path": dg.MetadataValue.path(warehouse.layout.place("evaluations", day)),
        **shown,
        **_metadata(challenger, comparison, rows),
    }
    check = _trained_before_test(candidates[0].train_until, comparison)
    return dg.MaterializeResult(metadata=found, check_results=[check])


def _closed(warehouse: Warehouse, day: str, splits: list[Path]) -> bool:
    """Whether a day without events, which [events] allow_empty_day let through, leaves the test days without a session.

    Test days without one for any other reason are an error: events or settings are not as they should be.
    """
    from warehouse.engine.parquet_files import rows_of

    events = warehouse.layout.files("events", day)
    return bool(events) and not any(map(rows_of, events)) and next(parts.stream(splits, "test"), None) is None


def _nothing_measured(context: dg.AssetExecutionContext, warehouse: Warehouse, day: str) -> dg.MaterializeResult:
    """A table without rows, with which the gate promotes nobody, and a warning."""
    _write(evaluations_schema().empty_table(), warehouse, day)
    said = f"{day} has no events and the test days no session: nothing is measured, and the champion stays."
    context.log.warning(said)
    return dg.MaterializeResult(
        metadata={"dagster/row_count": 0, "path": dg.MetadataValue.path(warehouse.layout.place("evaluations", day))},
        check_results=[
            dg.AssetCheckResult(check_name=CHECK, passed=False, severity=dg.AssetCheckSeverity.WARN, description=said)
        ],
    )


def _trained_before_test(train_until: datetime | None, comparison: Comparison) -> dg.AssetCheckResult:
    """Whether the challenger's training ended before the test days. Others whose training did not were left out."""
    return dg.AssetCheckResult(
        check_name=CHECK,
        passed=train_until is not None and train_until < comparison.test_from,
        description=(
            f"Challenger trained on events up to {train_until}; first test session "
            f"{comparison.test_from}. {'; '.join(comparison.leaks) or 'No candidate was left out'}."
        ),
    )


def _candidates(
    context: dg.AssetExecutionContext, tracking: Tracking, challenger: "ModelVersion", copies: Path
) -> list[Candidate]:
    """The challenger's two checkpoints, and the measured one of the champion where that is another version.

    They are copied into the folder `copies`. A champion whose files are gone or spoiled is left out: the challenger's
    tag says so, and the gate reads it.
    """

    def until(version: "ModelVersion") -> datetime | None:
        text = version.tags.get("train_until")
        return datetime.fromisoformat(text) if text else None

    number = int(challenger.version)
    measured = registry.evaluated_checkpoint(tracking, challenger, copies)
    served = registry.served_checkpoint(challenger, copies)
    found = [Candidate(CHALLENGER, number, measured, until(challenger))]
    found.append(Candidate(SERVED, number, served, None))
    champion = registry.aliased(tracking, registry.CHAMPION)
    unread = ""
    if champion is not None and int(champion.version) != number:
        try:
            checkpoint = registry.readable(tracking, champion, copies)
            found.append(Candidate(CHAMPION, int(champion.version), checkpoint, until(champion)))
        except registry.ModelUnreadable as error:
            unread = f"{champion.version}: {error}"
            context.log.warning(f"The champion is not compared with: {error}")
    if unread != challenger.tags.get(UNREAD, ""):
        registry.tag(tracking, challenger, **{UNREAD: unread})
    return found


def _write(table: "pa.Table", warehouse: Warehouse, day: str) -> Path:
    """Write the evaluations of a night; returns their file."""
    import pyarrow.parquet as pq

    with warehouse.layout.replacing("evaluations", day) as temporary:
        pq.write_table(table, temporary, compression="zstd")
    return warehouse.layout.files("evaluations", day)[0]


def _losses(tracking: Tracking, run_id: str) -> dict[str, list[tuple[int, float]]]:
    """(epoch, loss) of the measured training, by member; of a single model under its only name."""
    names = [name for name in tracking.client.get_run(run_id).data.metrics if re.fullmatch(r"(member_\d+/)?loss", name)]
    return {
        name.removesuffix("/loss").replace("_", " "): [
            (point.step, point.value) for point in tracking.client.get_metric_history(run_id, name)
        ]
        for name in sorted(names)
    }


def _metadata(challenger: "ModelVersion", comparison: Comparison, rows: list[dict[str, Any]]) -> dict[str, Any]:
    mine = comparison.measured[0].evaluation
    return {
        "all_figures": dg.MetadataValue.md(summary(rows)),
        **{name: float(value) for name, value in mine.metrics.items() if name in SHOWN},
        "predictions": mine.events,
        "test_from": comparison.test_from.isoformat(),
        "test_until": comparison.test_until.isoformat(),
        "expected_calibration_error": comparison.reliability.ece,
        "model_version": int(challenger.version),
        "mlflow_run_id": challenger.run_id,
    }
