"""When a night starts by itself."""

from datetime import UTC, timedelta

import dagster as dg

from pipelines.nights.jobs import nightly
from pipelines.settings.partitions import DAILY
from pipelines.settings.read import current_settings

_knobs = current_settings().knobs.schedule


@dg.schedule(
    name="nightly_schedule",
    job=nightly,
    cron_schedule=_knobs.cron,
    execution_timezone=_knobs.timezone,
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Runs the night of the last whole UTC day before the tick.",
)
def nightly_schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """Ask for the night of the day before the tick; a day outside the partitions is skipped with a sentence."""
    night = (context.scheduled_execution_time.astimezone(UTC) - timedelta(days=1)).date().isoformat()
    if not DAILY.has_partition_key(night):
        return dg.SkipReason(f"{night} lies outside the days of [partitions]: nothing to do.")
    return dg.RunRequest(run_key=night, partition_key=night)
