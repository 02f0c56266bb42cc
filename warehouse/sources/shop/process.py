"""The process of a synthetic shop with a known answer: the best recall that any model can reach on its sessions.

The process. Items live in groups of about 20; inside a group popularity is Zipf. A session is in one hidden group at a
time: it starts in a group drawn by popularity; with each step it moves to the group's first successor (.55), to its
second (.25), stays (.1) or jumps to a group drawn by popularity (.1). The step's item comes from the group's own items,
or with probability `stray` from the whole shop, so that no single item tells the group for sure. The same item never
comes twice running (it is drawn again), for sessions drop such repeats. Lengths are drawn apart from all that: at least
2, geometric, at most 30. A user has at most one session a day, and sessions of two days lie over 30 minutes apart.

The best reachable recall. Given a prefix, the next item has one exact distribution, which the forward (Bayes) filter
over hidden groups gives, for every quantity in it is known. The probability that a list is hit is the sum of its items'
probabilities, and no list of k items has a larger sum than the k most probable items. So the mean of that largest sum,
over prefixes drawn from the process, is the recall@k of the best of all models; another can pass it only by luck of the
sample. `best_recall` averages those sums, not hits, over freshly drawn sessions, so the noise of hits is not in it.

Taste may drift: with `drift` > 0, this share of the groups exchange their successors from one day to the next.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property

import numpy as np

from warehouse.days import as_day
from warehouse.values import a_share, fields_of, whole

FIRST, SECOND, STAY, JUMP = 0.55, 0.25, 0.10, 0.10
GROUP_SIZE = 20
FEWEST_ITEMS, MOST_ITEMS = 3 * GROUP_SIZE, 10_000_000  # of a shop; so many take 3 GB of memory
MAX_LENGTH, MEAN_LENGTH = 30, 6.0
DENSE_LIMIT = 20_000_000  # groups x items up to which the exact filter is computed

Array = np.ndarray


@dataclass(frozen=True)
class Shop:
    """A shop of `n_items` items, open for `days` days from `first_day`; all of it follows from `seed`.

    Args:
        zipf: exponent of popularity inside groups; among groups it is a quarter of this.
        stray: probability that an item comes from the whole shop.
        drift: share of the groups that exchange their successors from one day to the next.
        text_ids: ids are text, not numbers.
    """

    n_items: int = 1000
    seed: int = 0
    zipf: float = 1.0
    stray: float = 0.05
    drift: float = 0.0
    days: int = 14
    first_day: date | str = date(2026, 1, 1)
    text_ids: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "first_day", as_day(self.first_day))
        whole("n_items", self.n_items, FEWEST_ITEMS, MOST_ITEMS)
        whole("days", self.days, 1, 36_525)
        whole("seed", self.seed, 0)
        for name, value in fields_of(self, "stray", "drift"):
            a_share(name, value, below_one=True)
        as_day(self.last_day)

    @property
    def opens(self) -> date:
        """The first day with events."""
        return as_day(self.first_day)

    @property
    def last_day(self) -> date:
        """The last day with events."""
        return self.opens + timedelta(days=self.days - 1)

    @property
    def n_groups(self) -> int:
        """Number of hidden groups."""
        return self.n_items // GROUP_SIZE

    @cached_property
    def item_ids(self) -> Array:
        """[I] the id of every item index, int64, in random order."""
        return np.random.default_rng([self.seed, 1]).permutation(self.n_items).astype(np.int64) + 1

    @cached_property
    def home(self) -> Array:
        """[I] the group of every item index. Items are dealt to the groups in turn, the most popular ones first."""
        return np.arange(self.n_items) % self.n_groups

    @cached_property
    def group_popularity(self) -> Array:
        """[C] the probability that a start or a jump leads to a group."""
        weights: Array = (1.0 + np.arange(self.n_groups)) ** (-self.zipf / 4)
        weights /= weights.sum()
        return weights

    @cached_property
    def within(self) -> Array:
        """[I] the probability of an item inside its group."""
        weights: Array = (1.0 + np.arange(self.n_items) // self.n_groups) ** -self.zipf
        weights /= np.bincount(self.home, weights)[self.home]
        return weights

    @cached_property
    def marginal(self) -> Array:
        """[I] the probability of an item when it strays from the whole shop."""
        chances: Array = self.group_popularity[self.home] * self.within
        return chances

    def successors(self, day: int) -> tuple[Array, Array]:
        """([C], [C]) the first and the second successor of every group on a day of the shop (0 is the first day)."""
        rng = np.random.default_rng([self.seed, 2])
        first, second = rng.permutation(self.n_groups), rng.permutation(self.n_groups)
        for past in range(1, day + 1):
            rng = np.random.default_rng([self.seed, 3, past])
            moving = np.flatnonzero(rng.random(self.n_groups) < self.drift)
            first[moving] = first[rng.permutation(moving)]
            second[moving] = second[rng.permutation(moving)]
        return first, second

    def draw(self, n: int, day: int = 0, seed: int | list[int] = 0) -> tuple[Array, Array]:
        """`n` sessions of a day: (item indices [E], lengths [n]), the events of a session side by side, in order."""
        rng = np.random.default_rng([self.seed, 4, day, *np.atleast_1d(seed)])
        lengths = np.minimum(1 + rng.geometric(1 / (MEAN_LENGTH - 1), n), MAX_LENGTH)
        first, second = self.successors(day)
        items = np.empty((n, int(lengths.max(initial=0))), np.int64)
        group = self._popular_groups(rng, n)
        alive = np.arange(n)
        for step in range(items.shape[1]):
            if step:
                alive = alive[lengths[alive] > step]
                group[alive] = self._move(rng, group[alive], first, second)
            items[alive, step] = self._emit(rng, group[alive], items[alive, step - 1] if step else None)
        return items[np.arange(items.shape[1]) < lengths[:, None]], lengths

    def _popular_groups(self, rng: np.random.Generator, n: int) -> Array:
        return np.minimum(np.searchsorted(np.cumsum(self.group_popularity), rng.random(n)), self.n_groups - 1)

    def _move(self, rng: np.random.Generator, group: Array, first: Array, second: Array) -> Array:
        chance = rng.random(len(group))
        moved = np.where(chance < FIRST, first[group], np.where(chance < FIRST + SECOND, second[group], group))
        jumps = np.flatnonzero(chance >= FIRST + SECOND + STAY)
        moved[jumps] = self._popular_groups(rng, len(jumps))
        return moved

    @cached_property
    def _cumulative(self) -> tuple[Array, Array, Array]:
        """Items sorted by group, the running sum of `within` over them, and of `marginal` over all items."""
        order = np.argsort(self.home, kind="stable")
        return order, np.cumsum(self.within[order]), np.cumsum(self.marginal)

    def _emit(self, rng: np.random.Generator, group: Array, previous: Array | None) -> Array:
        order, inside, overall = self._cumulative
        items = np.empty(len(group), np.int64)
        todo = np.arange(len(group))
        while len(todo):
            stray = rng.random(len(todo)) < self.stray
            chance = rng.random(len(todo))
            # Every group's probabilities sum to 1, so group c owns the stretch (c, c + 1] of the running sum.
            place = np.searchsorted(inside, group[todo] + chance * (1 - 1e-9))
            anywhere = np.minimum(np.searchsorted(overall, chance[stray] * overall[-1]), self.n_items - 1)
            items[todo] = order[np.minimum(place, self.n_items - 1)]
            items[todo[stray]] = anywhere
            todo = todo[items[todo] == previous[todo]] if previous is not None else todo[:0]
        return items

    def best_recall(self, k: int, day: int | None = None, sessions: int = 1000, seed: int = 0) -> float:
        """Recall@k of the best of all models on a day (default: the last), averaged over `sessions` drawn sessions.

        Raises:
            ValueError: the shop is too large for the exact filter.
        """
        if self.n_groups * self.n_items > DENSE_LIMIT:
            raise ValueError(
                f"the exact filter needs {self.n_groups} x {self.n_items} numbers: ask for at most "
                f"{int((DENSE_LIMIT * GROUP_SIZE) ** 0.5)} items"
            )
        day = self.days - 1 if day is None else day
        items, lengths = self.draw(sessions, day, [7, seed])
        sums = [best.sum() for _, best in self.filtered(items, lengths, k, day)]
        return float(sum(sums) / (lengths - 1).sum())

    def filtered(self, items: Array, lengths: Array, k: int, day: int) -> Iterator[tuple[Array, Array]]:
        """Per step: (sessions [R] that have a next item, [R] the largest probability of a list of k for it)."""
        emission = self.stray * np.broadcast_to(self.marginal, (self.n_groups, self.n_items)).copy()
        emission[self.home, np.arange(self.n_items)] += (1 - self.stray) * self.within
        first, second = self.successors(day)
        transition = np.tile(JUMP * self.group_popularity, (self.n_groups, 1))
        groups = np.arange(self.n_groups)
        for target, chance in ((first, FIRST), (second, SECOND), (groups, STAY)):
            transition[groups, target] += chance
        starts = np.cumsum(lengths) - lengths
        rows = np.arange(len(lengths))
        # belief [R, C]: the probability of the group of the step to come, given the items before it
        belief = np.tile(self.group_popularity, (len(lengths), 1))
        for step in range(int(lengths.max(initial=0)) - 1):
            staying = lengths[rows] > step + 1
            rows, belief = rows[staying], belief[staying]
            seen = items[starts[rows] + step]
            belief = belief * emission[:, seen].T
            belief = (belief / belief.sum(1, keepdims=True)) @ transition
            # The item just seen cannot come again: each group's own draw is conditioned on that.
            belief = belief / (1 - emission[:, seen].T)
            chances = belief @ emission
            chances[np.arange(len(rows)), seen] = 0
            yield rows, -np.partition(-chances, min(k, self.n_items) - 1, axis=1)[:, :k].sum(1)
