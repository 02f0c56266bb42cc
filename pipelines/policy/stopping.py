"""A step that is told to stop stops within seconds, whatever it is at work on.

Dagster interrupts a step once: Python may drop that exception (see interruption), foreign code may not hear it or make
another error of it, a step whose process was not up yet is never told, and one whose run's process was killed has
nobody to tell it. So a thread looks after each step: it asks the run itself, interrupts once more, and ends the process
in the last resort, which it may at any moment: what a step writes appears whole or not at all.
"""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from multiprocessing import parent_process

import dagster as dg

from pipelines.policy import interruption

LOOK = 1.0  # seconds between two looks at the run
GRACE = 3.0  # seconds for a step to end after it was told, before it is told again; as many again, and it is ended
TOLD = {dg.DagsterRunStatus.CANCELING, dg.DagsterRunStatus.CANCELED}


@contextmanager
def stopping_soon() -> Iterator[None]:
    """Look after the step that is running; outside of a step, and beside the main thread, do nothing.

    Raises:
        DagsterExecutionInterruptedError: it was told to stop before this, or what runs here made another error of that.
    """
    try:
        context = dg.OpExecutionContext.get()
    except dg.DagsterInvariantViolationError:
        context = None
    if context is None or threading.current_thread() is not threading.main_thread():
        yield
        return
    through = threading.Event()
    looks = threading.Thread(target=_look_after, args=(context.instance, context.run_id, through), daemon=True)
    with nullcontext() if interruption.noticed() else interruption.noticing():
        if interruption.came():
            raise dg.DagsterExecutionInterruptedError
        looks.start()
        try:
            yield
        except Exception as error:
            if interruption.came():
                raise dg.DagsterExecutionInterruptedError from error
            raise
        finally:
            through.set()
            looks.join()


def _look_after(instance: dg.DagsterInstance, run_id: str, through: threading.Event) -> None:
    while not _told_to_stop(instance, run_id):
        if through.wait(LOOK):
            return
    others_tell = parent_process() is not None or interruption.came()  # of a run of the shell nobody tells its process
    if others_tell and through.wait(GRACE):
        return
    interruption.send(signal.SIGTERM)
    if through.wait(GRACE):
        return
    _end(instance, run_id)


def _told_to_stop(instance: dg.DagsterInstance, run_id: str) -> bool:
    """Whether a person ended the run, a signal came, or the process of the run is gone."""
    owner = parent_process()
    if interruption.came() or (owner is not None and not owner.is_alive()):
        return True
    if instance.is_ephemeral:  # nobody else knows the run
        return False
    with suppress(Exception):  # a database that cannot be asked now is asked again
        run = instance.get_run_by_id(run_id)
        return run is not None and run.status in TOLD
    return False


def _end(instance: dg.DagsterInstance, run_id: str) -> None:
    """End this process. A run of which it is but one step is closed by the run's own process, another one here."""
    if parent_process() is None:
        with suppress(Exception):
            run = instance.get_run_by_id(run_id)
            if run is not None and not run.is_finished:
                told = run.status in TOLD
                instance.report_run_canceled(run) if told else instance.report_run_failed(run)
        print(
            "interrupted: the step did not stop by itself and was ended; no table is left half written", file=sys.stderr
        )
    sys.stderr.flush()
    os._exit(128 + signal.SIGINT)
