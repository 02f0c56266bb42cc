"""The table the fusion job reads: one list a user, made by the champion and nobody else."""

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import dagster as dg

from pipelines import registry
from pipelines.failures import as_failure
from pipelines.knobs import ServingKnobs
from pipelines.metadata import column_schema, markdown_table
from pipelines.partitions import CONTEXT_WINDOW, DAILY
from pipelines.policy import OWNERS
from pipelines.resources import MLflow, Warehouse
from pipelines.tracking import git_commit

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

    from warehouse.recommendations import Published

FRESH = timedelta(hours=36)  # a night that has not come by then shows as stale


@dg.asset(
    description=(
        "The night's lists: N distinct items a user, best first, in a Delta table with one partition a night. "
        "Written, audited, then published; a night that fails its audit is never visible."
    ),
    group_name="serving",
    kinds={"deltalake", "pytorch"},
    owners=OWNERS,
    metadata={"dagster/column_schema": column_schema("recommendations")},
    partitions_def=DAILY,
    deps=["champion_model", dg.AssetDep("events", partition_mapping=CONTEXT_WINDOW), "items"],
    freshness_policy=dg.FreshnessPolicy.time_window(fail_window=FRESH),
)
def recommendations(
    context: dg.AssetExecutionContext, config: ServingKnobs, warehouse: Warehouse, mlflow: MLflow
) -> dg.MaterializeResult:
    """Make every user's list with the champion and publish the night."""
    day = context.partition_key
    with as_failure():
        tracking = mlflow.open()
        champion = registry.aliased(tracking, registry.CHAMPION)
        if champion is None:
            raise ValueError("There is no champion model yet: materialise champion_model, or `pipelines promote` one.")
        context.log.info(f"Lists of {day} come from version {champion.version} of {champion.tags.get('run_date')}")
        published = _publish(context, config, warehouse, champion)
    return dg.MaterializeResult(metadata=_metadata(warehouse, day, champion, published))


def _publish(
    context: dg.AssetExecutionContext, config: ServingKnobs, warehouse: Warehouse, champion: "ModelVersion"
) -> "Published":
    from gru4rec.recommend import Recommender
    from warehouse.config import ContextConfig
    from warehouse.contexts import contexts
    from warehouse.recommendations import Expected, NightFacts, publish

    day = context.partition_key
    knobs = config.model_dump(exclude={"n", "exclude_seen"})
    recommender = Recommender.load(registry.served_checkpoint(champion))
    catalogue = recommender.scorer.vocabulary.ids
    facts = NightFacts(
        model_version=int(champion.version),
        mlflow_run_id=champion.run_id,
        metadata={"dagster_run": context.run.run_id, "git_commit": git_commit()},
    )
    with contexts(warehouse.engine(), warehouse.layout, day, ContextConfig(**knobs)) as reader:
        batches = recommender.recommend_stream(reader, n=config.n, exclude_seen=config.exclude_seen)
        expected = Expected(n=config.n, items=catalogue)
        return publish(
            warehouse.layout, date.fromisoformat(day), batches, facts, expected,
            memory_limit=warehouse.memory_limit, threads=warehouse.threads or None,
        )  # fmt: skip


def _metadata(warehouse: Warehouse, day: str, champion: "ModelVersion", published: "Published") -> dict[str, Any]:
    from warehouse.recommendations import night

    found = night(warehouse.layout, date.fromisoformat(day))
    head = next(found.batches(["user_id", "rank", "item_id", "score", "probability", "model", "context_length"]))
    return {
        "dagster/row_count": published.rows,
        "path": dg.MetadataValue.path(str(warehouse.layout.recommendations)),
        "users": published.users,
        "table_version": published.version,
        "model_version": int(champion.version),
        "mlflow_run_id": champion.run_id,
        "audit": dg.MetadataValue.md(
            markdown_table(
                ["name", "passed", "value", "limit", "meaning"],
                [vars(check) for check in published.audit.checks],
            )
        ),
        "preview": dg.MetadataValue.md(markdown_table(head.schema.names, head.slice(0, 10).to_pylist())),
    }
