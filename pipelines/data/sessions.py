"""Events of a window become sessions; a check names the days of the window that are missing."""

from typing import TYPE_CHECKING, Any

import dagster as dg

from pipelines.policy.failures import as_failure
from pipelines.policy.metadata import OWNERS, column_schema, numbers_of, parquet_metadata
from pipelines.policy.one_log import require_one_log
from pipelines.policy.partitions import DAILY, WINDOW
from pipelines.policy.resources import MLflow, Warehouse
from pipelines.policy.turns import after_older_nights, hold
from pipelines.settings.launchpad import SessionsKnobs
from pipelines.settings.steps import step_config

if TYPE_CHECKING:
    from warehouse.steps.events.calendar import Calendar

WHOLE = "window_is_whole"


@dg.asset(
    description="A user's events with no long pause between them, over the window that ends with the run date.",
    group_name="sessions",
    kinds={"duckdb", "parquet"},
    owners=OWNERS,
    metadata={"dagster/column_schema": column_schema("sessions")},
    partitions_def=DAILY,
    deps=[dg.AssetDep("events", partition_mapping=WINDOW)],
    check_specs=[
        dg.AssetCheckSpec(
            WHOLE,
            asset="sessions",
            partitions_def=DAILY,
            description="Every day of the window was delivered, and read as it lies there by one set of settings.",
        )
    ],
)
def sessions(
    context: dg.AssetExecutionContext, config: SessionsKnobs, warehouse: Warehouse, mlflow: MLflow
) -> dg.MaterializeResult:
    """Build the window's sessions; what was dropped on the way is counted in the metadata."""
    from warehouse.config import SessionsConfig
    from warehouse.steps.sessions.build import build_sessions

    day = context.partition_key
    with as_failure():
        hold(context, warehouse.layout, [day])
        after_older_nights(context)
        require_one_log(warehouse, mlflow, day, config.window_days)
        report = build_sessions(warehouse.engine(), warehouse.layout, day, step_config(SessionsConfig, config))
    remarks = report.window.remarks()
    if remarks:
        context.log.warning(remarks)
    found = parquet_metadata("sessions", warehouse.layout.files("sessions", day)) | numbers_of(report)
    return dg.MaterializeResult(
        metadata=found | _days(report.window),
        check_results=[
            dg.AssetCheckResult(
                check_name=WHOLE,
                passed=remarks is None,
                severity=dg.AssetCheckSeverity.WARN,
                description=remarks or f"All {len(report.window.days)} days were delivered and read",
            )
        ],
    )


def _days(window: "Calendar") -> dict[str, Any]:
    """How many days the window has, and those of them that are not as they should be, by name."""
    from warehouse.days import spans

    named = {name: getattr(window, name) for name in ("missing", "unread", "stale", "withdrawn", "otherwise")}
    return {
        "days": len(window.days),
        "days_read": len(window.read),
        **{f"days_{name}": spans(days) or "none" for name, days in named.items()},
    }
