"""The asset `champion_model`: asks the gate, and alone moves the alias champion from night to night."""

from datetime import date

import dagster as dg

from pipelines.evaluation import figures, sparklines
from pipelines.evaluation.gate import Decision, decide_night
from pipelines.evaluation.over_nights import judged_nights, newest_versions
from pipelines.evaluation.unread import why_unread
from pipelines.policy.failures import as_failure
from pipelines.policy.metadata import OWNERS
from pipelines.policy.resources import MLflow, Warehouse
from pipelines.settings.launchpad import GateKnobs
from pipelines.settings.partitions import DAILY
from pipelines.settings.read import current_settings
from pipelines.tracking import registry
from pipelines.tracking.runs import NOTE_TAG

CHECK, SAW = "gate_holds", "gate_saw_champion"
NIGHTS = 30  # of the chart


@dg.asset(
    description=(
        "The gate: moves the alias champion to the night's challenger when its figures allow it, and says why or why "
        "not. A night that promotes nothing serves the old champion."
    ),
    group_name="evaluation",
    kinds={"mlflow"},
    owners=OWNERS,
    partitions_def=DAILY,
    deps=[
        "offline_evaluation",
        "gru4rec_model",
        *(["realised"] if current_settings().knobs.gate.heed_realised else []),
    ],
    check_specs=[
        dg.AssetCheckSpec(
            SAW,
            asset="champion_model",
            partitions_def=DAILY,
            description="The champion's files could be read, so the gate compared with it.",
        ),
        dg.AssetCheckSpec(
            CHECK,
            asset="champion_model",
            partitions_def=DAILY,
            description="The night's challenger was promoted; if not, the reason.",
        ),
    ],
)
def champion_model(
    context: dg.AssetExecutionContext, config: GateKnobs, warehouse: Warehouse, mlflow: MLflow
) -> dg.MaterializeResult:
    """Decide by the night's figures, move the alias or leave it, and write the reason."""
    from warehouse.realised.band import band

    day = context.partition_key
    with as_failure():
        rows = warehouse.read("evaluations", day).to_pylist()
        tracking = mlflow.open()
        challenger = registry.of_night(tracking, day)
        before = registry.aliased(tracking, registry.CHAMPION)
        realised = band(warehouse.layout, date.fromisoformat(day)) if config.heed_realised else None
        decision = decide_night(rows, config, challenger, before, realised)
        outcome = "promoted" if decision.promoted else "refused"
        registry.tag(tracking, challenger, gate=outcome, gate_reason=decision.reason)
        said = f"**Version {challenger.version} {outcome}.** {decision.reason}\n\n{challenger.description or ''}"
        tracking.client.set_tag(challenger.run_id, NOTE_TAG, said)
        if decision.promoted:
            registry.promote(tracking, challenger, by=f"gate of {day}", reason=decision.reason)
        champion = registry.aliased(tracking, registry.CHAMPION)
        nights = judged_nights(warehouse, newest_versions(tracking), date.fromisoformat(day), figures.METRIC, NIGHTS)
        picture = figures.inline(figures.over_nights(nights))
    context.log.info(f"Version {challenger.version} {outcome}. {decision.reason}")
    return dg.MaterializeResult(
        check_results=[_check(decision), _saw_champion(why_unread(challenger, before))],
        metadata={
            "decision": outcome,
            "mlflow_run": dg.MetadataValue.url(tracking.page(challenger.run_id)),
            "reason": dg.MetadataValue.md("\n".join(f"- {reason}" for reason in decision.reasons)),
            "challenger_version": int(challenger.version),
            "champion_version": int(champion.version) if champion else "none",
            "champion_run_date": champion.tags.get("run_date", "") if champion else "",
            "nights": dg.MetadataValue.md(sparklines.of_nights(nights)),
            "nights_as_picture": dg.MetadataValue.md(picture),
        },
    )


def _check(decision: Decision) -> dg.AssetCheckResult:
    """A refusal as a warning: the night goes on with the old champion."""
    return dg.AssetCheckResult(
        check_name=CHECK, passed=decision.promoted, severity=dg.AssetCheckSeverity.WARN, description=decision.reason
    )


def _saw_champion(reason: str | None) -> dg.AssetCheckResult:
    """A warning where the gate saw no champion though there was one."""
    return dg.AssetCheckResult(
        check_name=SAW,
        passed=reason is None,
        severity=dg.AssetCheckSeverity.WARN,
        description="The champion could be read, or there was none." if reason is None else f"Not compared: {reason}.",
    )
