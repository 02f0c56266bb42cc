"""The table the fusion job reads: one list a user, made by the champion and nobody else.

The night is written beside the table, audited there, and only then published; each figure of the audit is a check of
this asset, whether the night passes (and is visible) or fails (and is kept for whoever looks into it).
"""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import dagster as dg

from pipelines.policy.failures import as_failure
from pipelines.policy.metadata import column_schema, markdown_table
from pipelines.policy.reports import OWNERS
from pipelines.policy.resources import MLflow, Warehouse
from pipelines.settings.knobs import ServingKnobs
from pipelines.settings.partitions import CONTEXT_WINDOW, DAILY
from pipelines.tracking import registry
from pipelines.tracking.runs import git_commit
from warehouse.recommendations.limits import CHECKS, AuditLimits

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

    from warehouse.recommendations import Audit, Published

FRESH = timedelta(hours=36)  # a night that has not come by then shows as stale
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
            published = _publish(context, config, warehouse, champion)
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
    page = dg.MetadataValue.url(tracking.page(champion.run_id))
    yield dg.MaterializeResult(metadata={"mlflow_run": page, **_metadata(warehouse, champion, published)})


def _publish(
    context: dg.AssetExecutionContext, config: ServingKnobs, warehouse: Warehouse, champion: "ModelVersion"
) -> "Published":
    """Score the contexts in one pass and publish what comes."""
    from gru4rec.serving.recommend import Recommender
    from warehouse.config import ContextConfig
    from warehouse.recommendations import Expected, NightFacts, publish
    from warehouse.steps.contexts.audience import audience
    from warehouse.steps.contexts.build import contexts
    from warehouse.steps.contexts.shelf import shelf

    day = context.partition_key
    engine, layout = warehouse.engine(), warehouse.layout
    recommender = Recommender.load(registry.served_checkpoint(champion))
    shown = shelf(engine, layout, day, config.allow, config.deny)
    users = audience(engine, layout, day, config.window_days)
    expected = Expected(n=config.n, users=users, items=shown.of(recommender.scorer.vocabulary.ids))
    facts = NightFacts(
        model_version=int(champion.version),
        mlflow_run_id=champion.run_id,
        metadata={"dagster_run": context.run.run_id, "git_commit": git_commit()},
    )
    knobs = config.model_dump()
    limits = AuditLimits(**{name: knobs[name] for name in AuditLimits.__dataclass_fields__})
    chosen = ContextConfig(**{name: knobs[name] for name in ContextConfig.__dataclass_fields__})
    with contexts(engine, layout, day, chosen) as reader:
        batches = recommender.recommend_stream(reader, config.n, config.exclude_seen, shown.allow, shown.deny)
        return publish(layout, date.fromisoformat(day), batches, facts, expected, limits, engine=engine)


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
    """Count the rows of the published partition from its files' footers, as the fusion job finds them."""
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
