"""Events of a window become sessions."""

import dagster as dg

from pipelines.policy.failures import as_failure
from pipelines.policy.metadata import OWNERS, column_schema, numbers_of, parquet_metadata
from pipelines.policy.resources import Warehouse
from pipelines.settings.launchpad import SessionsKnobs
from pipelines.settings.partitions import DAILY, WINDOW
from pipelines.settings.steps import step_config


@dg.asset(
    description="A user's events with no long pause between them, over the window that ends with the run date.",
    group_name="sessions",
    kinds={"duckdb", "parquet"},
    owners=OWNERS,
    metadata={"dagster/column_schema": column_schema("sessions")},
    partitions_def=DAILY,
    deps=[dg.AssetDep("events", partition_mapping=WINDOW)],
)
def sessions(context: dg.AssetExecutionContext, config: SessionsKnobs, warehouse: Warehouse) -> dg.MaterializeResult:
    """Build the window's sessions; what was dropped on the way is counted in the metadata."""
    from warehouse.config import SessionsConfig
    from warehouse.steps.sessions.build import build_sessions

    day = context.partition_key
    with as_failure():
        report = build_sessions(warehouse.engine(), warehouse.layout, day, step_config(SessionsConfig, config))
    found = parquet_metadata("sessions", warehouse.layout.partition("sessions", day))
    return dg.MaterializeResult(metadata=found | numbers_of(report))
