"""Evaluation on held-out sessions, and the gate that alone moves the alias champion."""

import tempfile
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg

from pipelines.evaluation import compare as evaluating
from pipelines.evaluation import figures
from pipelines.evaluation.gate import KNOWN, PAIRED, Decision, Rules, decide
from pipelines.policy.failures import as_failure
from pipelines.policy.metadata import markdown_table
from pipelines.policy.reports import OWNERS
from pipelines.policy.resources import MLflow, Warehouse
from pipelines.settings.knobs import EvaluationKnobs, GateKnobs
from pipelines.settings.partitions import DAILY
from pipelines.tracking import registry
from pipelines.tracking.runs import Tracking, numbers
from warehouse.whole_files import replacing

if TYPE_CHECKING:
    import pyarrow as pa
    from mlflow.entities.model_registry import ModelVersion

GROUP = "evaluation"
SHOWN = ("recall@20", "mrr@20", "ndcg@20", "coverage@20")
LESS = f"challenger − this, {SHOWN[0]}"


@dg.asset(
    description=(
        "The challenger, the current champion and the baselines on the same held-out sessions: one row a model, metric "
        "and segment, with 95% intervals. None of them knew the test days; a check proves it by dates."
    ),
    group_name=GROUP,
    kinds={"pytorch", "mlflow", "parquet"},
    owners=OWNERS,
    metadata={
        "dagster/column_schema": dg.TableSchema(
            columns=[
                dg.TableColumn(name, type=evaluating.COLUMN_TYPES.get(name, "float64"), description=meaning)
                for name, meaning in evaluating.COLUMNS.items()
            ]
        )
    },
    partitions_def=DAILY,
    deps=["splits", "gru4rec_model"],
    check_specs=[
        dg.AssetCheckSpec(
            "trained_before_test",
            asset="offline_evaluation",
            description="What was compared was trained only on events before the first test session.",
        )
    ],
)
def offline_evaluation(
    context: dg.AssetExecutionContext, config: EvaluationKnobs, warehouse: Warehouse, mlflow: MLflow
) -> dg.MaterializeResult:
    """Measure, write the table, and tell MLflow."""
    day = context.partition_key
    with as_failure():
        splits = warehouse.read("splits", day)
        tracking = mlflow.open()
        challenger = registry.of_night(tracking, day)
        candidates = _candidates(tracking, challenger)
        comparison = evaluating.compare_night(splits, candidates, config, "auto")
        table = evaluating.evaluations_table(comparison, day)
    file = warehouse.layout.partition("evaluations", day)
    _write(table, file)
    rows = table.to_pylist()
    pictures = figures.draw(rows, comparison.reliability, _losses(tracking, challenger.run_id))
    _log(tracking, challenger, rows, file, pictures)
    for name, seconds in comparison.seconds.items():
        context.log.info(f"{name} measured in {seconds:.1f} s")
    late = candidates[0].train_until is None or candidates[0].train_until >= comparison.test_from
    return dg.MaterializeResult(
        metadata={
            "models": dg.MetadataValue.md(_brief(rows)),
            "mlflow_run": dg.MetadataValue.url(tracking.page(challenger.run_id)),
            **_metadata(challenger, comparison, table, file, pictures),
        },
        check_results=[
            dg.AssetCheckResult(
                check_name="trained_before_test",
                passed=not late,
                description=(
                    f"Challenger trained on events up to {candidates[0].train_until}; first test session "
                    f"{comparison.test_from}. {'; '.join(comparison.leaks) or 'No candidate was left out'}."
                ),
            )
        ],
    )


def _candidates(tracking: Tracking, challenger: "ModelVersion") -> list[evaluating.Candidate]:
    """The challenger's measured and served checkpoints, and the measured one of another champion, if there is one."""

    def until(version: "ModelVersion") -> datetime | None:
        text = version.tags.get("train_until")
        return datetime.fromisoformat(text) if text else None

    number = int(challenger.version)
    measured = registry.evaluated_checkpoint(tracking, challenger)
    served = registry.served_checkpoint(challenger)
    found = [evaluating.Candidate(evaluating.CHALLENGER, number, measured, until(challenger))]
    found.append(evaluating.Candidate(evaluating.SERVED, number, served, None))
    champion = registry.aliased(tracking, registry.CHAMPION)
    if champion is not None and int(champion.version) != number:
        checkpoint = registry.evaluated_checkpoint(tracking, champion)
        found.append(evaluating.Candidate(evaluating.CHAMPION, int(champion.version), checkpoint, until(champion)))
    return found


