"""Raw parquet becomes events and rejected events: one partition a day that it arrived on."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import dagster as dg

from pipelines.data.due_days import page, read_due_days
from pipelines.policy.failures import as_failure
from pipelines.policy.metadata import OWNERS, column_schema
from pipelines.policy.partitions import DAILY
from pipelines.policy.resources import Warehouse
from pipelines.policy.turns import hold
from pipelines.settings.launchpad import EventsKnobs
from pipelines.settings.steps import step_config

if TYPE_CHECKING:
    from warehouse.config import EventsConfig
    from warehouse.layout import Layout
    from warehouse.steps.events.ingest import EventsReport

CHECKS = [
    dg.AssetCheckSpec(
        "events_not_empty",
        asset="events",
        partitions_def=DAILY,
        blocking=True,
        description="Every day of the run holds at least one event.",
    ),
    dg.AssetCheckSpec(
        "rejected_share",
        asset="events",
        partitions_def=DAILY,
        description="The share of rejected rows stays below its limit on every day; above it the day's events stay.",
    ),
]


def _spec(table: str, description: str) -> dg.AssetSpec:
    """The asset of one of the two tables that an ingestion writes."""
    schema = {"dagster/column_schema": column_schema(table)}
    return dg.AssetSpec(
        table,
        description=description,
        group_name="ingestion",
        kinds={"duckdb", "parquet"},
        owners=OWNERS,
        metadata=schema,
        skippable=True,
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
    check_specs=CHECKS,
)
def ingest_events(context: dg.AssetExecutionContext, config: EventsKnobs, warehouse: Warehouse) -> Iterator[Any]:
    """Ingest the days of the run in order; the first that cannot be read ends the run with a sentence.

    A run of one day first reads the days of its window that were delivered and not read, or delivered again since.
    """
    from warehouse.config import EventsConfig
    from warehouse.sources.raw.fetching import fetch_events
    from warehouse.steps.events.ingest import TooManyRejected, ingest_days

    with as_failure():
        hold(context, warehouse.layout, context.partition_keys)
        engine = warehouse.engine()
    reports: list[EventsReport] = []
    selected = {key.name for key in context.selected_asset_check_keys}
    with as_failure():
        wanted = step_config(EventsConfig, config)
        fetch_events(warehouse.layout, context.partition_keys)
        if strays := _strays(warehouse.layout):
            context.log.warning(strays)
        if len(context.partition_keys) == 1:
            reports += read_due_days(context, warehouse, wanted)
        try:
            for report in ingest_days(engine, warehouse.layout, context.partition_keys, wanted):
                reports.append(report)
                counts = f"{report.rows:,} events, {report.rejected:,} rejected, {report.late:,} late"
                context.log.debug(f"{report.day}: {counts}")
                for key in context.selected_asset_keys:
                    found = page(warehouse, key.to_user_string(), report)
                    context.add_asset_metadata(metadata=found, asset_key=key, partition_key=report.day.isoformat())
        except TooManyRejected as refused:
            if "rejected_share" in selected:
                yield _rejected_share(refused.share, str(refused), passed=False)
            raise
    rows, rejected = sum(report.rows for report in reports), sum(report.rejected for report in reports)
    context.log.info(f"{len(reports)} day(s): {rows:,} events, {rejected:,} rejected")
    for key in sorted(context.selected_asset_keys):
        yield dg.MaterializeResult(asset_key=key)
    yield from (check for check in _checks(reports, wanted) if check.check_name in selected)


def _strays(layout: "Layout") -> str | None:
    """One sentence that names what lies among the raw days and is none, so that it is not read; None where all are."""
    from warehouse.sentences import brief

    found = layout.raw_strays()
    if not found:
        return None
    names = ", ".join(path.name for path in found[:8]) + (f" and {len(found) - 8} more" if len(found) > 8 else "")
    why = "a day's folder is called YYYY-MM-DD (`pipelines check` says what to do)"
    return brief(f"not read in {layout.raw / 'events'}: {names}; {why}")


def _checks(reports: "list[EventsReport]", config: "EventsConfig") -> list[dg.AssetCheckResult]:
    """Whether each day has events (unless it may be empty), and whether few enough rows were rejected."""
    empty = [str(report.day) for report in reports if report.rows == 0]
    worst = max(reports, key=lambda report: report.rejected_share)
    return [
        dg.AssetCheckResult(
            asset_key="events",
            check_name="events_not_empty",
            passed=config.allow_empty_day or not empty,
            description=f"Without an event: {', '.join(empty)}" if empty else f"{len(reports)} day(s), none empty",
        ),
        _rejected_share(
            worst.rejected_share,
            f"At most {worst.rejected_share:.2%} of a day's rows were rejected ({worst.day})",
            passed=True,
        ),
    ]


def _rejected_share(share: float, description: str, *, passed: bool) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        asset_key="events",
        check_name="rejected_share",
        passed=passed,
        description=description,
        metadata={"rejected_share": share},
    )
