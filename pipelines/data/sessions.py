"""Events of a window become sessions, and sessions are split by time."""

import dagster as dg

from pipelines.policy.failures import as_failure
from pipelines.policy.metadata import column_schema, parquet_metadata
from pipelines.policy.reports import OWNERS, numbers_of
from pipelines.policy.resources import Warehouse
from pipelines.settings.knobs import SessionsKnobs, SplitsKnobs
from pipelines.settings.partitions import DAILY, WINDOW

GROUP = "sessions"
KINDS = {"duckdb", "parquet"}


@dg.asset(
    description="A user's events with no long pause between them, over the window that ends with the run date.",
    group_name=GROUP,
    kinds=KINDS,
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
        report = build_sessions(warehouse.engine(), warehouse.layout, day, SessionsConfig(**config.model_dump()))
    found = parquet_metadata("sessions", warehouse.layout.partition("sessions", day))
    return dg.MaterializeResult(metadata=found | numbers_of(report))


@dg.asset(
    description="The sessions with the part each belongs to: the last days are test, those before them validation.",
    group_name=GROUP,
    kinds=KINDS,
    owners=OWNERS,
    metadata={"dagster/column_schema": column_schema("splits")},
    partitions_def=DAILY,
    deps=["sessions"],
)
def splits(context: dg.AssetExecutionContext, config: SplitsKnobs, warehouse: Warehouse) -> dg.MaterializeResult:
    """Split the night's sessions by the time they start."""
    from warehouse.config import SplitsConfig
    from warehouse.steps.splits.build import build_splits

    day = context.partition_key
    with as_failure():
        warehouse.partition("sessions", day)
        report = build_splits(warehouse.engine(), warehouse.layout, day, SplitsConfig(**config.model_dump()))
    found = parquet_metadata("splits", warehouse.layout.partition("splits", day))
    return dg.MaterializeResult(metadata=found | numbers_of(report))
