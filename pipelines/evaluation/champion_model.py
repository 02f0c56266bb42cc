"""The asset `champion_model`: asks the gate, and alone moves the alias champion from night to night."""

import dagster as dg

from pipelines.evaluation.gate import decide_night
from pipelines.evaluation.unread import why_unread
from pipelines.policy.failures import as_failure
from pipelines.policy.metadata import OWNERS
from pipelines.policy.resources import MLflow, Warehouse
from pipelines.settings.launchpad import GateKnobs
from pipelines.settings.partitions import DAILY
from pipelines.tracking import registry

CHECK = "gate_saw_champion"


@dg.asset(
    description=(
        "The gate: moves the alias champion to the night's challenger when its figures allow it, and says why or why "
        "not. A night that promotes nothing serves the old champion."
    ),
    group_name="evaluation",
    kinds={"mlflow"},
    owners=OWNERS,
    partitions_def=DAILY,
    deps=["offline_evaluation", "gru4rec_model"],
    check_specs=[
        dg.AssetCheckSpec(
            CHECK,
            asset="champion_model",
            description="The champion's files could be read, so the gate compared with it.",
        )
    ],
)
def champion_model(
    context: dg.AssetExecutionContext, config: GateKnobs, warehouse: Warehouse, mlflow: MLflow
) -> dg.MaterializeResult:
    """Decide by the night's figures, move the alias or leave it, and write the reason."""
    day = context.partition_key
    with as_failure():
        rows = warehouse.read("evaluations", day).to_pylist()
        tracking = mlflow.open()
        challenger = registry.of_night(tracking, day)
        before = registry.aliased(tracking, registry.CHAMPION)
        decision = decide_night(rows, config, challenger, before)
        outcome = "promoted" if decision.promoted else "refused"
        registry.tag(tracking, challenger, gate=outcome, gate_reason=decision.reason)
        if decision.promoted:
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
        },
        check_results=[_saw_champion(why_unread(challenger, before))],
    )


def _saw_champion(reason: str | None) -> dg.AssetCheckResult:
    """A warning where the gate saw no champion though there was one."""
    return dg.AssetCheckResult(
        check_name=CHECK,
        passed=reason is None,
        severity=dg.AssetCheckSeverity.WARN,
        description="The champion could be read, or there was none." if reason is None else f"Not compared: {reason}.",
    )
