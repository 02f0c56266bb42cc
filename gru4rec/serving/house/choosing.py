"""Lists chosen from pools of candidates by the rules of the shop, place by place, for many users at once.

For each place the candidates that are left are narrowed down: to those whose category has room among the first places,
cap by cap, and of these to new ones where fewer of them stand in the list than are kept. Where narrowing would leave
nobody it is passed over, so every list has as many items as its pool allows. Of those that remain the best is taken:
the one that the model ranks highest, or under MMR the one with the greatest marginal relevance, the higher rank of
equals.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from gru4rec.serving.house.rules import Cap, HouseRules, kept_for_new
from gru4rec.serving.lists import Lists

CANDIDATES = 1 << 17  # of all users whose lists are chosen at a time: a truth value of each stays in the cache
NUMBERS = 1 << 19  # of their item rows, where rows are compared


def choose(pool: Lists, n: int, rules: HouseRules) -> Lists:
    """The n best of each pool under the rules, or all where a pool has no more.

    Args:
        pool: lists of S users, as long as the pool is to be.
        n: items a list.
        rules: of the shop.
    """
    users, candidates = pool.items.shape
    width = min(n, candidates)
    size = CANDIDATES // max(candidates, 1)
    if rules.diversity and rules.directions is not None:
        size = NUMBERS // max(candidates * rules.directions.shape[1], 1)
    places = np.empty((users, width), np.int64)
    for begin in range(0, users, max(size, 1)):
        some = slice(begin, begin + max(size, 1))
        places[some] = _chosen(pool.items[some], pool.scores[some], width, rules)
    return Lists(
        np.take_along_axis(pool.items, places, 1),
        np.take_along_axis(pool.scores, places, 1),
        np.take_along_axis(pool.probabilities, places, 1),
        pool.context_length,
    )


def _chosen(items: NDArray[np.int64], scores: NDArray[np.float32], width: int, rules: HouseRules) -> NDArray[np.int64]:
    """Places in their pools of the items of U lists, int64 [U, width], of candidates [U, P]."""
    free = scores > -np.inf
    items = np.where(free, items, 0)
    row = np.arange(len(items))
    caps = [_Capped.of(items, cap) for cap in rules.caps]
    new = rules.new[items] if rules.new is not None and rules.share else None
    have = np.zeros(len(items), np.int64)
    relevance = _Relevance.of(items, scores, rules)
    chosen = np.empty((len(items), width), np.int64)
    for place in range(width):
        left = free
        open_caps = [capped for capped in caps if place < capped.first]
        for capped in open_caps:
            left = _narrowed(left, ~capped.full, np.asarray(capped.full.any(1)))
        if new is not None:
            left = _narrowed(left, new, have < kept_for_new(rules.share, place + 1))
        best = left.argmax(1) if relevance is None else relevance.best(left)
        best = np.where(free[row, best], best, place)  # who has nobody left keeps the pool's empty places
        chosen[:, place] = best
        free[row, best] = False
        for capped in open_caps:
            capped.take(best, place)
        if new is not None:
            have += new[row, best]
        if relevance is not None:
            relevance.take(best)
    return chosen


def _narrowed(left: NDArray[np.bool_], wanted: NDArray[np.bool_], asked: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Those candidates [U, P] that are wanted, in the lists that ask for it [U] and have any."""
    rows = np.flatnonzero(asked)
    if not len(rows):
        return left
    narrow = left[rows] & wanted[rows]
    some = narrow.any(1)
    narrowed = left.copy()
    narrowed[rows[some]] = narrow[some]
    return narrowed


@dataclass
class _Capped:
    """Which categories of U lists have no room.

    Attributes:
        category: of the candidates, int64 [U, P].
        most: items of one category ...
        first: ... among so many.
        taken: categories of the items that stand in the lists, int64 [U, first].
        full: the candidates without room, bool [U, P].
    """

    category: NDArray[np.int64]
    most: int
    first: int
    taken: NDArray[np.int64]
    full: NDArray[np.bool_]

    @classmethod
    def of(cls, items: NDArray[np.int64], cap: Cap) -> "_Capped":
        taken = np.full((len(items), min(cap.first, items.shape[1])), -1, np.int64)
        return cls(cap.category[items], cap.most, cap.first, taken, np.zeros(items.shape, bool))

    def take(self, best: NDArray[np.int64], place: int) -> None:
        """Put the candidates [U] into a place."""
        own = self.category[np.arange(len(best)), best]
        self.taken[:, place] = own
        full = np.flatnonzero((own >= 0) & ((self.taken == own[:, None]).sum(1) >= self.most))
        self.full[full] |= self.category[full] == own[full, None]


@dataclass
class _Relevance:
    """Marginal relevance of the candidates of U lists.

    Attributes:
        rows: their directions, float32 [U, P, H].
        relevance: (1 - w) · r, float32 [U, P].
        weight: w.
        closest: greatest cosine with an item that stands in the list, float32 [U, P].
    """

    rows: NDArray[np.float32]
    relevance: NDArray[np.float32]
    weight: np.float32
    closest: NDArray[np.float32] = field(init=False)

    def __post_init__(self) -> None:
        self.closest = np.full(self.relevance.shape, -1, np.float32)

    @classmethod
    def of(cls, items: NDArray[np.int64], scores: NDArray[np.float32], rules: HouseRules) -> "_Relevance | None":
        if rules.directions is None or not rules.diversity:
            return None
        weight = np.float32(rules.diversity)
        there = scores > -np.inf
        best = np.where(there[:, :1], scores[:, :1], 0)  # they fall along a pool
        known = np.where(there, scores, best)
        reach = best - known.min(1, keepdims=True)
        scaled = (known - known.min(1, keepdims=True)) / np.where(reach > 0, reach, 1)
        return cls(rules.directions[items], (1 - weight) * scaled, weight)

    def best(self, left: NDArray[np.bool_]) -> NDArray[np.int64]:
        """The candidate [U] of those that are left with the greatest marginal relevance, the first of equals."""
        worth: NDArray[np.float32] = np.where(left, self.relevance - self.weight * self.closest, np.float32(-np.inf))
        return np.asarray(worth.argmax(1), np.int64)

    def take(self, best: NDArray[np.int64]) -> None:
        """Compare the candidates with those [U] that stand in the lists from now on."""
        chosen = self.rows[np.arange(len(best)), best]
        np.maximum(self.closest, (self.rows @ chosen[:, :, None])[:, :, 0], out=self.closest)
