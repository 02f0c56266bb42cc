"""A night's sessions divided by time into train, validation and test; a check counts that nothing overlaps."""

import dagster as dg

from pipelines.policy.failures import as_failure
from pipelines.policy.metadata import OWNERS, column_schema, numbers_of, parquet_metadata
from pipelines.policy.partitions import DAILY
from pipelines.policy.resources import Warehouse
from pipelines.settings.launchpad import SplitsKnobs
from pipelines.settings.steps import step_config

FILLED = "every_part_has_sessions"


@dg.asset(
    description="The sessions with the part each belongs to: the last days are test, those before them validation.",
    group_name="sessions",
    kinds={"duckdb", "parquet"},
    owners=OWNERS,
    metadata={"dagster/column_schema": column_schema("splits")},
    partitions_def=DAILY,
    deps=["sessions"],
    check_specs=[
        dg.AssetCheckSpec(
            FILLED, asset="splits", partitions_def=DAILY, description="Every part that has days has sessions."
        )
    ],
)
def splits(context: dg.AssetExecutionContext, config: SplitsKnobs, warehouse: Warehouse) -> dg.MaterializeResult:
    """Split the night's sessions by the time they start."""
    from warehouse.config import SplitsConfig
    from warehouse.steps.splits.build import build_splits

    day = context.partition_key
    with as_failure():
        warehouse.files("sessions", day)
        report = build_splits(warehouse.engine(), warehouse.layout, day, step_config(SplitsConfig, config))
    empty = report.empty()
    if empty:
        context.log.warning(empty)
    found = parquet_metadata("splits", warehouse.layout.files("splits", day))
    return dg.MaterializeResult(
        metadata=found | numbers_of(report),
        check_results=[
            dg.AssetCheckResult(
                check_name=FILLED,
                passed=empty is None,
                severity=dg.AssetCheckSeverity.WARN,
                description=empty or ", ".join(f"{name}: {part.sessions:,}" for name, part in report.parts.items()),
            )
        ],
    )


@dg.asset_check(
    asset=splits,
    blocking=True,
    partitions_def=DAILY,
    description="No session stands in two splits, and no event of training is as late as the first held-out session.",
)
def splits_do_not_overlap(context: dg.AssetCheckExecutionContext, warehouse: Warehouse) -> dg.AssetCheckResult:
    """Read the partition back and count."""
    from warehouse.steps.splits.overlap import count_overlap

    with as_failure():
        found = count_overlap(warehouse.engine(), warehouse.layout, context.partition_key)
    return dg.AssetCheckResult(
        passed=found.in_two_parts == 0 and found.late_training_events == 0,
        description=(
            f"{found.sessions:,} sessions; {found.in_two_parts} in two splits; {found.late_training_events} training "
            "events within the held-out days"
        ),
        metadata={
            "sessions": found.sessions,
            "sessions_in_two_splits": found.in_two_parts,
            "late_training_events": found.late_training_events,
        },
    )
