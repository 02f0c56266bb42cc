"""Lists: contexts in record batches in, the best 100 of 37,000 items with probabilities out as record batches."""

import time

import torch

from benchmarks.recommend_speed import contexts, make_model
from gru4rec.serving.recommend import Recommender

ITEMS, USERS, N = 37_000, 200_000, 100


def list_speed(device: torch.device, quick: bool) -> bool:
    """Print users a second by width."""
    items, users, n = (500, 2000, 10) if quick else (ITEMS, USERS, N)
    print(f"| units | users/s, {items} items, top {n} |")
    print("|---|---|")
    for units in (100, 256, 512):
        recommender = Recommender(make_model(items, units, device), 0.8)
        count = sum(batch.num_rows for batch in recommender.recommend_stream(contexts(users // 10, items), n))  # warm
        begin = time.perf_counter()
        count = sum(batch.num_rows for batch in recommender.recommend_stream(contexts(users, items), n))
        seconds = time.perf_counter() - begin
        if count != users * n:
            print(f"{count} rows for {users} users: NOT {n} each")
            return False
        print(f"| {units} | {users / seconds:.0f} |", flush=True)
    return True
