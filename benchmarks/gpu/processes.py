"""One process against two with a GPU each (NCCL), which share the lanes of updates, or the columns of the table."""

from functools import partial
from unittest.mock import patch

import numpy as np
import torch

from benchmarks.gpu.auto import LARGEST
from benchmarks.gpu.speed import ITEMS, SESSIONS, SMALL
from benchmarks.gpu.tried import tried
from benchmarks.train_speed import sessions_of
from gru4rec import Dataset, FitOptions, fit
from gru4rec.config.presets import PRESETS
from gru4rec.data.vocabulary import Vocabulary
from gru4rec.training.processes import leader

WAYS = {"one process": (1, leader.LARGEST_TABLE), "two, lanes": (2, leader.LARGEST_TABLE), "two, columns": (2, 0)}


def processes(device: torch.device, quick: bool) -> bool:
    """Print the speed of each way; returns whether their losses are the same."""
    if device.type == "cuda" and torch.cuda.device_count() < 2:
        print("one GPU is here: processes that exchange by NCCL are not measured")
        return True
    sessions, counts = sessions_of(500 if quick else ITEMS, 300 if quick else SESSIONS)
    dataset = Dataset(sessions, Vocabulary.build(np.repeat(np.arange(len(counts)), counts)))
    config = PRESETS["rees46"].override({"epochs": 2, **(SMALL if quick else {})})
    losses: dict[str, list[float]] = {}

    def row(way: str) -> None:
        count, table = WAYS[way]
        with patch.object(leader, "LARGEST_TABLE", table):
            result = fit(dataset, config, FitOptions(device=device, processes=count, threads=1))
        losses[way] = [report.loss for report in result.history]
        last = result.history[-1]
        print(f"| {way} | {last.events_per_second:.0f} | {last.loss:.4f} |", flush=True)

    print("| XE, 512 units, B = 240 | events/s | loss |")
    print("|---|---|---|")
    good = True
    for way in WAYS:
        good &= tried(way, partial(row, way))
    if not good:
        return False
    apart = max(
        abs(a - b) / abs(b) for found in losses.values() for a, b in zip(found, losses["one process"], strict=True)
    )
    print(f"\nlosses differ by {apart:.1g}")
    return apart < LARGEST
