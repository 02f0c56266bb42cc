"""Raw parquet becomes events, rejected events and items: one partition a day that it arrived on."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import dagster as dg

from pipelines.policy.failures import as_failure
from pipelines.policy.metadata import column_schema, parquet_metadata
from pipelines.policy.reports import OWNERS
from pipelines.policy.resources import Warehouse
from pipelines.settings.knobs import EventsKnobs, ItemsKnobs
from pipelines.settings.partitions import DAILY

if TYPE_CHECKING:
    from warehouse.config import EventsConfig
    from warehouse.steps.events.ingest import EventsReport

GROUP = "ingestion"
KINDS = {"duckdb", "parquet"}


def _spec(table: str, description: str) -> dg.AssetSpec:
    """What the two tables of one ingestion have in common."""
    schema = {"dagster/column_schema": column_schema(table)}
    return dg.AssetSpec(
        table, description=description, group_name=GROUP, kinds=KINDS, owners=OWNERS, metadata=schema, skippable=True
    )


@dg.multi_asset(
    name="ingest_events",
    specs=[
        _spec("events", "Who met what, when: the raw events that arrived on the day, cleaned."),
        _spec("rejected_events", "Raw rows that cannot be events, each with its reason and its source file."),
    ],
    partitions_def=DAILY,
    can_subset=True,
    backfill_policy=dg.BackfillPolicy.single_run(),
    check_specs=[
        dg.AssetCheckSpec(
            "events_not_empty",
            asset="events",
            blocking=True,
            description="Every day of the run holds at least one event.",
        ),
        dg.AssetCheckSpec(
            "rejected_share",
            asset="events",
            description="The share of rejected rows stays below its limit on every day.",
        ),
    ],
)
def ingest_events(context: dg.AssetExecutionContext, config: EventsKnobs, warehouse: Warehouse) -> Iterator[Any]:
    """Ingest every day of the run, one after the other; a day that cannot be read ends the run with a sentence."""
    from warehouse.config import EventsConfig
    from warehouse.steps.events.ingest import ingest_day

    engine, reports = warehouse.engine(), []
    with as_failure():
        settings = EventsConfig(**config.model_dump())
        for day in context.partition_keys:
            report = ingest_day(engine, warehouse.layout, day, settings)
            reports.append(report)
            context.log.debug(f"{day}: {report.rows:,} events, {report.rejected:,} rejected, {report.late:,} late")
            for key in context.selected_asset_keys:
                _describe(context, warehouse, key.to_user_string(), day, report)
    rows, rejected = sum(report.rows for report in reports), sum(report.rejected for report in reports)
    context.log.info(f"{len(reports)} day(s): {rows:,} events, {rejected:,} rejected")
    for key in sorted(context.selected_asset_keys):
        yield dg.MaterializeResult(asset_key=key)
    wanted = {key.name for key in context.selected_asset_check_keys}
    yield from (check for check in _checks(reports, settings) if check.check_name in wanted)


def _checks(reports: "list[EventsReport]", settings: "EventsConfig") -> list[dg.AssetCheckResult]:
    """The days are not empty (unless they may be), and few enough rows were rejected."""
    empty = [str(report.day) for report in reports if report.rows == 0]
    worst = max(reports, key=lambda report: report.rejected_share)
    problem = worst.problem(settings)
    return [
        dg.AssetCheckResult(
            asset_key="events",
            check_name="events_not_empty",
            passed=settings.allow_empty_day or not empty,
            description=f"Without an event: {', '.join(empty)}" if empty else f"{len(reports)} day(s), none empty",
        ),
        dg.AssetCheckResult(
            asset_key="events",
            check_name="rejected_share",
            passed=problem is None,
            description=problem or f"At most {worst.rejected_share:.2%} of a day's rows were rejected ({worst.day})",
            metadata={"rejected_share": worst.rejected_share},
        ),
    ]


def _describe(
    context: dg.AssetExecutionContext, warehouse: Warehouse, table: str, day: str, report: "EventsReport"
) -> None:
    found = parquet_metadata(table, warehouse.layout.partition(table, day))
    if table == "events":
        found |= {
            name: getattr(report, name) for name in ("raw_rows", "late", "duplicates", "filtered", "rejected_share")
        }
    else:
        found |= {"by_reason": dg.MetadataValue.json(dict(report.rejected_by_reason))}
    context.add_asset_metadata(metadata=found, asset_key=table, partition_key=day)


@dg.asset(
    description="The catalogue as last delivered: items with their titles. Empty where no raw items are.",
    group_name=GROUP,
    kinds=KINDS,
    owners=OWNERS,
    metadata={"dagster/column_schema": column_schema("items")},
    partitions_def=DAILY,
    backfill_policy=dg.BackfillPolicy.single_run(),
)
def items(context: dg.AssetExecutionContext, config: ItemsKnobs, warehouse: Warehouse) -> None:
    """Write the catalogue of every day of the run."""
    from warehouse.steps.items.ingest import ingest_items

    for day in context.partition_keys:
        with as_failure():
            report = ingest_items(warehouse.layout, day, **config.model_dump())
        found = parquet_metadata("items", warehouse.layout.partition("items", day))
        found |= {"duplicates": report.duplicates, "rejected": report.rejected}
        context.add_asset_metadata(metadata=found, partition_key=day)
