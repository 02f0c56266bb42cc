"""Speed and memory of the recommendations table at full size.

python benchmarks/table_speed.py --users 1000000 --n 100

Publishes a night of users × n rows in one streamed pass in a process of its own, whose greatest memory is what is
reported, beside the seconds of staging, audit and publishing (processor seconds too, which a busy machine distorts
less); the night before it, which the audit compares it with, is as large. Then measures a warm reader's answer for one
user with titles, and how long finding the newest of many nights takes. The rows are made up; what making them costs is
reported, and taken off the writing. `--score-users` users are scored by a real GRU4Rec, one thread, for the share that
writing adds to scoring. Prints JSON; removes what it wrote.
"""

import argparse
import datetime as dt
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from warehouse import recommendations as table

NIGHT = dt.date(2026, 1, 31)
BATCH_USERS = 256  # what the scorer hands over at a time


def batches(users: int, n: int, items: int, seed: int = 0) -> Iterator[pa.RecordBatch]:
    """n distinct items a user: a stride through the catalogue from a random start; scores fall with the rank."""
    rng = np.random.default_rng(seed)
    ranks = np.arange(1, n + 1, dtype=np.int16)
    strides = np.array([p for p in (7919, 104_729, 15_485_863) if np.gcd(p, items) == 1])
    for first in range(0, users, BATCH_USERS):
        some = np.arange(first, min(first + BATCH_USERS, users))
        start = rng.integers(items, size=(len(some), 1))
        scores = -np.sort(-rng.normal(2.0, 1.0, size=(len(some), n)).astype(np.float32), axis=1)
        rows = len(some) * n
        yield pa.record_batch(
            {
                "user_id": np.repeat(some, n),
                "rank": np.tile(ranks, len(some)),
                "item_id": ((start + ranks * rng.choice(strides)) % items).ravel(),
                "score": scores.ravel(),
                "probability": np.clip(np.exp(scores - 10), 0, 1).ravel(),
                "model": pa.DictionaryArray.from_arrays(np.zeros(rows, np.int8), ["GRU4Rec"]).cast(pa.string()),
                "context_length": np.repeat(rng.integers(1, 50, len(some)).astype(np.int16), n),
            }
        )


def cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def write(where: Path, users: int, n: int, items: int, night: dt.date) -> dict:
    """Publish one night; seconds of each part, and this process's greatest memory."""
    some = min(users, 50_000)
    before, began = cpu(), time.perf_counter()
    made = sum(batch.num_rows for batch in batches(some, n, items))
    making, making_wall = (cpu() - before) * users / some, (time.perf_counter() - began) * users / some
    before = cpu()
    assert made == some * n
    limits = table.AuditLimits(min_overlap=None)
    expected = table.Expected(n, users, pa.array(range(items)))
    done = table.publish(where, night, batches(users, n, items), table.NightFacts(1, "run"), expected, limits)
    writing = cpu() - before - making
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    files = table.night(where, night).files
    return {
        "rows": done.rows, "processor seconds": {"making the rows": round(making, 1), "writing": round(writing, 1)},
        "seconds": {part: round(value, 1) for part, value in done.seconds.items()},
        "seconds of writing": round(sum(done.seconds.values()) - making_wall, 1), "peak GiB": round(peak, 2),
        "files": len(files), "GB on disk": round(sum(os.path.getsize(f) for f in files) / 1e9, 2),
    }  # fmt: skip


