"""What happens when a run fails: a line in the daemon's log, and lists from the old champion."""

import dagster as dg

from pipelines.nights.jobs import nightly, retrain, serve

MODEL_STEPS = {"gru4rec_model", "offline_evaluation", "champion_model"}  # the lists can do without these


@dg.run_failure_sensor(
    name="log_failures",
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Writes one line for every failed run to the daemon's log: which job, which night, what happened.",
)
def log_failures(context: dg.RunFailureSensorContext) -> None:
    """Log why the run failed. This is the place to send a mail or a message from."""
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
    """Ask for the night's lists when only the model failed; without the day's data there is nothing to serve."""
    night = context.dagster_run.tags.get("dagster/partition")
    failed = {event.step_key for event in context.get_step_failure_events()}
    if night is None or not failed or not failed <= MODEL_STEPS:
        return dg.SkipReason(f"Not the model failed but {', '.join(sorted(filter(None, failed))) or 'the run itself'}.")
    return dg.RunRequest(run_key=context.dagster_run.run_id, partition_key=night)


def _reason(context: dg.RunFailureSensorContext) -> str:
    """The sentences of the failed steps, or Dagster's own message."""
    failures = [event.step_failure_data.user_failure_data for event in context.get_step_failure_events()]
    sentences = [failure.description for failure in failures if failure is not None]
    return "; ".join(filter(None, sentences)) or str(context.failure_event.message)
