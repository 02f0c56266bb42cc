"""Evaluation against the bare matrix products that it cannot do without, on one thread.

    python benchmarks/scoring/evaluate_speed.py --predictions 60000 --items 43000 --units 512

"bare products" are states · weightsᵀ of all predictions, block by block into one buffer. "evaluate" is all of
`gru4rec.evaluation.evaluate`: GRU steps, scores, ranks, lists of 20, metrics, segments and 1000 bootstrap replicates.
The two are timed in slices of the sessions in turn, in CPU seconds of the one thread, so that a busy machine slows both
alike. The bootstrap runs once, over all sessions, and is timed by itself.
"""

import argparse
import resource
import time

import numpy as np
import pyarrow as pa
import torch

from gru4rec.baselines import Popularity
from gru4rec.config.options import Config
from gru4rec.data.dataset import Dataset
from gru4rec.data.sessions import Sessions
from gru4rec.data.vocabulary import Vocabulary
from gru4rec.evaluation.evaluate import evaluate
from gru4rec.network.model import GRU4Rec
from gru4rec.scoring.scorer import block_rows


def make_sessions(predictions: int, items: int) -> Sessions:
    """Sessions of 2 to 10 random items that hold about so many predictions."""
    generator = np.random.default_rng(0)
    lengths = generator.integers(2, 11, size=predictions // 5)
    return Sessions(generator.integers(0, items, lengths.sum()), np.concatenate([[0], np.cumsum(lengths)]))


def bare(model: GRU4Rec, predictions: int) -> float:
    """Seconds of the products of so many states alone."""
    weight = model.output_matrix().contiguous()
    items, units = weight.shape
    rows = block_rows(items)
    buffer = torch.empty(rows, items)
    states = torch.rand(rows, units) * 2 - 1
    torch.mm(states, weight.t(), out=buffer)
    begin = time.process_time()
    for first in range(0, predictions, rows):
        some = min(rows, predictions - first)
        torch.mm(states[:some], weight.t(), out=buffer[:some])
    return time.process_time() - begin


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--predictions", type=int, default=60_000)
    parser.add_argument("--items", type=int, default=43_000)
    parser.add_argument("--units", type=int, default=512)
    parser.add_argument("--slices", type=int, default=6)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    items = arguments.items
    counts = np.random.default_rng(1).integers(1, 1000, items)
    vocabulary = Vocabulary(pa.array(np.arange(items)), counts)
    model = GRU4Rec(Config().override({"hidden_size": arguments.units}).model, vocabulary)
    model.initialise(0)
    model.output_matrix().normal_(0, 4 / arguments.units**0.5)
    sessions = make_sessions(arguments.predictions, items)
    products = whole = 0.0
    made = 0
    for part in np.array_split(np.arange(len(sessions)), arguments.slices):
        some = sessions.select(part)
        made += len(some.prediction_events())
        products += bare(model, len(some.prediction_events()))
        begin = time.process_time()
        evaluate(model, Dataset(some, vocabulary), bootstrap=0)
        whole += time.process_time() - begin
    popular = Popularity(vocabulary, torch.from_numpy(counts.astype(np.float32)))
    resampling = 0.0
    # what the replicates add, told on a scorer that costs little itself; the first call warms up
    for replicates, sign in ((0, 0), (0, -1), (1000, 1)):
        begin = time.process_time()
        evaluate(popular, Dataset(sessions, vocabulary), bootstrap=replicates)
        resampling += sign * (time.process_time() - begin)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{made} predictions x {items} items, {arguments.units} units, one thread; peak memory {peak:.0f} MiB\n")
    print(f"| | s | of the bare products |\n|---|---|---|\n| bare products | {products:.1f} | 1.00 |")
    print(f"| evaluate without intervals | {whole:.1f} | {whole / products:.2f} |")
    print(f"| 1000 bootstrap replicates | {resampling:.1f} | {resampling / products:.2f} |")
    print(f"| evaluate, all of it | {whole + resampling:.1f} | {(whole + resampling) / products:.2f} |")


if __name__ == "__main__":
    main()
