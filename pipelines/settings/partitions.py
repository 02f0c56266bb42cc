"""Every asset is partitioned by UTC day; the key is `run_date`, the last day of data that a night knows."""

from datetime import date, timedelta

import dagster as dg

from pipelines.settings.read import knob


def daily(first_day: str, last_day: str | None) -> dg.DailyPartitionsDefinition:
    """One partition a day from `first_day` to `last_day`, both included; without a last day, to yesterday."""
    end = (date.fromisoformat(last_day) + timedelta(days=1)).isoformat() if last_day else None
    return dg.DailyPartitionsDefinition(start_date=first_day, end_date=end, timezone="UTC")


def window(days: int) -> dg.TimeWindowPartitionMapping:
    """A night reads its own day and the `days` - 1 before it, as far as they exist."""
    return dg.TimeWindowPartitionMapping(start_offset=1 - days, allow_nonexistent_upstream_partitions=True)


DAILY = daily(knob("partitions", "first_day"), knob("partitions", "last_day"))
WINDOW = window(knob("sessions", "window_days"))
CONTEXT_WINDOW = window(knob("contexts", "window_days"))
