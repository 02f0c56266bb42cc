"""Batch top-N against the bare float32 matrix product that it cannot do without, on one thread.

    python benchmarks/scoring/recommend_speed.py --users 100000 --items 37000 --units 100 256

Every chunk of users is timed in each way in turn, in CPU seconds of the one thread, so that a busy machine slows all
of them alike; what is compared is the sum over the chunks. "bare product" writes states · weightsᵀ into a buffer, chunk
by chunk, and does nothing else. "stream" is everything that a night does: contexts in record batches in, GRU steps,
lists as record batches out.
"""

import argparse
import resource
import time
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import torch

from gru4rec.config.options import Config
from gru4rec.data.vocabulary import Vocabulary
from gru4rec.network.model import GRU4Rec
from gru4rec.serving.catalogue import Catalogue, Touched
from gru4rec.serving.lists import ROWS
from gru4rec.serving.recommend import Recommender

LENGTH = 5  # items of a user's context


def make_model(items: int, units: int, device: torch.device | str = "cpu") -> GRU4Rec:
    """An untrained model whose scores are spread as a trained one's are (standard deviation about 2)."""
    vocabulary = Vocabulary(pa.array(np.arange(items)), np.ones(items, dtype=np.int64))
    model = GRU4Rec(Config().override({"hidden_size": units}).model, vocabulary, device=device)
    model.initialise(0)
    drawn = torch.empty(items, units).normal_(0, 4 / units**0.5, generator=torch.Generator().manual_seed(1))
    model.output_matrix().copy_(drawn)
    return model


def contexts(users: int, items: int) -> Iterator[pa.RecordBatch]:
    """LENGTH random items a user, in record batches."""
    generator = np.random.default_rng(0)
    for begin in range(0, users, 20_000):
        count = min(20_000, users - begin)
        user = np.repeat(np.arange(begin, begin + count), LENGTH)
        yield pa.record_batch({"user_id": user, "item_id": generator.integers(0, items, len(user))})


def by_chunks(model: GRU4Rec, users: int, n: int) -> dict[str, float]:
    """Seconds for all users, by way."""
    catalogue = Catalogue(model.output_matrix(), model.output_bias(), 0.8)
    weight = model.output_matrix().contiguous()
    items, units = weight.shape
    buffer = torch.empty(ROWS, items)
    generator = torch.Generator().manual_seed(2)
    row = np.repeat(np.arange(ROWS), LENGTH)
    seconds = {"bare product": 0.0, "product, then torch.topk": 0.0, "lists": 0.0, "lists and probabilities": 0.0}
    for chunk in range(-2, users // ROWS):
        states = torch.rand(ROWS, units, generator=generator) * 2 - 1
        pairs = np.unique(row * items + np.random.default_rng(chunk + 2).integers(0, items, len(row)))
        nothing = np.zeros(len(pairs), np.float32)
        seen = Touched(pairs // items, pairs % items, np.ones(len(pairs), bool), nothing)

        def topk(states: torch.Tensor = states) -> None:
            torch.mm(states, weight.t(), out=buffer).topk(n, 1)

        ways = {
            "bare product": lambda states=states: torch.mm(states, weight.t(), out=buffer),
            "product, then torch.topk": topk,
            "lists": lambda states=states, seen=seen: catalogue.best(states, n, seen, normalise=False),
            "lists and probabilities": lambda states=states, seen=seen: catalogue.best(states, n, seen),
        }
        for name, way in ways.items():
            begin = time.process_time()
            way()
            if chunk >= 0:  # the first two chunks warm up
                seconds[name] += time.process_time() - begin
    return seconds


def peak() -> float:
    """Most memory this process has held, MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=100_000)
    parser.add_argument("--items", type=int, default=37_000)
    parser.add_argument("--units", type=int, nargs="+", default=[100, 256])
    parser.add_argument("-n", type=int, default=100)
    parser.add_argument("--no-stream", action="store_true", help="leave the pass over the contexts out")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.inference_mode(True).__enter__()
    for units in arguments.units:
        model = make_model(arguments.items, units)
        seconds = by_chunks(model, arguments.users, arguments.n)
        if not arguments.no_stream:
            recommender = Recommender(model, 0.8)
            for users in (arguments.users // 10, arguments.users):
                begin = time.process_time()
                batches = recommender.recommend_stream(contexts(users, arguments.items), arguments.n)
                rows = sum(batch.num_rows for batch in batches)
                took = time.process_time() - begin
                assert rows == users * arguments.n
                print(f"{units} units: {users} users streamed, peak memory {peak():.0f} MiB")
            seconds["stream"] = took
        print(f"\n| {units} units, {arguments.users} users x {arguments.items} items | s | of the bare product |")
        print("|---|---|---|")
        for name, value in seconds.items():
            print(f"| {name} | {value:.1f} | {value / seconds['bare product']:.2f} |")


if __name__ == "__main__":
    main()