def score(users: int, n: int, items: int) -> tuple[float, float]:
    """Processor seconds and elapsed seconds of real lists for this many users: GRU4Rec with 100 units, contexts of 5
    items, one thread.
    """
    import torch

    from gru4rec.config.options import Config
    from gru4rec.data.dataset import Dataset
    from gru4rec.data.sessions import Sessions
    from gru4rec.data.vocabulary import Vocabulary
    from gru4rec.serving.recommend import Recommender
    from gru4rec.training.fit import FitOptions, fit

    torch.set_num_threads(1)
    rng = np.random.default_rng(2)
    vocabulary = Vocabulary(pa.array(range(items)), np.ones(items, np.int64))
    sessions = Sessions.from_lists(rng.integers(items, size=(200, 5)).tolist())
    config = Config().override({"epochs": 1, "hidden_size": 100})
    recommender = Recommender(fit(Dataset(sessions, vocabulary), config, FitOptions(device="cpu")).model)
    contexts = [
        pa.record_batch({"user_id": np.repeat(np.arange(a, a + 1000), 5), "item_id": rng.integers(items, size=5000)})
        for a in range(0, users, 1000)
    ]
    before, began = cpu(), time.perf_counter()
    rows = sum(batch.num_rows for batch in recommender.recommend_stream(contexts, n=n))
    assert rows == users * n
    return cpu() - before, time.perf_counter() - began


def read(where: Path, users: int, looks: int = 200) -> dict:
    """Milliseconds of one user's list from a warm reader and from a cold start, and of finding the newest night."""
    rng = np.random.default_rng(1)
    warm, newest = [], []
    with table.Reader(where) as reader:
        for user in rng.integers(users, size=looks + 20).tolist():
            began = time.perf_counter()
            assert len(reader.for_user(user, 10)) == 10
            warm.append(1e3 * (time.perf_counter() - began))
    for _ in range(20):
        began = time.perf_counter()
        table.latest(where)
        newest.append(1e3 * (time.perf_counter() - began))
    began = time.perf_counter()
    table.for_user(where, users // 2)
    cold = 1e3 * (time.perf_counter() - began)
    warm = sorted(warm[20:])
    return {
        "one user, warm, ms": {"median": round(statistics.median(warm), 2), "95%": round(warm[int(0.95 * looks)], 2)},
        "one user, opening the table each time, ms": round(cold, 1),
        "newest night, ms": round(statistics.median(newest), 1),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=1_000_000)
    parser.add_argument("--n", type=int, default=100)
    parser.add_argument("--items", type=int, default=37_000)
    parser.add_argument(
        "--nights", type=int, default=30, help="smaller nights that stand in the table beside the large one"
    )
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()), help="where the table is made")
    parser.add_argument("--score-users", type=int, default=0, help="users to score with a real model for the ratio")
    parser.add_argument("--write-to", type=Path, help="publish the large night there and end (used by the run itself)")
    args = parser.parse_args()
    if args.write_to:
        print(json.dumps(write(args.write_to, args.users, args.n, args.items, NIGHT)))
        return 0
    folder = Path(tempfile.mkdtemp(dir=args.folder))
    try:
        found = measure(folder / "recommendations", args)
    finally:
        shutil.rmtree(folder)
    print(json.dumps(found, indent=2))
    return 0


def measure(where: Path, args: argparse.Namespace) -> dict:
    """The whole run, on a table at ``where``."""
    for day in range(args.nights, 0, -1):
        write(where, args.users if day == 1 else 1000, args.n, args.items, NIGHT - dt.timedelta(days=day))
    titles = pa.table({"item_id": range(args.items), "title": [f"item {i}" for i in range(args.items)]})
    (where.parent / "items").mkdir()
    pq.write_table(titles, where.parent / "items" / f"{NIGHT}.parquet")
    words = ("--users", args.users, "--n", args.n, "--items", args.items, "--write-to", where)
    done = subprocess.run([sys.executable, __file__, *map(str, words)], stdout=subprocess.PIPE, check=True)
    found = {"write": json.loads(done.stdout), "read": read(where, args.users)}
    if args.score_users:
        scoring = [part / args.score_users * args.users for part in score(args.score_users, args.n, args.items)]
        writing = found["write"]["processor seconds"]["writing"], found["write"]["seconds of writing"]
        found["scoring all users"] = {"processor seconds": round(scoring[0], 1), "seconds": round(scoring[1], 1)}
        found["writing as a share of scoring"] = {
            "processor seconds": round(writing[0] / scoring[0], 3), "seconds": round(writing[1] / scoring[1], 3)
        }  # fmt: skip
    return found


if __name__ == "__main__":
    sys.exit(main())
