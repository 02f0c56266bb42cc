"""The asset `similar_items`: what is like each item, as the champion has it, published as the users' lists are."""

from collections.abc import Iterator

import dagster as dg

from pipelines.policy.failures import as_failure
from pipelines.policy.metadata import OWNERS, column_schema
from pipelines.policy.partitions import DAILY
from pipelines.policy.resources import MLflow, Warehouse
from pipelines.serving.pages import audited, check_specs, published_metadata, read_back
from pipelines.serving.publish import publish_similar, serving_champion
from pipelines.serving.samples import if_readable, some_items
from pipelines.settings.launchpad import SimilarKnobs
from pipelines.tracking.runs import git_commit
from warehouse.recommendations.limits import SIMILAR_CHECKS

TABLE = "similar_items"


@dg.asset(
    description=(
        "What is similar to each item that the champion knows: N items, best first, by the cosine of their rows in its "
        "output layer. A Delta table with one partition a night; written, audited, then published."
    ),
    group_name="serving",
    kinds={"deltalake", "pytorch"},
    owners=OWNERS,
    metadata={"dagster/column_schema": column_schema(TABLE)},
    partitions_def=DAILY,
    deps=["champion_model", "items"],
    check_specs=check_specs(TABLE, SIMILAR_CHECKS),
)
def similar_items(
    context: dg.AssetExecutionContext, config: SimilarKnobs, warehouse: Warehouse, mlflow: MLflow
) -> Iterator[dg.AssetCheckResult | dg.MaterializeResult]:
    """Compare every item with every other, publish the night, drop nights older than is kept."""
    from warehouse.recommendations import AuditFailed, retain

    day, path = context.partition_key, warehouse.layout.similar_items
    with as_failure():
        tracking = mlflow.open()
        champion = serving_champion(tracking)
        try:
            notes = {"dagster_run": context.run.run_id, "git_commit": git_commit()}
            published = publish_similar(day, config, warehouse, champion, notes)
        except AuditFailed as failed:
            yield from audited(TABLE, failed.audit)
            raise
        if config.keep_nights:
            retain(path, config.keep_nights, config.vacuum_hours)
    yield from audited(TABLE, published.audit)
    yield read_back(TABLE, path, published)
    page = dg.MetadataValue.url(tracking.page(champion.run_id))
    told = published_metadata(TABLE, path, champion, published, owners="items")
    lists = if_readable(lambda: some_items(path, day))
    yield dg.MaterializeResult(metadata={"mlflow_run": page, "lists": lists, **told})
