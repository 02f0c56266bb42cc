"""What happens when a run fails: a line in the daemon's log, a message to people, and lists from the old champion.

Dagster takes a run of the shell for one of no code location. The log looks at all locations and has those runs too;
what else is to be done after a failed night the shell does itself, for no daemon may be there.
"""

from collections.abc import Collection, Iterator

import dagster as dg

from pipelines.nights.alerts import post, sentence
from pipelines.nights.jobs import nightly, retrain, serve
from pipelines.policy.failures import reason, stops_lists
from pipelines.settings.read import current_settings

MODEL_STEPS = {"gru4rec_model", "offline_evaluation", "champion_model"}  # the lists can do without these


@dg.run_failure_sensor(
    name="log_failures",
    default_status=dg.DefaultSensorStatus.RUNNING,
    monitor_all_code_locations=True,
    description="Writes one line for every failed run to the daemon's log: which job, which night, what happened.",
)
def log_failures(context: dg.RunFailureSensorContext) -> None:
    """Log why the run failed."""
    context.log.error(_said(context))


@dg.run_failure_sensor(
    name="alert_failures",
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Posts why a run failed to the webhook of [alerts] url, in one sentence; without one it does nothing.",
)
def alert_failures(context: dg.RunFailureSensorContext) -> dg.SkipReason | None:
    """Tell people."""
    run, url = context.dagster_run, current_settings().knobs.alerts.url
    if not url:
        return dg.SkipReason("[alerts] url names no webhook.")
    facts = {"job": run.job_name, "night": _night(run), "reason": _why(context), "run": run.run_id}
    if problem := post(url, _said(context), **facts):
        context.log.error(problem)
    return None


@dg.run_failure_sensor(
    name="serve_old_champion",
    monitored_jobs=[nightly, retrain],
    request_job=serve,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="A night whose training or judging failed still gets its lists, from the old champion.",
)
def serve_old_champion(context: dg.RunFailureSensorContext) -> dg.RunRequest | dg.SkipReason:
    """Ask for the night's lists when only the model failed; without the day's data there is nothing to serve."""
    run = context.dagster_run
    night = run.tags.get("dagster/partition")
    failed = context.get_step_failure_events()
    if night is None or not only_the_model(failed):
        steps = sorted({str(event.step_key) for event in failed})
        return dg.SkipReason(f"Not the model alone failed but {', '.join(steps) or 'the run itself'}.")
    return dg.RunRequest(run_key=run.run_id, partition_key=night)


def only_the_model(failed: Collection[dg.DagsterEvent]) -> bool:
    """Whether a night's failed steps leave a champion able to make its lists."""
    return bool(failed) and all(event.step_key in MODEL_STEPS and not stops_lists(event) for event in failed)


def _said(context: dg.RunFailureSensorContext) -> str:
    run = context.dagster_run
    return sentence(run.job_name, _night(run), _why(context), run.run_id)


def _night(run: dg.DagsterRun) -> str:
    return run.tags.get("dagster/partition", "no partition")


def _why(context: dg.RunFailureSensorContext) -> str:
    """The sentences of the failed steps, or Dagster's own message."""
    return "; ".join(_reasons(context)) or str(context.failure_event.message)


def _reasons(context: dg.RunFailureSensorContext) -> Iterator[str]:
    for event in context.get_step_failure_events():
        yield f"{event.step_key}: {reason(event)}"
