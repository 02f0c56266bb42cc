"""Days of a night's window that must be read before it: delivered and never read, delivered again since, or damaged."""

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import dagster as dg

from pipelines.policy.metadata import parquet_metadata
from pipelines.policy.partitions import DAILY
from pipelines.policy.resources import Warehouse
from pipelines.policy.turns import hold
from pipelines.settings.read import current_settings
from pipelines.settings.steps import step_config

if TYPE_CHECKING:
    from warehouse.config import EventsConfig
    from warehouse.layout import Layout
    from warehouse.steps.events.ingest import EventsReport

TABLES = ("events", "rejected_events")


def read_due_days(
    context: dg.AssetExecutionContext, warehouse: Warehouse, config: "EventsConfig"
) -> "list[EventsReport]":
    """Ingest the days that are due before the run's own day, each shown as a partition of the two tables.

    A day that cannot be read is a warning with its reason: the asset `sessions` decides what a night does without it.
    """
    from warehouse.steps.events.ingest import ingest_day

    engine, reports = warehouse.engine(), []
    for day in due_days(warehouse.layout, date.fromisoformat(context.partition_key), config):
        try:
            hold(context, warehouse.layout, [day.isoformat()])
            report = ingest_day(engine, warehouse.layout, day, config)
        except (ValueError, FileNotFoundError) as error:
            context.log.warning(f"{day} is due and cannot be read: {error}")
            continue
        reports.append(report)
        context.log.info(f"{day} was due and is read: {report.rows:,} events, {report.rejected:,} rejected")
        for table in TABLES:
            found = page(warehouse, table, report)
            context.log_event(dg.AssetMaterialization(table, metadata=found, partition=day.isoformat()))
    return reports


def due_days(layout: "Layout", night: date, config: "EventsConfig") -> list[date]:
    """The days before `night`, of all that it looks at, that are to be read first; ascending.

    Days that were never delivered are among them only where a day may be empty.
    """
    from warehouse.config import ContextConfig, SessionsConfig
    from warehouse.days import days_between
    from warehouse.sources.raw.fetching import fetch_events
    from warehouse.sources.raw.unit import finish_imports
    from warehouse.steps.clicks.cut import first_read
    from warehouse.steps.events.calendar import calendar

    finish_imports(layout)
    knobs = current_settings().knobs
    first = min(
        first_read(night, step_config(SessionsConfig, knobs.sessions)),
        first_read(night, step_config(ContextConfig, knobs.sessions, knobs.contexts)),
    )
    fetch_events(layout, days_between(first, night - timedelta(days=1)))
    window = calendar(layout, first, night)
    empty = window.missing if config.allow_empty_day else ()
    due = {*window.unread, *window.stale, *window.damaged, *empty} - {night}
    return [day for day in sorted(due) if DAILY.has_partition_key(day.isoformat())]


def page(warehouse: Warehouse, table: str, report: "EventsReport") -> dict[str, Any]:
    """What the page of one of the two tables shows of a day."""
    found = parquet_metadata(table, warehouse.layout.files(table, report.day))
    if table == "rejected_events":
        return found | {"by_reason": dg.MetadataValue.json(dict(report.rejected_by_reason))}
    names = ("raw_rows", "late", "duplicates", "filtered", "rejected_share")
    return found | {name: getattr(report, name) for name in names}
