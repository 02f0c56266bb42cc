"""Runs without the UI, in this process: days of events are read, and a night is run. Dagster's home records both.

The assets' log lines and the reason of a failed step, one sentence, go to standard error.
"""

import sys
from collections.abc import Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from pipelines.settings.read import SettingsError, current_settings

if TYPE_CHECKING:
    import dagster as dg


def night(day: str | None = None, *, backfill: bool = False) -> bool:
    """Run the job nightly.

    Args:
        day: its date, like 2026-01-31; None: the last day of the partitions.
        backfill: whether to read first the events of the earlier days that the night learns from.

    Returns:
        Whether every step succeeded.

    Raises:
        SettingsError: `day` is no day of the partitions.
    """
    from pipelines.settings.partitions import DAILY

    days = DAILY.get_partition_keys()
    chosen = day or (days[-1] if days else "")
    if chosen not in days:
        held = f"{days[0]} to {days[-1]}" if days else "none yet"
        raise SettingsError(f"{chosen or 'yesterday'} is no day of the pipeline; [partitions] has {held}.")
    knobs = current_settings().knobs
    window = max(knobs.sessions.window_days, knobs.contexts.window_days)
    first = (date.fromisoformat(chosen) - timedelta(days=window - 1)).isoformat()
    earlier = [known for known in days if first <= known < chosen]
    if backfill and earlier:
        print(f"Reading the events of {len(earlier)} days, {earlier[0]} to {earlier[-1]} ...", flush=True)
        if not execute("backfill_events", tags=_span(earlier)):
            return False
    print(f"Running the night of {chosen} ...", flush=True)
    return execute("nightly", partition_key=chosen)


def everything() -> bool:
    """Read the events of every day of the partitions, and run the last day's night; returns whether all succeeded."""
    from pipelines.settings.partitions import DAILY

    days = DAILY.get_partition_keys()
    print(f"Reading {len(days)} days of events into the warehouse ...", flush=True)
    return execute("backfill_events", tags=_span(days)) and night(days[-1])


def execute(job: str, **options: Any) -> bool:
    """Execute a job in this process and print why each failed step failed; returns whether none did."""
    import dagster as dg

    from pipelines.definitions import defs

    with dg.DagsterInstance.get() as instance:
        done = defs.resolve_job_def(job).execute_in_process(
            instance=instance, raise_on_error=False, run_config={"loggers": {"plain": {}}}, **options
        )
    for event in done.all_events:
        if event.is_step_failure:
            print(f"{event.step_key}: {_reason(event)}", file=sys.stderr)
    return done.success


def _span(days: Sequence[str]) -> dict[str, str]:
    """The tags by which one run covers a range of days."""
    return {"dagster/asset_partition_range_start": days[0], "dagster/asset_partition_range_end": days[-1]}


def _reason(event: "dg.DagsterEvent") -> str:
    failed = event.step_failure_data
    stated = failed.user_failure_data.description if failed.user_failure_data else None
    return stated or failed.error_display_string
