"""The asset `recommendations`: the table that the fusion job reads, one list a user, made by the champion alone.

Each figure of the audit is a check of this asset, both when the night passes and is visible, and when it fails and is
kept beside the table for whoever looks into it.
"""

from collections.abc import Iterator
from datetime import timedelta

import dagster as dg

from pipelines.policy.failures import as_failure
from pipelines.policy.metadata import OWNERS, column_schema
from pipelines.policy.partitions import CONTEXT_WINDOW, DAILY
from pipelines.policy.pictures import REPORTS
from pipelines.policy.resources import MLflow, Warehouse
from pipelines.serving.pages import audited, check_specs, published_metadata, read_back
from pipelines.serving.publish import publish_night, serving_champion
from pipelines.serving.samples import if_readable, some_users
from pipelines.settings.launchpad import ServingKnobs
from pipelines.tracking.runs import git_commit
from warehouse.recommendations.limits import CHECKS

FRESH = timedelta(hours=36)  # the asset shows as stale when no night has come for so long
TABLE = "recommendations"


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
    check_specs=check_specs(TABLE, CHECKS),
)
def recommendations(
    context: dg.AssetExecutionContext, config: ServingKnobs, warehouse: Warehouse, mlflow: MLflow
) -> Iterator[dg.AssetCheckResult | dg.MaterializeResult]:
    """Make every user's list with the champion, publish the night, drop nights older than is kept."""
    from warehouse.recommendations import AuditFailed, retain

    day = context.partition_key
    with as_failure():
        tracking = mlflow.open()
        champion = serving_champion(tracking)
        context.log.info(f"Lists of {day} come from version {champion.version} of {champion.tags.get('run_date')}")
        try:
            notes = {"dagster_run": context.run.run_id, "git_commit": git_commit()}
            published = publish_night(day, config, warehouse, champion, notes)
        except AuditFailed as failed:
            yield from audited(TABLE, failed.audit)
            raise
        if config.keep_nights:
            left = retain(warehouse.layout, config.keep_nights, config.vacuum_hours)
            context.log.info(
                f"{len(left.kept)} night(s) stand, {len(left.dropped)} dropped, {left.vacuumed} files deleted"
            )
    path = warehouse.layout.recommendations
    yield from audited(TABLE, published.audit)
    yield read_back(TABLE, path, published)
    report = warehouse.layout.report(day)
    links = {
        "mlflow_run": dg.MetadataValue.url(tracking.page(champion.run_id)),
        "report": dg.MetadataValue.url(tracking.page(champion.run_id, f"{tracking.REPORTS}/{report.name}")),
        "report_page": dg.MetadataValue.url(f"/{REPORTS}/{report.name}"),  # served by `make ui`
        "report_file": dg.MetadataValue.path(str(report)),  # all are made next, by night_report
    }
    told = published_metadata(TABLE, path, champion, published, owners="users")
    lists = if_readable(lambda: some_users(warehouse, day, config.window_days))
    yield dg.MaterializeResult(metadata={**links, "lists": lists, **told})
