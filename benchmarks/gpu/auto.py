"""Preset auto on a synthetic log with as many items and predictions as RSC15 1/64: a whole fit, members merged.

Asked for: 15 s.
"""

import time
from functools import partial
from unittest.mock import patch

import numpy as np
import torch

from benchmarks.gpu.speed import ITEMS
from benchmarks.gpu.tried import tried
from benchmarks.train_speed import sessions_of
from gru4rec import Dataset, FitOptions, fit, resolve
from gru4rec.data.vocabulary import Vocabulary
from gru4rec.training import side_by_side

LARGEST = 1e-2  # difference of losses: sums that several threads add to have no fixed order in float32
SESSIONS = 93_000  # of five events: 372,000 predictions


def fit_auto(device: torch.device, quick: bool) -> bool:
    """Print the seconds of a fit: its members side by side, and one after another."""
    sessions, counts = sessions_of(300 if quick else ITEMS, 500 if quick else SESSIONS)
    dataset = Dataset(sessions, Vocabulary.build(np.repeat(np.arange(len(counts)), counts)))
    config = resolve("auto", dataset.statistics())
    if quick:
        config = config.override({"epochs": 1})
    losses: dict[bool, list[float]] = {}

    def row(together: bool) -> None:
        with patch.object(side_by_side, "pays", lambda device: together):
            begin = time.perf_counter()
            result = fit(dataset, config, FitOptions(device=device))
            seconds = time.perf_counter() - begin
        way = "side by side" if together else "one after another"
        losses[together] = [report.loss for report in result.history if report.epoch == config.train.epochs]
        figures = f"{seconds:.1f} | {result.seconds:.1f} | {result.events_per_second:.0f}"
        print(f"| {config.train.members} | {way} | {figures} |", flush=True)

    print("| members | | whole fit, s | epochs alone, s | events/s |")
    print("|---|---|---|---|---|")
    if False in [tried(f"side by side: {together}", partial(row, together)) for together in (True, False)]:
        return False
    apart = max(abs(a - b) / abs(b) for a, b in zip(*losses.values(), strict=True))
    print(f"\nlast losses of the members: {losses[True]}; those of the two ways differ by {apart:.1g}")
    return apart < LARGEST
