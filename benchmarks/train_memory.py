"""Memory of training: 10M events over 1M items at 100 units, a few hundred updates and a checkpoint; prints the peaks.

    .venv/bin/python -m benchmarks.train_memory [--events 10000000] [--items 1000000] [--units 100] [--updates 300]

The peak is the process's largest resident set, interpreter and libraries included. What grows with the events is the
sessions (two int64 arrays) and the schedule; what grows with the items is the table and its optimizer slots.
"""

import argparse
import resource
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch

from gru4rec.config.options import Config
from gru4rec.data.sessions import Sessions
from gru4rec.data.vocabulary import Vocabulary
from gru4rec.network.model import GRU4Rec
from gru4rec.storage import checkpoint
from gru4rec.storage.training_state import TrainingState, save_training
from gru4rec.training.trainer import Trainer


def peak() -> str:
    return f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB"


def main() -> None:
    parser = argparse.ArgumentParser(description="Peak memory of training.")
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--items", type=int, default=1_000_000)
    parser.add_argument("--units", type=int, default=100)
    parser.add_argument("--updates", type=int, default=300)
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(f"libraries loaded: {peak()}")
    rng = np.random.default_rng(0)
    lengths = rng.integers(2, 9, options.events // 5)
    lengths = lengths[: np.searchsorted(np.cumsum(lengths), options.events)]
    items = (options.items * rng.random(lengths.sum()) ** 3).astype(np.int64)
    sessions = Sessions(items, np.concatenate([[0], np.cumsum(lengths)]))
    vocabulary = Vocabulary(pa.array(np.arange(options.items)), np.bincount(items, minlength=options.items).clip(1))
    print(f"{len(items):,} events in {len(sessions):,} sessions over {options.items:,} items: {peak()}")
    config = Config().override({"hidden_size": options.units, "batch_size": 128, "dropout_embedding": 0.1})
    model = GRU4Rec(config.model, vocabulary)
    model.initialise(1)
    trainer = Trainer(model, sessions, config)
    print(f"model, optimizer, schedule, sampler: {peak()}")
    made = 0
    for _, events in trainer.epoch(1):
        made += -(-events // config.train.batch_size)
        if made >= options.updates:
            break
    print(f"{made} updates: {peak()}")
    with tempfile.TemporaryDirectory() as folder:
        checkpoint.save(folder, model, config, {})
        save_training(Path(folder), config, "", TrainingState(trainer.tensors(), {}))
        print(f"checkpoint and training state written: {peak()}")


if __name__ == "__main__":
    main()
