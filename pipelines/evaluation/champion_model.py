"""The asset `champion_model`: asks the gate, and alone moves the alias champion from night to night."""

import dagster as dg

from pipelines.evaluation.gate import decide_night
from pipelines.policy.failures import as_failure
from pipelines.policy.metadata import OWNERS
from pipelines.policy.resources import MLflow, Warehouse
from pipelines.settings.launchpad import GateKnobs
from pipelines.settings.partitions import DAILY
from pipelines.tracking import registry


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
        decision = decide_night(rows, config, challenger, registry.aliased(tracking, registry.CHAMPION))
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
        }
    )
