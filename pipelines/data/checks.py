"""Checks where a wrong table would hurt. Those of an asset's own making (events, evaluation, recommendations) stand
beside it.
"""

import dagster as dg

from pipelines.data.sessions import splits
from pipelines.policy.resources import Warehouse


@dg.asset_check(
    asset=splits,
    blocking=True,
    description="No session stands in two splits, and no event of training is as late as the first test session.",
)
def splits_do_not_overlap(context: dg.AssetCheckExecutionContext, warehouse: Warehouse) -> dg.AssetCheckResult:
    """Read the partition back and count."""
    import pyarrow.compute as pc

    table = warehouse.read("splits", context.partition_key)
    sessions = table.group_by(["user_id", "session_start", "split"]).aggregate([])
    distinct = sessions.group_by(["user_id", "session_start"]).aggregate([]).num_rows
    twice = sessions.num_rows - distinct
    trained = table.filter(pc.equal(table["split"], "train"))
    held_out = table.filter(pc.not_equal(table["split"], "train"))
    bound = pc.min(held_out["session_start"])
    late = pc.sum(pc.greater_equal(trained["timestamp"], bound)).as_py() or 0 if held_out.num_rows else 0
    return dg.AssetCheckResult(
        passed=twice == 0 and late == 0,
        description=f"{distinct:,} sessions; {twice} in two splits; {late} training events within the held-out days",
        metadata={"sessions": distinct, "sessions_in_two_splits": twice, "late_training_events": late},
    )
