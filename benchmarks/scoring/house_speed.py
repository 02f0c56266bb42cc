"""What the rules of the shop cost beside scoring, in CPU seconds of one thread for a million users.

    OMP_NUM_THREADS=1 python benchmarks/scoring/house_speed.py --n 100 --pool 4

Candidates are drawn at random, in 20 categories of very different sizes, one item of twenty being new.
"""

import argparse
import time

import numpy as np

from gru4rec.serving.house.choosing import choose
from gru4rec.serving.house.rules import Cap, HouseRules
from gru4rec.serving.lists import Lists


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=37_000)
    parser.add_argument("--units", type=int, default=100)
    parser.add_argument("--users", type=int, default=4096, help="whose lists are chosen; of mmr's an eighth")
    parser.add_argument("--n", type=int, default=100)
    parser.add_argument("--pool", type=int, default=4)
    arguments = parser.parse_args()
    rng = np.random.default_rng(0)
    shape = arguments.users, arguments.n * arguments.pool
    scores = -np.sort(-rng.normal(size=shape).astype(np.float32), axis=1)
    items = rng.integers(arguments.items, size=shape)  # a few stand twice in a pool, which costs the same
    rows = rng.normal(size=(arguments.items, arguments.units)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    new = rng.random(arguments.items) < 0.05
    one, other = (Cap(rng.zipf(1.5, arguments.items) % 20, most=2) for _ in range(2))
    rules = {
        "caps, 2 of 10": HouseRules(caps=(one,)),
        "two of them": HouseRules(caps=(one, other)),
        "new_share, .1": HouseRules(share=0.1, new=new),
        "caps and share": HouseRules(caps=(one,), share=0.1, new=new),
        "mmr, .3": HouseRules(diversity=0.3, directions=rows),
    }
    for name, house in rules.items():
        users = arguments.users // (8 if house.diversity else 1)
        pool = Lists(items[:users], scores[:users], scores[:users], np.ones(users, np.int64))
        begin = time.process_time()
        choose(pool, arguments.n, house)
        print(f"{name:15} {(time.process_time() - begin) / users * 1e6:7.0f} s")


if __name__ == "__main__":
    main()
