"""Ways to pick the best k of finished scores that lie row by row, as evaluation has them, on one thread.

    python benchmarks/scoring/topk_speed.py --items 43000 --units 512

Every block of scores is picked from in each way in turn, in CPU seconds of the one thread. "torch.topk" settles ties as
`top_k` does. "sieve" turns the scores tile by tile into the layout of `serving.sieve`, and leaves the columns in their
own order, which spoils the sieve's guess where neighbouring ids score alike. "sieve, permuted" takes them in random
order.
"""

import argparse
import math
import time

import torch

from gru4rec.scoring import topk
from gru4rec.scoring.scorer import ROWS
from gru4rec.serving.catalogue import TILE
from gru4rec.serving.sieve import STEP, Sieve, Tile


def sift(scores: torch.Tensor, k: int, order: torch.Tensor | None, room: dict[int, Tile]) -> None:
    """What `serving.catalogue` does with the tiles of its product, with finished scores [R, I]."""
    rows, items = scores.shape
    sieve = Sieve(rows, items, k)
    for begin in range(0, items, TILE):
        count = min(TILE, items - begin)
        columns = STEP * math.ceil(count / STEP)
        if columns not in room:
            room[columns] = Tile(columns, rows)
        tile = room[columns]
        part = scores[:, begin : begin + count] if order is None else scores[:, order[begin : begin + count]]
        tile.scores[:count].copy_(part.t())
        tile.scores[count:] = -math.inf
        sieve.add(tile, begin)
    kept = sieve.kept()
    topk.first_of_each(kept.row, kept.value, kept.column, rows, k)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=43_000)
    parser.add_argument("--units", type=int, default=512)
    parser.add_argument("--blocks", type=int, default=10)
    parser.add_argument("-k", type=int, default=20)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    items, units, k = arguments.items, arguments.units, arguments.k
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(items, units, generator=generator) * 4 / units**0.5
    order = torch.randperm(items, generator=generator)
    scores, again = torch.empty(ROWS, items), torch.empty(ROWS, items)
    room: dict[int, Tile] = {}
    ways = {
        "the product itself": lambda states: torch.mm(states, weight.t(), out=again),
        "top_k": lambda states: topk.top_k(scores, k),
        "torch.topk": lambda states: topk._top_k_on_device(scores, k),
        "sieve": lambda states: sift(scores, k, None, room),
        "sieve, permuted": lambda states: sift(scores, k, order, room),
    }
    seconds = dict.fromkeys(ways, 0.0)
    for block in range(-2, arguments.blocks):
        states = torch.rand(ROWS, units, generator=generator) * 2 - 1
        torch.mm(states, weight.t(), out=scores)
        for name, way in ways.items():
            begin = time.process_time()
            way(states)
            if block >= 0:  # the first two blocks warm up
                seconds[name] += time.process_time() - begin
    print(f"| best {k} of {ROWS} rows x {items} items, {units} units | ms a block | of the product |\n|---|---|---|")
    for name, value in seconds.items():
        print(f"| {name} | {1000 * value / arguments.blocks:.1f} | {value / seconds['the product itself']:.2f} |")


if __name__ == "__main__":
    main()
