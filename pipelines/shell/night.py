"""Runs without the UI, in this process: days of events are read, and a night is run. Dagster's home records both.

The assets' log lines go to standard error. A failed step says why at once, and the last line says it again; between the
two stands the stack trace of an error that nobody foresaw.
"""

import os
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.settings.read import SettingsError, current_settings
from pipelines.shell.home import make_databases, shared, unusable
from warehouse.layout import Layout

if TYPE_CHECKING:
    import dagster as dg

# By this tag the UI shows a run on its job's page: the repository and the code location of workspace.yaml.
REPOSITORY_TAG, REPOSITORY = ".dagster/repository", "__repository__@gru4rec_nightly"
LAST = {"nightly", "serve"}  # nothing follows these: one that came through in spite of a signal stands


def night(day: str | None = None, *, backfill: bool = False, lists_only: bool = False) -> bool:
    """Run the job nightly, or the job serve alone.

    Args:
        day: its date, like 2026-01-31; None: the last day of the partitions.
        backfill: whether to read first the events of the earlier days that the night learns from.
        lists_only: whether to make the lists of a night that ran before anew, with the champion as it stands now.

    Returns:
        Whether every step succeeded. Where only the model failed, the champion before makes the night's lists.

    Raises:
        SettingsError: `day` is no day of the partitions, or the device to train on is not there.
    """
    from pipelines.nights.sensors import only_the_model
    from pipelines.policy.partitions import DAILY

    days = DAILY.get_partition_keys()
    chosen = (days[-1] if days else "yesterday") if day is None else day
    if chosen not in days:
        held = f"{days[0]} to {days[-1]}" if days else "none yet"
        raise SettingsError(f"{chosen[:40] or 'An empty text'} is no day of the pipeline; [partitions] has {held}.")
    knobs = current_settings().knobs
    require_device(knobs.model.device)
    window = max(knobs.sessions.window_days, knobs.contexts.window_days)
    first = (date.fromisoformat(chosen) - timedelta(days=window - 1)).isoformat()
    earlier = [known for known in days if first <= known < chosen]
    if backfill and earlier:
        print(f"Reading the events of {len(earlier)} days, {earlier[0]} to {earlier[-1]} ...", flush=True)
        if not execute("backfill_events", tags=_span(earlier)):
            return False
    if lists_only:
        print(f"Making the lists of {chosen} with the champion ...", flush=True)
        return execute("serve", partition_key=chosen)
    print(f"Running the night of {chosen} ...", flush=True)
    failed = failed_steps("nightly", partition_key=chosen)
    if only_the_model(failed):
        print("Only the model failed: the lists are made by the champion before ...", flush=True)
        if execute("serve", partition_key=chosen):
            print(f"nightly failed: {_why(failed)}", file=sys.stderr)
    return not failed


def require_device(name: str) -> None:
    """SettingsError where the device of [model] is not there: said now, not hours later, when the training begins."""
    if name in ("auto", "cpu"):
        return
    from gru4rec.storage.checkpoint import resolve_device

    try:
        resolve_device(name)
    except ValueError as error:
        raise SettingsError(f"[model] device: {error}.") from None


def everything() -> bool:
    """Read the events of every day of the partitions, and run the last day's night; returns whether all succeeded."""
    from pipelines.policy.partitions import DAILY

    days = DAILY.get_partition_keys()
    print(f"Reading {len(days)} days of events into the warehouse ...", flush=True)
    return execute("backfill_events", tags=_span(days)) and night(days[-1])


def execute(job: str, **options: Any) -> bool:
    """Execute a job in this process; the last line says why it failed, if it did. Returns whether it did not."""
    return not failed_steps(job, **options)


def failed_steps(job: str, *, tags: Mapping[str, str] | None = None, **options: Any) -> "list[dg.DagsterEvent]":
    """Execute a job in this process, say why it failed, and tell those whom [alerts] names.

    Returns:
        The failure of each step that failed; none after a success.

    Raises:
        KeyboardInterrupt: Ctrl+C or SIGTERM came before the job was through, or before what is to follow it.
    """

    from pipelines.definitions import defs
    from pipelines.policy.failures import is_stated
    from pipelines.policy.interruption import noticing
    from pipelines.policy.turns import release

    night = options.get("partition_key", "no partition")
    with noticing() as interrupted:
        with _databases_said(job, night), _opened_home() as instance:
            done = defs.resolve_job_def(job).execute_in_process(
                instance=instance,
                raise_on_error=False,
                run_config={"loggers": {"plain": {}}},
                tags={REPOSITORY_TAG: REPOSITORY, **(tags or {})},
                **options,
            )
        release(Layout(current_settings().root), done.run_id)
        if interrupted() and not (done.success and job in LAST):
            why = f"{job} was told to stop: no table is left half written; run it again"
            _tell(job, night, why, done.run_id)
            raise KeyboardInterrupt(why)
    failures = [event for event in done.all_events if event.is_step_failure]
    for event in failures:
        if not is_stated(event):
            print(event.step_failure_data.error_display_string, file=sys.stderr)
    if failures:
        why = _why(failures)
        _tell(job, night, why, done.run_id)
        print(f"{job} failed: {why}", file=sys.stderr)
    return failures


def _opened_home() -> "dg.DagsterInstance":
    """Dagster's home, with its databases; a warning where it is another data folder's."""
    import dagster as dg

    home = Path(os.environ["DAGSTER_HOME"])
    make_databases(home)
    if warning := shared(home, current_settings().root):
        print(warning, file=sys.stderr)
    return dg.DagsterInstance.get()


def _why(failures: "Sequence[dg.DagsterEvent]") -> str:
    """Each failed step with its reason, in one line."""
    from pipelines.policy.failures import reason

    return "; ".join(f"{event.step_key}: {reason(event)}" for event in failures)


@contextmanager
def _databases_said(job: str, night: str) -> Iterator[None]:
    """Turn what Dagster's databases say, which is a stack trace, into a sentence; a full disk is told to people too."""
    from sqlalchemy.exc import SQLAlchemyError

    from pipelines.tracking import store

    try:
        yield
    except Exception as error:
        places = (current_settings().root, Path(os.environ["DAGSTER_HOME"]))
        full = next((place for place in places if shutil.disk_usage(place).free < store.LEAST), None)
        if full is None:
            if isinstance(error, SQLAlchemyError):
                raise unusable(places[1], error) from error
            raise
        why = f"the disk that holds {full} is full: free space and run it again; no table was left half written"
        _tell(job, night, why, "not recorded")
        raise ValueError(f"{job} failed: {why} ({' '.join(str(error).split())[:200]})") from error


def _tell(job: str, night: str, why: str, run_id: str) -> None:
    """Post the failure to the webhook, where one is named; a message that is not delivered stops nothing."""
    from pipelines.nights.alerts import post, sentence

    if url := current_settings().knobs.alerts.url:
        facts = {"job": job, "night": night, "reason": why, "run": run_id}
        if problem := post(url, sentence(job, night, why, run_id), **facts):
            print(problem, file=sys.stderr)


def _span(days: Sequence[str]) -> dict[str, str]:
    """The tags by which one run covers a range of days."""
    return {"dagster/asset_partition_range_start": days[0], "dagster/asset_partition_range_end": days[-1]}