def _write(table: "pa.Table", file: Path) -> None:
    import pyarrow.parquet as pq

    with replacing(file) as temporary:
        pq.write_table(table, temporary, compression="zstd")


def _losses(tracking: Tracking, run_id: str) -> list[tuple[int, float]]:
    return [(point.step, point.value) for point in tracking.client.get_metric_history(run_id, "loss")]


def _log(
    tracking: Tracking, version: "ModelVersion", rows: list[dict[str, Any]], file: Path, pictures: dict[str, bytes]
) -> None:
    """Metrics of every model, the table and the pictures on the training's own run; the figures on the version."""
    run_id = version.run_id
    overall = [row for row in rows if row["segment"] == "all"]
    for row in overall:
        who = "test" if row["role"] == evaluating.CHALLENGER else f"test/{row['role']}"
        if row["role"] == evaluating.BASELINE:
            who = f"test/{row['model']}"
        for name, value in numbers({row["metric"]: row["value"]} | _spread(row)).items():
            tracking.client.log_metric(run_id, f"{who}/{name}", value)
    tracking.client.log_artifact(run_id, str(file), "evaluation")
    tracking.client.log_text(run_id, _summary(rows), "evaluation/summary.md")
    with tempfile.TemporaryDirectory() as folder:
        for name, content in pictures.items():
            (Path(folder) / f"{name}.png").write_bytes(content)
        tracking.client.log_artifacts(run_id, folder, "evaluation")
    mine = next(row for row in overall if row["role"] == evaluating.CHALLENGER and row["metric"] == SHOWN[0])
    said = f"{SHOWN[0]} {mine['value']:.4f} on the test days of {mine['run_date']}.\n\n{_summary(rows)}"
    tracking.client.update_model_version(version.name, version.version, description=said)


def _spread(row: dict[str, Any]) -> dict[str, Any]:
    """What tells a difference from noise: the challenger's interval, and that of its difference to another model."""
    if row["metric"] not in PAIRED:
        return {}
    if row["role"] == evaluating.CHALLENGER:
        return {f"{row['metric']}_low": row["low"], f"{row['metric']}_high": row["high"]}
    names = {"": "difference", "_low": "difference_low", "_high": "difference_high"}
    return {f"challenger_minus_this/{row['metric']}{end}": row[name] for end, name in names.items()}


def _brief(rows: list[dict[str, Any]]) -> str:
    """The main table, below the 1,000 characters up to which Dagster shows it without a click."""
    lines = []
    for row in (row for row in rows if row["segment"] == "all" and row["metric"] == SHOWN[0]):
        name = row["model"] if row["role"] == evaluating.BASELINE else f"{row['role']} v{row['model_version']}"
        figure = f"{row['value']:.4f} [{row['low']:.3f}, {row['high']:.3f}]"
        less = "" if row["difference"] is None else f"[{row['difference_low']:+.3f}, {row['difference_high']:+.3f}]"
        lines.append({"model": name, SHOWN[0]: figure, "challenger − this": less})
    return markdown_table(["model", SHOWN[0], "challenger − this"], lines)


def _summary(rows: list[dict[str, Any]]) -> str:
    """A row a model, a column a metric, for the asset's page, the run and the version."""
    table: dict[tuple[str, str], dict[str, Any]] = {}
    for row in (row for row in rows if row["segment"] == "all" and row["metric"] in (*SHOWN, KNOWN)):
        version = row["model_version"] or ""
        line = table.setdefault((row["role"], row["model"]), {**row, "version": version})
        if row["metric"] == KNOWN:
            line["its events known"] = f"{row['value']:.1%}"
            continue
        line[row["metric"]] = f"{row['value']:.4f} [{row['low']:.4f}, {row['high']:.4f}]"
        if row["metric"] == SHOWN[0] and row["difference"] is not None:
            line[LESS] = f"{row['difference']:+.4f} [{row['difference_low']:+.4f}, {row['difference_high']:+.4f}]"
    return markdown_table(["role", "model", "version", *SHOWN, LESS, "its events known"], list(table.values()))


