"""When things run: the nightly job and its schedule, jobs for backfilling, and a sensor that notices failures."""

from datetime import timedelta

import dagster as dg

from pipelines.settings.partitions import DAILY
from pipelines.settings.read import knob

INGESTED = dg.AssetSelection.assets("events", "rejected_events", "items")

nightly = dg.define_asset_job(
    "nightly",
    selection=dg.AssetSelection.all(),
    description="Every asset of one night, from the day's raw events to the published recommendations.",
)
backfill_events = dg.define_asset_job(
    "backfill_events",
    selection=INGESTED,
    description="Events, rejected events and items of many days in one run: start it as a backfill over the days.",
)
retrain = dg.define_asset_job(
    "retrain",
    selection=dg.AssetSelection.all() - INGESTED,
    description="A night again from its events on: sessions, model, evaluation, gate, recommendations.",
)
serve = dg.define_asset_job(
    "serve",
    selection=dg.AssetSelection.assets("recommendations"),
    description="The lists of a night, from whoever is champion: after a failed training, or a promotion by hand.",
)
JUDGING = {"gru4rec_model", "offline_evaluation", "champion_model"}


@dg.schedule(
    name="nightly_schedule",
    job=nightly,
    cron_schedule=knob("schedule", "cron"),
    execution_timezone=knob("schedule", "timezone"),
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Runs the night of the last whole UTC day before the tick.",
)
def nightly_schedule(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """The night of the day before the tick; a day outside the partitions is skipped with a sentence."""
    from datetime import UTC

    night = (context.scheduled_execution_time.astimezone(UTC) - timedelta(days=1)).date().isoformat()
    if not DAILY.has_partition_key(night):
        return dg.SkipReason(f"{night} lies outside the days of [partitions]: nothing to do.")
    return dg.RunRequest(run_key=night, partition_key=night)


@dg.run_failure_sensor(
    name="log_failures",
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Writes one line for every failed run to the daemon's log: which job, which night, what happened.",
)
def log_failures(context: dg.RunFailureSensorContext) -> None:
    """Log the run's first sentence of failure; a place to send mail or a message from."""
    run = context.dagster_run
    night = run.tags.get("dagster/partition", "no partition")
    context.log.error(f"{run.job_name} of {night} failed (run {run.run_id}): {_reason(context)}")


@dg.run_failure_sensor(
    name="serve_old_champion",
    monitored_jobs=[nightly, retrain],
    request_job=serve,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="A night whose training or judging failed still gets its lists, from the old champion.",
)
def serve_old_champion(context: dg.RunFailureSensorContext) -> dg.RunRequest | dg.SkipReason:
    """Ask for the lists of the night when only the model failed; without data of the day there is nothing to serve."""
    night = context.dagster_run.tags.get("dagster/partition")
    failed = {event.step_key for event in context.get_step_failure_events()}
    if night is None or not failed or not failed <= JUDGING:
        return dg.SkipReason(f"Not the model failed but {', '.join(sorted(filter(None, failed))) or 'the run itself'}.")
    return dg.RunRequest(run_key=context.dagster_run.run_id, partition_key=night)


def _reason(context: dg.RunFailureSensorContext) -> str:
    """The sentences of the failed steps, or Dagster's own message."""
    failures = [event.step_failure_data.user_failure_data for event in context.get_step_failure_events()]
    sentences = [failure.description for failure in failures if failure is not None]
    return "; ".join(filter(None, sentences)) or str(context.failure_event.message)
