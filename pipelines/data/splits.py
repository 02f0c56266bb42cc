"""A night's sessions divided by time into train, validation and test; a check counts that nothing overlaps."""

import dagster as dg

from pipelines.policy import parts
from pipelines.policy.failures import as_failure
from pipelines.policy.metadata import OWNERS, column_schema, numbers_of, parquet_metadata
from pipelines.policy.resources import Warehouse
from pipelines.settings.launchpad import SplitsKnobs
from pipelines.settings.partitions import DAILY
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
    check_specs=[dg.AssetCheckSpec(FILLED, asset="splits", description="Every part that has days has sessions.")],
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
    description="No session stands in two splits, and no event of training is as late as the first held-out session.",
)
def splits_do_not_overlap(context: dg.AssetCheckExecutionContext, warehouse: Warehouse) -> dg.AssetCheckResult:
    """Read the partition back and count."""
    import pyarrow.compute as pc

    table = warehouse.read("splits", context.partition_key)
    sessions = table.group_by([*parts.SESSION_KEY, "split"]).aggregate([])
    distinct = sessions.group_by(list(parts.SESSION_KEY)).aggregate([]).num_rows
    twice = sessions.num_rows - distinct
    trained, held_out = parts.part(table, "train"), parts.held_out(table)
    bound = pc.min(held_out["session_start"])
    late = pc.sum(pc.greater_equal(trained["timestamp"], bound)).as_py() or 0 if held_out.num_rows else 0
    return dg.AssetCheckResult(
        passed=twice == 0 and late == 0,
        description=f"{distinct:,} sessions; {twice} in two splits; {late} training events within the held-out days",
        metadata={"sessions": distinct, "sessions_in_two_splits": twice, "late_training_events": late},
    )
