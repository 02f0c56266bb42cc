"""Checks where a wrong table would hurt. Those of an asset's own making (events, evaluation) stand beside it."""

from datetime import date

import dagster as dg

from pipelines import registry
from pipelines.assets.serving import recommendations
from pipelines.assets.sessions import splits
from pipelines.knobs import ServingKnobs
from pipelines.resources import MLflow, Warehouse


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


@dg.asset_check(
    asset=recommendations,
    description="Every user has exactly N distinct ranks and items, and every item is in the champion's catalogue.",
)
def recommendations_complete(
    context: dg.AssetCheckExecutionContext, config: ServingKnobs, warehouse: Warehouse, mlflow: MLflow
) -> dg.AssetCheckResult:
    """Read the published night back as the fusion job sees it; a list ends before N only where the catalogue does."""
    import pyarrow as pa
    import pyarrow.compute as pc

    from gru4rec.checkpoint import load
    from warehouse.recommendations import night

    found = night(warehouse.layout, date.fromisoformat(context.partition_key))
    version = mlflow.open().client.get_model_version(mlflow.model, str(found.model_version))
    catalogue = load(registry.served_checkpoint(version), "cpu").vocabulary.ids
    table = found.to_arrow(["user_id", "rank", "item_id", "context_length"])
    unknown = table.num_rows - (pc.sum(pc.is_in(table["item_id"], value_set=catalogue)).as_py() or 0)
    users = table.group_by("user_id").aggregate(
        [
            ("rank", "count"),
            ("rank", "count_distinct"),
            ("rank", "max"),
            ("item_id", "count_distinct"),
            ("context_length", "max"),
        ]
    )
    length = users["rank_count"]
    left = pc.subtract(pa.scalar(len(catalogue)), pc.cast(users["context_length_max"], pa.int64()))
    whole = pc.and_(pc.less_equal(length, config.n), pc.greater_equal(length, pc.min_element_wise(left, config.n)))
    for column in ("rank_count_distinct", "rank_max", "item_id_count_distinct"):
        whole = pc.and_(whole, pc.equal(users[column], length))
    broken = users.num_rows - (pc.sum(whole).as_py() or 0)
    return dg.AssetCheckResult(
        passed=broken == 0 and unknown == 0 and users.num_rows > 0,
        description=f"{users.num_rows:,} users; {broken} lists not whole; {unknown} rows with an unknown item",
        metadata={"users": users.num_rows, "broken": broken, "unknown": unknown, "n": config.n},
    )
