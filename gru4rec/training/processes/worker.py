"""A process that helps a leader with its updates: `python -m gru4rec.training.processes.worker`, started by the leader.

It knows nothing of files, validation or checkpoints: it is given a training, makes the epochs that it is told to, and
ends when the leader does.
"""

import datetime
import os
import signal
import sys
import threading
import time

import torch
import torch.distributed as dist

from gru4rec.training.processes.handover import Handover, share_state
from gru4rec.training.trainer import DivergenceError, Trainer
from gru4rec.training.update import group

STORE, RANK, SIZE = "GRU4REC_STORE", "GRU4REC_RANK", "GRU4REC_SIZE"  # of a worker's environment
FOREVER = datetime.timedelta(days=7)  # a leader may measure for hours between two epochs


def serve() -> None:
    """Help with one training after another until the leader says that it was the last, or is gone."""
    while True:
        try:
            header = group.hear()
        except RuntimeError:  # the leader is gone; it has said why, if there was something to say
            return
        if "end" in header:
            return
        _train(header)


def _train(header: dict[str, object]) -> None:
    """Make the epochs of one training that the leader announces; epoch 0 ends it."""
    torch.set_num_threads(int(str(header["threads"])))
    own = int(os.environ.get("LOCAL_RANK", group.current().rank))
    device = torch.device("cpu")
    if header["device"] == "cuda":
        device = torch.device("cuda", own)
        torch.cuda.set_device(device)  # streams and events that name no device are this one's
    given = Handover.receive(header, device)
    trainer = Trainer(given.model, given.sessions, given.config, columns=given.columns)
    trainer.restore(share_state(trainer.tensors()))
    while epoch := int(group.hear()["epoch"]):
        try:
            for _ in trainer.epoch(epoch):
                pass
        except DivergenceError:  # the leader sees the same losses, and says so
            return


def main() -> int:
    """Join the leader that started this process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes of a shell; the leader decides
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    join(os.environ[STORE], int(os.environ[RANK]), int(os.environ[SIZE]))
    serve()
    dist.destroy_process_group()  # threads of it that still run when Python ends would abort the process
    return 0


def join(store: str, rank: int, size: int) -> None:
    """Become one of the processes that meet at a file."""
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    meeting = dist.FileStore(store, size)  # type: ignore[attr-defined]
    dist.init_process_group(backend, store=meeting, rank=rank, world_size=size, timeout=FOREVER)


def _end_with(parent: int) -> None:
    """End this process when its parent does, whatever it waits for."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
