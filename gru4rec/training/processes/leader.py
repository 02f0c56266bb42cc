"""The leader of a training by several processes: it starts workers, hands them each training, and announces epochs."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
import torch.distributed as dist

from gru4rec.config.options import Config, ConfigError
from gru4rec.data.sessions import Sessions
from gru4rec.network.model import GRU4Rec
from gru4rec.training.processes.handover import Handover, share_state
from gru4rec.training.processes.worker import RANK, SIZE, STORE, join
from gru4rec.training.trainer import Trainer
from gru4rec.training.update import group
from gru4rec.training.update.optimizer import Optimizer

LARGEST_TABLE = 32 * 2**30  # bytes of the item table and its optimizer's slots that every process can hold whole
INTERFACE = "GLOO_SOCKET_IFNAME"  # the variable that tells gloo where to listen
PATIENCE = 10.0  # seconds for workers to end by themselves
MOMENT = 2.0  # seconds for a worker whose connection is gone to be gone itself


class Crew:
    """The workers of one training; with no others in the group every call does nothing."""

    def __init__(self, model: GRU4Rec, sessions: Sessions, config: Config) -> None:
        """Hand the training to them; the leader's own trainer is made after this, with these `columns`."""
        self._alone = group.current().size == 1
        self.columns = not self._alone and table_bytes(model, config) > LARGEST_TABLE
        if not self._alone:
            Handover(model, sessions, config, self.columns).send()

    def begin(self, trainer: Trainer) -> None:
        """Let all begin where the leader stands."""
        if not self._alone:
            share_state(trainer.tensors())

    def epoch(self, number: int) -> None:
        """Let all make this epoch; the leader must make it too."""
        if not self._alone:
            group.say({"epoch": number})

    def end(self) -> None:
        """This training is over."""
        self.epoch(0)


def table_bytes(model: GRU4Rec, config: Config) -> int:
    """Bytes of the item table with what the optimizer keeps beside it."""
    slots = Optimizer(config.optimizer, model.device, model.output.dtype).slots
    return int(model.output.numel() * model.output.element_size() * (1 + len(slots)))


def check(config: Config, processes: int, device: torch.device) -> None:
    """Raise ConfigError where several processes cannot train what the configuration asks for, or not on this device."""
    if processes == 1:
        return
    if processes < 1:
        raise ConfigError(f"processes is {processes}; give a number of at least 1")
    if config.features.selected_features:
        raise ConfigError("a model with item features is trained by one process; use processes=1")
    if config.model.embedding != "shared":
        raise ConfigError(f"embedding={config.model.embedding} is trained by one process; use embedding=shared")
    fewest = min(config.member(order).train.batch_size for order in range(config.train.members))
    if processes > fewest:
        raise ConfigError(f"{processes} processes cannot share {fewest} lanes (batch_size); use at most {fewest}")
    if device.type == "cuda" and group.current().size == 1:  # a worker that finds none would leave the leader waiting
        gpus = torch.cuda.device_count()
        if device.index or processes > gpus:
            raise ConfigError(
                f"{processes} processes take a GPU each, counted from 0, and {gpus} are here, asked for is {device}: "
                "use device=cuda and at most as many processes, or device=cpu"
            )


@contextmanager
def workers(processes: int) -> Iterator[None]:
    """Lead so many processes of this machine inside the block; a group that is there already (torchrun) stays.

    Raises:
        ChildProcessError: a worker ended while it was needed.
    """
    if processes == 1 or group.current().size > 1:
        yield
        return
    with tempfile.TemporaryDirectory(prefix="gru4rec-processes-") as folder, _on_this_machine():
        store = str(Path(folder) / "store")
        started = [_start(store, rank, processes) for rank in range(1, processes)]
        try:
            join(store, 0, processes)
            yield
            group.say({"end": True})
        except BaseException as error:
            ended = _exit_codes(started) if isinstance(error, RuntimeError) else []
            for process in started:
                process.kill()  # before it misses the leader, and says so at length
            if not ended:
                raise
            raise ChildProcessError(
                f"a process of the training ended (exit code {ended[0]}) while the others needed it: "
                f"go on with resume, or use one process ({str(error).splitlines()[0][:200]})"
            ) from error
        finally:
            if dist.is_initialized():
                dist.destroy_process_group()
            _end(started)


@contextmanager
def _on_this_machine() -> Iterator[None]:
    """Let processes that are started in the block listen to nothing beyond this machine, unless told where."""
    if INTERFACE in os.environ:
        yield
        return
    os.environ[INTERFACE] = "lo"
    try:
        yield
    finally:
        del os.environ[INTERFACE]


def _start(store: str, rank: int, size: int) -> subprocess.Popen[bytes]:
    path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
    known = {**os.environ, "PYTHONPATH": path, STORE: store, RANK: str(rank), SIZE: str(size)}
    command = [sys.executable, "-m", "gru4rec.training.processes.worker"]
    return subprocess.Popen(command, env=known, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def _exit_codes(started: list[subprocess.Popen[bytes]]) -> list[int]:
    """Those of workers that have ended. A killed one is missed by the leader a moment before it can be waited for."""
    until = time.monotonic() + MOMENT
    while not (codes := [code for process in started if (code := process.poll()) is not None]):
        if time.monotonic() > until:
            break
        time.sleep(0.01)
    return codes


def _end(started: list[subprocess.Popen[bytes]]) -> None:
    """Wait a little for workers that were told to end, then end them."""
    for process in started:
        try:
            process.wait(PATIENCE if sys.exc_info()[0] is None else 0.5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
