"""Large tensors on huge pages: an update reads rows all over its tables, and looking up small pages costs time."""

import numpy as np
import torch
from torch import Tensor


def filled(rows: int, cols: int, value: float, dtype: torch.dtype, device: torch.device) -> Tensor:
    """A tensor [rows, cols] of one value.

    On a CPU its memory comes from numpy, which asks the system for huge pages; torch does not. This makes gathering and
    writing back scattered rows about a fifth faster (docs/benchmarks.md).
    """
    if device.type != "cpu":
        return torch.full((rows, cols), value, dtype=dtype, device=device)
    kind = torch.empty(0, dtype=dtype).numpy().dtype
    return torch.from_numpy(np.empty((rows, cols), dtype=kind)).fill_(value)
