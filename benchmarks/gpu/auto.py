"""Preset auto on a synthetic log with as many items and predictions as RSC15 1/64: a whole fit, members merged."""

import time

import numpy as np
import torch

from benchmarks.gpu.speed import ITEMS
from benchmarks.train_speed import sessions_of
from gru4rec import Dataset, FitOptions, fit, resolve
from gru4rec.data.vocabulary import Vocabulary

SESSIONS = 93_000  # of five events: 372,000 predictions


def fit_auto(device: torch.device, quick: bool) -> bool:
    """Print the seconds of a fit, as auto trains and with compiled updates."""
    sessions, counts = sessions_of(300 if quick else ITEMS, 500 if quick else SESSIONS)
    dataset = Dataset(sessions, Vocabulary.build(np.repeat(np.arange(len(counts)), counts)))
    config = resolve("auto", dataset.statistics())
    if quick:
        config = config.override({"epochs": 1})
    ways = {"as it is": config}
    if device.type == "cuda":
        ways["compiled"] = config.override({"compile": True})
    print("| auto | members | whole fit, s | epochs alone, s | events/s |")
    print("|---|---|---|---|---|")
    for name, chosen in ways.items():
        begin = time.perf_counter()
        result = fit(dataset, chosen, FitOptions(device=device))
        seconds = time.perf_counter() - begin
        rate = result.events_per_second
        print(f"| {name} | {config.train.members} | {seconds:.1f} | {result.seconds:.1f} | {rate:.0f} |", flush=True)
    return True
