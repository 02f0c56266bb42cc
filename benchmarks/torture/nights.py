"""A night in a process of its own, in seconds: the parent has everything imported, and forks.

A night is the job *nightly* of a tiny shop, run by Dagster in one process, as `python -m pipelines night` runs it.
"""

import contextlib
import gc
import importlib
import json
import os
import signal
import sys
import time
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

FIRST, SECOND = "2026-01-02", "2026-01-03"
SETTINGS = f"""
[partitions]
first_day = "2026-01-01"
last_day = "{SECOND}"
[engine]
threads = 1
[sessions]
window_days = 3
min_item_support = 1
[splits]
validation_days = 0
test_days = 1
[model]
preset = "rsc15"
device = "cpu"
threads = 1
[model.overrides]
hidden_size = 8
epochs = 1
n_sample = 16
batch_size = 32
[evaluation]
baselines = ["popularity"]
bootstrap = 20
[gate]
min_events = 1
best_baseline_share = 0.0
[recommendations]
n = 5
keep_nights = 5
[mlflow]
system_metrics = false
"""
INTERRUPTED = 130  # how pipelines.policy.stopping ends a process, in the last resort
LIMIT = 300.0  # seconds in which a night, or one that was told to stop, must have ended


@dataclass(frozen=True)
class Ended:
    """How a night ended.

    Args:
        signal: that killed the process; 0 where it ended by itself.
        success: whether the job says that every step succeeded.
        sentences: of the steps that failed with one.
        traces: the stack traces of what failed otherwise.
        seconds: that it ran.
        work: its processor seconds.
        modules: that it had to import, in that order.
    """

    signal: int
    success: bool
    sentences: list[str]
    traces: list[str]
    seconds: float
    work: float = 0.0
    modules: list[str] = field(default_factory=list)


def warm(modules: list[str]) -> None:
    """Import what a night had to import, so that the next ones, forked from this process, begin at once.

    The only threads that this starts are those that allocators look after through a fork (jemalloc's) and polars'
    sweeper, which no night waits for. What is imported is left out of the garbage collections of every fork.
    """
    for name in modules:
        with contextlib.suppress(ImportError):  # code of a registered model, which only that night could reach
            importlib.import_module(name)
    from mlflow.utils.requirements_utils import warn_dependency_requirement_mismatches

    from pipelines.tracking.runs import REQUIREMENTS, git_commit

    warn_dependency_requirement_mismatches(list(REQUIREMENTS))  # reads what is installed, once a process
    git_commit()
    gc.freeze()


class Night:
    """A running night."""

    def __init__(self, root: Path, day: str, job: str = "nightly") -> None:
        self._answer = root.parent / f"{root.name}.answer.json"
        self._answer.unlink(missing_ok=True)
        self._begun = time.monotonic()
        sys.stdout.flush()
        self.process = os.fork()
        if self.process == 0:
            _child(root, day, job, self._answer)

    def worked(self, work: float) -> bool:
        """Wait until it has used `work` processor seconds; False where it ended before.

        Processor seconds stand for the same places of a night however busy the machine is.
        """
        watched = psutil.Process(self.process)
        while watched.status() != psutil.STATUS_ZOMBIE and self._age() < LIMIT:
            used = watched.cpu_times()
            if used.user + used.system >= work:
                return True
            time.sleep(0.005)
        return False

    def kill(self, which: int) -> None:
        """Send a signal; a process that has ended waits for `ended` and takes no harm."""
        os.kill(self.process, which)

    def ended(self) -> Ended:
        """Wait for the end; one that does not come within LIMIT seconds is made to, and the night has failed."""
        late, last = False, self._age() + LIMIT
        while True:
            found, status, usage = os.wait4(self.process, os.WNOHANG)
            if found:
                break
            if self._age() > last and not late:
                late = True
                self.kill(9)
            time.sleep(0.02)
        seconds, work = self._age(), usage.ru_utime + usage.ru_stime
        if late:
            return Ended(0, False, [], [f"no end within {LIMIT:.0f} s"], seconds, work)
        which = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
        try:
            said = json.loads(self._answer.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            said = {"success": False, "sentences": [], "traces": [] if which else [_last_words(status)]}
        modules = said.get("modules", [])
        return Ended(which, said["success"], said["sentences"], said["traces"], seconds, work, modules)

    def _age(self) -> float:
        return time.monotonic() - self._begun


def _last_words(status: int) -> str:
    """What stands for a night that ended without its answer, and not by a signal."""
    if os.waitstatus_to_exitcode(status) == INTERRUPTED:
        return "interrupted: the step did not stop by itself and was ended"
    return "the process said nothing"


def _child(root: Path, day: str, job: str, answer: Path) -> None:
    """Run the night, write down how it went, and leave without the parent's endings."""
    with (root.parent / f"{root.name}.log").open("ab", buffering=0) as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # polars, a reader, has put its own there
    before = set(sys.modules)
    try:
        said = _run(root, day, job)
        said["modules"] = [name for name in sys.modules if name not in before]
    except BaseException:
        said = {"success": False, "sentences": [], "traces": [traceback.format_exc()]}
    answer.write_text(json.dumps(said), encoding="utf-8")
    os._exit(0 if said["success"] else 1)


def _run(root: Path, day: str, job: str) -> dict[str, Any]:
    import dagster as dg

    from pipelines.definitions import defs
    from pipelines.policy.failures import is_stated, reason
    from pipelines.policy.interruption import noticing
    from pipelines.policy.resources import resources
    from pipelines.settings.read import load

    given = resources(load({"GRU4REC_DATA": str(root)}))
    config: dict[str, Any] = {"loggers": {"plain": {}}}
    config["resources"] = {name: {"config": one.model_dump()} for name, one in given.items()}
    with noticing(), dg.DagsterInstance.ephemeral() as instance:
        done = defs.resolve_job_def(job).execute_in_process(
            instance=instance,
            partition_key=day,
            run_config=config,
            raise_on_error=False,
        )
    failures = [event for event in done.all_events if event.is_step_failure]
    return {
        "success": done.success,
        "sentences": [reason(event) for event in failures if is_stated(event)],
        "traces": [event.step_failure_data.error_display_string for event in failures if not is_stated(event)],
    }
