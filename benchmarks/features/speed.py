"""What item features cost: processor time and peak memory of every architecture against id-only at equal width.

python benchmarks/features/speed.py
"""

import argparse
import json
import resource
import subprocess
import sys
import time

import numpy as np
import pyarrow as pa

from gru4rec.config.options import Config
from gru4rec.data.dataset import Dataset
from gru4rec.data.features import ItemFeatures
from gru4rec.data.sessions import Sessions
from gru4rec.data.vocabulary import Vocabulary
from gru4rec.training.fit import FitOptions, fit


def speed(width: int, items: int, rounds: int) -> None:
    """A process for each kind; they take turns within a round, so that what else the machine does meets all of them."""
    kinds = ("id", "parallel", "shared-output", "interaction", "concatenated", "parallel+text")
    found: dict[str, list[dict[str, float]]] = {kind: [] for kind in kinds}
    for _ in range(rounds):
        for kind in kinds:
            command = [sys.executable, __file__, "--one", kind, "--width", str(width), "--items", str(items)]
            found[kind].append(json.loads(subprocess.run(command, capture_output=True, check=True, text=True).stdout))
    print("| model | events/s | time of id-only | lowest, highest | peak memory, MB | of id-only |")
    print("|---|---|---|---|---|---|")
    plain = found["id"]
    for kind, runs in found.items():
        slower = [own["events_per_second"] / run["events_per_second"] for own, run in zip(plain, runs, strict=True)]
        megabytes = max(run["megabytes"] for run in runs)
        larger = megabytes / max(run["megabytes"] for run in plain)
        best = max(run["events_per_second"] for run in runs)
        middle = f"{np.median(slower):.2f} | {min(slower):.2f}, {max(slower):.2f}"
        print(f"| {kind} | {best:.0f} | {middle} | {megabytes:.0f} | {larger:.2f} |")


def one(kind: str, width: int, items: int) -> None:
    """One epoch over a synthetic catalogue: genres (20 values) and, with +text, titles."""
    architecture, _, text = kind.partition("+")
    random = np.random.default_rng(1)
    lengths = random.integers(2, 8, 8000)
    clicked = (items * random.random(lengths.sum()) ** 3).astype(np.int64)
    ids = Vocabulary(pa.array(range(items)), np.maximum(np.bincount(clicked, minlength=items), 1))
    train = Sessions(clicked, np.concatenate([[0], np.cumsum(lengths)]))
    changes = {"hidden_size": width, "epochs": 1, "batch_size": 32}
    features: ItemFeatures | None = None
    if architecture != "id":
        genres = ["|".join(f"g{g}" for g in random.integers(0, 20, 3)) for _ in range(items)]
        titles = [" ".join(f"w{w}" for w in random.integers(0, 3000, 4)) for _ in range(items)]
        table = pa.table({"item_id": range(items), "genres": genres, "title": titles})
        fields = {"genres": "auto", **({"title": "text"} if text else {})}
        changes |= {"architecture": architecture, "selected_features": fields}
        features = Dataset(train, ids, table).with_features(Config().override(changes).features).features
    begin = time.process_time()
    result = fit(
        Dataset(train, ids, features=features), Config().override(changes), FitOptions(device="cpu", threads=1)
    )
    seconds = time.process_time() - begin  # of the processor: other programs do not count
    events = float(lengths.sum() - len(lengths))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"events_per_second": events / seconds, "megabytes": peak, "loss": result.history[-1].loss}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--one", metavar="KIND", help="measure this kind alone, in this process")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--width", type=int, default=100)
    parser.add_argument("--items", type=int, default=20_000)
    arguments = parser.parse_args()
    if arguments.one:
        one(arguments.one, arguments.width, arguments.items)
    else:
        speed(arguments.width, arguments.items, arguments.rounds)


if __name__ == "__main__":
    main()
