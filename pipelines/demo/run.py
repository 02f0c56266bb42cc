"""The demo from its data to its last line: fetch, import, backfill, one night through Dagster, and what came out."""

import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.demo.data import Ready, prepare
from pipelines.demo.report import report
from warehouse.layout import Layout

if TYPE_CHECKING:
    import dagster as dg


def demo(root: Path, home: Path) -> int:
    """Run it all below `root`, with Dagster's own home; returns the exit code."""
    begun = time.monotonic()
    ready = prepare(root)
    os.environ["GRU4REC_DATA"] = str(root)
    os.environ["DAGSTER_HOME"] = str(home)
    if not run(ready):
        print("The demo stopped; the reason is above, and in the Dagster UI (make ui).", file=sys.stderr)
        return 1
    report(Layout(root), ready.name, ready.last_day)
    print(f"\nIt took {time.monotonic() - begun:.0f} s. Look around: make ui (Dagster and MLflow, links are printed).")
    return 0


def run(ready: Ready) -> bool:
    """Backfill the days in one run, then the night of the last day; both are kept in the Dagster home."""
    import dagster as dg

    from pipelines.definitions import defs
    from pipelines.partitions import DAILY

    days = DAILY.get_partition_keys()
    span = {"dagster/asset_partition_range_start": days[0], "dagster/asset_partition_range_end": days[-1]}
    night = ready.last_day.isoformat()
    with dg.DagsterInstance.get() as instance:
        print(f"Reading {len(days)} days of events into the warehouse ...", flush=True)
        if not _execute(defs, "backfill_events", instance, tags=span):
            return False
        print(f"Running the night of {night} ...", flush=True)
        return _execute(defs, "nightly", instance, partition_key=night)


def _execute(defs: "dg.Definitions", job: str, instance: "dg.DagsterInstance", **options: Any) -> bool:
    done = defs.resolve_job_def(job).execute_in_process(
        instance=instance, raise_on_error=False, run_config={"loggers": {"plain": {}}}, **options
    )
    for event in done.all_events:
        if event.is_step_failure:
            failed = event.step_failure_data
            stated = failed.user_failure_data.description if failed.user_failure_data else None
            print(f"{event.step_key}: {stated or failed.error_display_string}", file=sys.stderr)
    return done.success
