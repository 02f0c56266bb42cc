"""What a list of ranks, or of recommended items, is worth; and how sure the figure is.

With one target an event, recall@k is the hit rate, and NDCG@k needs no ideal list. r is the target's rank (best: 1):

| metric | of one event |
|---|---|
| recall@k | 1 where r <= k, else 0 |
| mrr@k | 1 / r where r <= k, else 0 |
| ndcg@k | 1 / log2(1 + r) where r <= k, else 0 |
| popularity_bias@k | mean over the list of count(item) / count(most popular item): 1 is a list of best-sellers only |
| novelty@k | mean over the list of −log2(count(item) / all events): bits of surprise (Zhou et al., PNAS 2010) |
| coverage@k | not of one event: the share of the catalogue that stands in at least one list |

A figure is the mean over all events (never a mean of batch means). Its interval comes from drawing whole sessions with
replacement, since the events of a session are not independent.
"""

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ranks = NDArray[Any]  # int64, or float64 under the median rule
COVERAGE_REPLICATES = 200
DRAWN_BYTES = 64 << 20  # of bootstrap draws held at a time, one a session and replicate


def recall(ranks: Ranks, k: int) -> Floats:
    """1.0 where the target is among the first k.

    >>> recall(np.array([1, 20, 21]), 20)
    array([1., 1., 0.])
    """
    return np.asarray(ranks <= k, dtype=np.float64)


def reciprocal_rank(ranks: Ranks, k: int) -> Floats:
    """1 / rank where the target is among the first k, else 0.

    >>> reciprocal_rank(np.array([1, 4, 21]), 20)
    array([1.  , 0.25, 0.  ])
    """
    return np.where(ranks <= k, 1.0 / ranks, 0.0)


def ndcg(ranks: Ranks, k: int) -> Floats:
    """1 / log2(1 + rank) where the target is among the first k, else 0.

    >>> ndcg(np.array([1, 3, 21]), 20)
    array([1. , 0.5, 0. ])
    """
    return np.where(ranks <= k, 1.0 / np.log2(1.0 + ranks), 0.0)


RANK_METRICS: dict[str, Callable[[Ranks, int], Floats]] = {"recall": recall, "mrr": reciprocal_rank, "ndcg": ndcg}


def per_event(ranks: Ranks, ks: tuple[int, ...]) -> dict[str, Floats]:
    """Every rank metric at every k, one value an event: `{"recall@5": [P], ...}`."""
    return {f"{name}@{k}": function(ranks, k) for name, function in RANK_METRICS.items() for k in ks}


def relative_popularity(counts: NDArray[np.int64]) -> Floats:
    """count / highest count of every item, [I]."""
    return counts / max(int(counts.max(initial=0)), 1)


def novelty_weights(counts: NDArray[np.int64]) -> Floats:
    """Bits of surprise of every item, [I]; an item never seen in training counts as seen once."""
    return -np.log2(np.maximum(counts, 1) / max(int(counts.sum()), 1))


def bootstrap_draws(sessions: int, replicates: int, seed: int) -> Iterator[NDArray[np.uint8]]:
    """How often each session is drawn, in chunks [b, sessions] that add up to `replicates` rows.

    As many are drawn as there are, with replacement: for one to come up 256 times has a chance below 10^-500.
    """
    generator = np.random.default_rng(seed)
    chunk = max(1, DRAWN_BYTES // max(sessions, 1))
    for start in range(0, replicates, chunk):
        drawn = np.empty((min(chunk, replicates - start), sessions), dtype=np.uint8)
        for row in drawn:
            row[:] = np.bincount(generator.integers(0, sessions, size=sessions), minlength=sessions)
        yield drawn


def session_sums(values: Floats, session: NDArray[np.int64], sessions: int) -> Floats:
    """Values [P, M] of events added up within each session, [sessions, M]."""
    columns = [np.bincount(session, weights=column, minlength=sessions) for column in values.T]
    return np.stack(columns, axis=1, dtype=np.float64)


def interval(replicates: Floats, level: float = 0.95) -> tuple[Floats, Floats]:
    """Percentile interval over axis 0; replicates without a value (no event drawn) are left out."""
    if np.isnan(replicates).all():
        nothing = np.full(replicates.shape[1:], math.nan)
        return nothing, nothing
    quantile = np.nanquantile if np.isnan(replicates).any() else np.quantile  # the same without nan, but faster
    low, high = quantile(replicates, [(1 - level) / 2, (1 + level) / 2], axis=0)
    return low, high


def coverage_interval(
    session: NDArray[np.int64], item: NDArray[np.int64], sessions: int, items: int, replicates: int, seed: int
) -> tuple[float, float, float]:
    """Share of the catalogue that is recommended to anybody, with its 95% interval.

    A bootstrap sample holds fewer distinct sessions than the data and so always covers less; the replicates are moved
    up by that bias (value − their mean) before the percentiles are read.

    Args:
        session, item: int64 [N], the items that stood in the lists of each session (repetitions allowed).
        sessions, items: how many of each there are.
        replicates, seed: of the bootstrap; at most COVERAGE_REPLICATES are drawn (each looks at every pair, which
            all other metrics are spared by adding up within sessions first); none gives an interval of nan.

    Returns:
        value, low, high.
    """
    pairs = np.sort(item * sessions + session, axis=None)
    pairs = pairs[np.append(True, pairs[1:] != pairs[:-1])] if len(pairs) else pairs
    of_item, of_session = np.divmod(pairs, sessions)
    begins = np.flatnonzero(np.append(True, of_item[1:] != of_item[:-1])) if len(pairs) else pairs
    value = len(begins) / items
    shares: list[float] = []
    for drawn in bootstrap_draws(sessions, min(replicates, COVERAGE_REPLICATES), seed):
        for start in range(0, len(drawn), 64):
            shares += _covered(drawn[start : start + 64], of_session, begins, items)
    if not shares:
        return value, math.nan, math.nan
    low, high = interval(np.asarray(shares)[:, None])
    bias = value - float(np.mean(shares))
    return value, float(low[0] + bias), min(1.0, float(high[0] + bias))


def _covered(
    drawn: NDArray[np.uint8], of_session: NDArray[np.int64], begins: NDArray[np.int64], items: int
) -> list[float]:
    """Share of the items that at least one drawn session was shown, in each of up to 64 replicates.

    Args:
        drawn: how often each session was drawn, [b, sessions].
        of_session, begins: the sessions of the items, item by item, and where each item's begin.
        items: how many there are.
    """
    bits = np.zeros((drawn.shape[1], 8), dtype=np.uint8)  # of each session the replicates that drew it
    packed = np.packbits(drawn.T > 0, axis=1)
    bits[:, : packed.shape[1]] = packed
    words = bits.view(np.uint64)[:, 0]
    shown = np.bitwise_or.reduceat(words[of_session], begins) if len(begins) else words[:0]
    covered = np.unpackbits(shown.view(np.uint8).reshape(-1, 8), axis=1).sum(axis=0, dtype=np.int64)
    return [int(count) / items for count in covered[: len(drawn)]]