def _metadata(
    challenger: "ModelVersion",
    comparison: evaluating.Comparison,
    table: "pa.Table",
    file: Path,
    pictures: dict[str, bytes],
) -> dict[str, Any]:
    mine = comparison.measured[0].evaluation
    return {
        "dagster/row_count": table.num_rows,
        "path": dg.MetadataValue.path(str(file)),
        "all_figures": dg.MetadataValue.md(_summary(table.to_pylist())),
        **{
            name: dg.MetadataValue.md(figures.inline(content))
            for name, content in pictures.items()
            if name in figures.SHOWN
        },
        **{name: float(value) for name, value in mine.metrics.items() if name in SHOWN},
        "predictions": mine.events,
        "test_from": comparison.test_from.isoformat(),
        "test_until": comparison.test_until.isoformat(),
        "expected_calibration_error": comparison.reliability.ece,
        "model_version": int(challenger.version),
        "mlflow_run_id": challenger.run_id,
    }


@dg.asset(
    description=(
        "The gate: moves the alias champion to the night's challenger when its figures allow it, and says why or why "
        "not. A night that promotes nothing serves the old champion."
    ),
    group_name=GROUP,
    kinds={"mlflow"},
    owners=OWNERS,
    partitions_def=DAILY,
    deps=["offline_evaluation", "gru4rec_model"],
)
def champion_model(
    context: dg.AssetExecutionContext, config: GateKnobs, warehouse: Warehouse, mlflow: MLflow
) -> dg.MaterializeResult:
    """Judge the night's figures, move the alias or leave it, write the reason."""
    day = context.partition_key
    with as_failure():
        rows = warehouse.read("evaluations", day).to_pylist()
        tracking = mlflow.open()
        challenger = registry.of_night(tracking, day)
        decision = judge(rows, config, challenger, registry.aliased(tracking, registry.CHAMPION))
    outcome = "promoted" if decision.promote else "refused"
    registry.tag(tracking, challenger, gate=outcome, gate_reason=decision.reason)
    if decision.promote:
        registry.promote(tracking, challenger, by=f"gate of {day}", reason=decision.reason)
    champion = registry.aliased(tracking, registry.CHAMPION)
    context.log.info(f"Version {challenger.version} {outcome}. {decision.reason}")
    return dg.MaterializeResult(
        metadata={
            "decision": outcome,
            "mlflow_run": dg.MetadataValue.url(tracking.page(challenger.run_id)),
            "reason": dg.MetadataValue.md("\n".join(f"- {reason}" for reason in decision.reasons)),
            "challenger_version": int(challenger.version),
            "champion_version": int(champion.version) if champion else "none",
            "champion_run_date": champion.tags.get("run_date", "") if champion else "",
        }
    )


def judge(
    rows: list[dict[str, Any]], config: GateKnobs, challenger: "ModelVersion", champion: "ModelVersion | None"
) -> Decision:
    """The rules of the gate, after what only the registry knows: which version was measured, which night is served."""
    measured = {row["model_version"] for row in rows if row["role"] == evaluating.CHALLENGER}
    if measured != {int(challenger.version)}:
        return Decision(
            False,
            [
                f"The evaluation measured version {measured}, not {challenger.version}: "
                "materialise offline_evaluation again."
            ],
        )
    night, served = challenger.tags["run_date"], champion.tags.get("run_date", "") if champion else ""
    if champion and served > night:
        return Decision(False, [f"The champion, version {champion.version}, is of a later night ({served})."])
    compared = {row["model_version"] for row in rows if row["role"] == evaluating.CHAMPION}
    if champion and int(champion.version) != int(challenger.version) and compared != {int(champion.version)}:
        return Decision(
            False,
            [
                f"The champion, version {champion.version}, was not compared with: it changed since the evaluation, or "
                "knew the test days. Materialise offline_evaluation again, or promote by hand."
            ],
        )
    late = challenger.tags.get("train_until", "") >= challenger.tags.get("test_from", "")
    floors = {"recall@20": config.min_recall, "mrr@20": config.min_mrr, "coverage@20": config.min_coverage}
    rules = Rules(config.metric, config.min_events, floors, config.best_baseline_share, config.min_known_share)
    return decide(rows, rules, ["trained_before_test"] if late else [])
