"""A step ends when its run is told to stop, though nobody interrupts it, and whatever became of an interruption."""

import signal
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import pytest

from pipelines.policy import stopping
from pipelines.policy.failures import as_failure, reason

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dg.DagsterInstance]:
    """Dagster's records in a folder; steps look at them often."""
    with (
        pytest.MonkeyPatch.context() as patch,
        dg.DagsterInstance.local_temp(str(tmp_path_factory.mktemp("home"))) as found,
    ):
        patch.setattr(stopping, "LOOK", 0.05)
        patch.setattr(stopping, "GRACE", 0.2)
        yield found


def run(instance: dg.DagsterInstance, work: Callable[[dg.OpExecutionContext], None]) -> dg.DagsterRun:
    """A run of two steps, of which the first does this work; gives it as the records have it afterwards."""

    @dg.op
    def first(context: dg.OpExecutionContext) -> int:
        with as_failure():
            work(context)
        return 1

    @dg.op
    def second(number: int) -> None:
        raise AssertionError("it went on")

    @dg.job
    def both() -> None:
        second(first())

    done = both.execute_in_process(instance=instance, raise_on_error=False)
    found = instance.get_run_by_id(done.run_id)
    assert found is not None
    return found


def cancel(context: dg.OpExecutionContext) -> None:
    """Put down that a person ended the run, as the UI does, and tell no process."""
    context.instance.report_run_canceling(context.run)


class Held:
    """Something that a weak reference can look at."""


def waits(context: dg.OpExecutionContext) -> None:
    cancel(context)
    time.sleep(60)


def drops_it(context: dg.OpExecutionContext) -> None:
    """The exception is raised where Python drops it."""
    cancel(context)
    held = Held()
    looks = weakref.ref(held, lambda _: signal.raise_signal(signal.SIGINT))
    del held
    assert looks() is None
    time.sleep(60)


def makes_another_error_of_it(context: dg.OpExecutionContext) -> None:
    cancel(context)
    try:
        time.sleep(60)
    except BaseException:
        raise ValueError("no affine matrix") from None


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("work", [waits, drops_it, makes_another_error_of_it])
def test_a_step_of_a_run_that_a_person_ended_ends(
    instance: dg.DagsterInstance, work: Callable[[dg.OpExecutionContext], None]
) -> None:
    before = set(threading.enumerate())
    found = run(instance, work)
    assert found.status == dg.DagsterRunStatus.CANCELED
    [failed] = instance.all_logs(found.run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
    assert failed.dagster_event is not None
    assert reason(failed.dagster_event) == "interrupted", "no name of a class of Dagster's"
    assert set(threading.enumerate()) <= before


def test_nobody_is_ended_who_was_not_told_to(instance: dg.DagsterInstance) -> None:
    def fails(context: dg.OpExecutionContext) -> None:
        time.sleep(0.3)
        raise ValueError("a sentence")

    found = run(instance, fails)
    assert found.status == dg.DagsterRunStatus.FAILURE
    [failed] = instance.all_logs(found.run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
    assert failed.dagster_event is not None
    assert failed.dagster_event.step_failure_data.user_failure_data.description == "a sentence"


DEAF = """
import sys, time
import dagster as dg
from pipelines.policy import stopping
from pipelines.policy.failures import as_failure, reason
stopping.LOOK, stopping.GRACE = 0.05, 0.2

@dg.op
def deaf(context: dg.OpExecutionContext) -> None:
    with as_failure():
        context.instance.report_run_canceling(context.run)
        while True:
            try:
                time.sleep(60)
            except BaseException:
                pass

@dg.job
def one():
    deaf()

with dg.DagsterInstance.local_temp(sys.argv[1]) as instance:
    one.execute_in_process(instance=instance)
"""


@pytest.mark.slow
def test_a_step_that_hears_nothing_is_ended(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", DEAF, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 130, done.stderr
    assert done.stderr.splitlines()[-1].startswith("interrupted: the step did not stop by itself and was ended")
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        assert [found.status for found in instance.get_runs()] == [dg.DagsterRunStatus.CANCELED]
