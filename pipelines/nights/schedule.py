"""When nights start by themselves: every UTC day of data gets its night at the first tick after the day is over."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import dagster as dg
from dagster._utils.schedules import reverse_cron_string_iterator  # Dagster's public API has no way back from a tick

from pipelines.nights.jobs import nightly
from pipelines.policy.partitions import DAILY
from pipelines.settings.read import current_settings
from warehouse.days import days_between

_knobs = current_settings().knobs.schedule


def nights_of(tick: datetime, cron: str, zone: str) -> list[date]:
    """The UTC days that ended after the tick before this one and not after this one, ascending.

    Each day thus belongs to one tick of a schedule, whatever its hours and its zone: where clocks are put back, a
    tick of the small hours has two nights; where they are put forward, it may have none; a weekly one has seven.

    Args:
        tick: an aware time.
        cron: five fields.
        zone: that the fields are told in.
    """
    moment = tick.timestamp()  # times of one zone compare by the wall clock, which repeats an hour in autumn
    before = next(at for at in reverse_cron_string_iterator(moment, cron, zone) if at.timestamp() < moment)
    return days_between(_last_whole_day(before) + timedelta(days=1), _last_whole_day(tick))


def _last_whole_day(moment: datetime) -> date:
    return moment.astimezone(UTC).date() - timedelta(days=1)


@dg.schedule(
    name="nightly_schedule",
    job=nightly,
    cron_schedule=_knobs.cron,
    execution_timezone=_knobs.timezone,
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Runs the night of every UTC day that ended since the tick before.",
)
def nightly_schedule(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """Ask for the nights of this tick, in order of date; a day outside the partitions is skipped with a sentence."""
    nights = [day.isoformat() for day in nights_of(context.scheduled_execution_time, _knobs.cron, _knobs.timezone)]
    held = [night for night in nights if DAILY.has_partition_key(night)]
    yield from (dg.RunRequest(run_key=night, partition_key=night) for night in held)
    if not nights:
        yield dg.SkipReason("No UTC day has ended since the tick before: nothing to do.")
    elif not held:
        outside = nights[0] if len(nights) == 1 else f"{nights[0]} to {nights[-1]}"
        yield dg.SkipReason(f"{outside} lies outside the days of [partitions]: nothing to do.")
