"""To what the products of a training are rounded on this machine, in a word for logs and for comparing runs."""

import torch

from gru4rec.config.options import Config
from gru4rec.network.precision import cpu_has_bf16, internal
from gru4rec.training.update.operations import operations

WORDS = {None: "float32", "high": "TF32", "medium": "bf16"}


def rounded_to(config: Config, device: torch.device, processes: int = 1) -> str:
    """The numbers that an update's products read: float32, TF32 or bf16; "bf16, float32" where members differ.

    processes: how many share the lanes of an update.
    """
    precision = config.train.precision
    if precision == "bf16":  # by casts
        return precision
    costs = (operations(config.member(order)) / processes for order in range(config.train.members))
    found = {WORDS[internal(precision, device.type, cost, bf16=cpu_has_bf16())] for cost in costs}
    return ", ".join(sorted(found))
