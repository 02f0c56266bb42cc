"""The asset `recommendations`: the table that the fusion job reads, one list a user, made by the champion alone.

Each figure of the audit is a check of this asset, both when the night passes and is visible, and when it fails and is
kept beside the table for whoever looks into it.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import dagster as dg

from pipelines.policy.failures import as_failure
from pipelines.policy.metadata import OWNERS, column_schema, markdown_table
from pipelines.policy.resources import MLflow, Warehouse
from pipelines.serving.publish import publish_night
from pipelines.settings.launchpad import ServingKnobs
from pipelines.settings.partitions import CONTEXT_WINDOW, DAILY
from pipelines.tracking import registry
from pipelines.tracking.runs import git_commit
from warehouse.recommendations.limits import CHECKS

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

    from warehouse.recommendations import Audit, Published

FRESH = timedelta(hours=36)  # the asset shows as stale when no night has come for so long
COMPLETE = "recommendations_complete"
SPECS = [
    dg.AssetCheckSpec(
        COMPLETE, asset="recommendations", description="The published night, read back, has every row that was audited."
    ),
    *(dg.AssetCheckSpec(f"audit_{name}", asset="recommendations", description=text) for name, text in CHECKS.items()),
]


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
    check_specs=SPECS,
)
def recommendations(
    context: dg.AssetExecutionContext, config: ServingKnobs, warehouse: Warehouse, mlflow: MLflow
) -> Iterator[dg.AssetCheckResult | dg.MaterializeResult]:
    """Make every user's list with the champion, publish the night, drop nights older than is kept."""
    from warehouse.recommendations import AuditFailed, retain

    day = context.partition_key
    with as_failure():
        tracking = mlflow.open()
        champion = registry.aliased(tracking, registry.CHAMPION)
        if champion is None:
            raise ValueError("There is no champion model yet: materialise champion_model, or `pipelines promote` one.")
        context.log.info(f"Lists of {day} come from version {champion.version} of {champion.tags.get('run_date')}")
        try:
            notes = {"dagster_run": context.run.run_id, "git_commit": git_commit()}
            published = publish_night(day, config, warehouse, champion, notes)
        except AuditFailed as failed:
            yield from _check_results(failed.audit)
            raise
        if config.keep_nights:
            left = retain(warehouse.layout, config.keep_nights, config.vacuum_hours)
            context.log.info(
                f"{len(left.kept)} nights stand, {len(left.dropped)} dropped, {left.vacuumed} files deleted"
            )
    yield from _check_results(published.audit)
    yield _read_back(warehouse, published)
    report = warehouse.layout.report(day)
    links = {
        "mlflow_run": dg.MetadataValue.url(tracking.page(champion.run_id)),
        "report": dg.MetadataValue.url(tracking.page(champion.run_id, f"{tracking.REPORTS}/{report.name}")),
        "report_file": dg.MetadataValue.path(str(report)),  # both are made next, by night_report
    }
    yield dg.MaterializeResult(metadata={**links, **_metadata(warehouse, champion, published)})


def _check_results(audit: "Audit") -> Iterator[dg.AssetCheckResult]:
    """One check result for each question of the audit."""
    for check in audit.checks:
        found = "not known yet" if check.value is None else f"{check.value:,.6g}"
        yield dg.AssetCheckResult(
            check_name=f"audit_{check.name}",
            asset_key="recommendations",
            passed=check.passed,
            description=f"{check.meaning}: {found} (allowed: {check.limit})",
            metadata={} if check.value is None else {"value": float(check.value)},
        )


def _read_back(warehouse: Warehouse, published: "Published") -> dg.AssetCheckResult:
    """Whether the published partition holds every row that was audited, counted from its files' footers."""
    import pyarrow.parquet as pq

    from warehouse.recommendations import night

    rows = sum(pq.read_metadata(file).num_rows for file in night(warehouse.layout, published.run_date).files)
    return dg.AssetCheckResult(
        check_name=COMPLETE,
        asset_key="recommendations",
        passed=rows == published.rows and published.audit.passed,
        description=f"{rows:,} rows of {published.users:,} users stand in the table, {published.rows:,} were audited",
        metadata={"rows": rows, "users": published.users},
    )


def _metadata(warehouse: Warehouse, champion: "ModelVersion", published: "Published") -> dict[str, Any]:
    from warehouse.recommendations import night

    found = night(warehouse.layout, published.run_date)
    head = next(found.batches(["user_id", "rank", "item_id", "score", "probability", "model", "context_length"]))
    return {
        "dagster/row_count": published.rows,
        "dagster/column_schema": column_schema("recommendations", found.schema),
        "path": dg.MetadataValue.path(str(warehouse.layout.recommendations)),
        "users": published.users,
        "table_version": published.version,
        "model_version": int(champion.version),
        "mlflow_run_id": champion.run_id,
        **{f"seconds_{part}": round(seconds, 3) for part, seconds in published.seconds.items()},
        "audit": dg.MetadataValue.md(
            markdown_table(
                ["name", "passed", "value", "limit", "meaning"],
                [vars(check) for check in published.audit.checks],
            )
        ),
        "preview": dg.MetadataValue.md(markdown_table(head.schema.names, head.slice(0, 10).to_pylist())),
    }
