"""Every asset is partitioned by UTC day; the key is `run_date`, the last day of data that a night knows."""

from datetime import date, timedelta

import dagster as dg

from pipelines.settings.read import current_settings


def daily(first_day: str, last_day: str | None) -> dg.DailyPartitionsDefinition:
    """One partition a day from `first_day` to `last_day`, both included; without a last day, to yesterday."""
    end = (date.fromisoformat(last_day) + timedelta(days=1)).isoformat() if last_day else None
    return dg.DailyPartitionsDefinition(start_date=first_day, end_date=end, timezone="UTC")


def window(days: int) -> dg.TimeWindowPartitionMapping:
    """A night reads its own day and the `days` - 1 before it, as far as they exist."""
    return dg.TimeWindowPartitionMapping(start_offset=1 - days, allow_nonexistent_upstream_partitions=True)


_knobs = current_settings().knobs
DAILY = daily(_knobs.partitions.first_day, _knobs.partitions.last_day)
WINDOW = window(_knobs.sessions.window_days)
CONTEXT_WINDOW = window(_knobs.contexts.window_days)
