"""`torchrun .. -m gru4rec fit ..`: on one machine or several; rank 0 runs the command, the others are its workers."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.distributed as dist

from gru4rec.training.processes.worker import FOREVER, serve
from gru4rec.training.update import group


@contextmanager
def joined() -> Iterator[bool]:
    """Join the group that torchrun's environment describes, and say whether this process leads.

    A worker has helped to the end before the block begins; the leader's block ends the group.
    """
    dist.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo", timeout=FOREVER)
    try:
        leads = group.current().rank == 0
        if not leads:
            serve()
        yield leads
        if leads:
            group.say({"end": True})
    finally:
        dist.destroy_process_group()
