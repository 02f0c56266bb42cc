"""Means over users with intervals, in one pass over any number of users.

In each replicate a user counts as often as a Poisson(1) number says, which needs no list of all users as drawing with
replacement does (Chamandy et al., "Estimating uncertainty for massive data streams", Google 2012). A replicate's mean
is its weighted sum over its weight, so groups of users and all of them share the draws.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Group = tuple[str, str]  # what it is made by, and which one it is
BATCH = 8192  # users whose weights are held at a time


@dataclass
class PoissonBootstrap:
    """Adds up M figures a user, over groups of users.

    Args:
        replicates: how many samples the intervals come from.
        seed: of the draws; the same users in the same order give the same intervals.
    """

    replicates: int
    seed: int
    _sums: dict[Group, Floats] = field(default_factory=dict)  # of a group: [1 + R, 1 + M], the number and the figures

    def __post_init__(self) -> None:
        self._generator = np.random.default_rng(self.seed)

    def add(self, figures: Floats, groups: list[tuple[Group, NDArray[np.bool_]]]) -> None:
        """Take in B users.

        Args:
            figures: [B, M].
            groups: name and members, bool [B]; a user may be in several.
        """
        weights = self._generator.poisson(1.0, (len(figures), self.replicates)).astype(np.float64)
        weights = np.column_stack([np.ones(len(figures)), weights])
        values = np.column_stack([np.ones(len(figures)), figures])
        for name, members in groups:
            if members.any():
                part = weights[members].T @ values[members]
                self._sums[name] = self._sums.get(name, 0.0) + part

    def groups(self) -> list[Group]:
        """The groups that have a user."""
        return list(self._sums)

    def users(self, group: Group) -> int:
        """How many users a group has."""
        return int(self._sums[group][0, 0])

    def means(self, group: Group) -> tuple[Floats, Floats, Floats]:
        """Of each figure the mean over a group's users and the ends of its 95% interval, each [M].

        A replicate that drew none of the users says nothing and is left out.
        """
        sums = self._sums[group]
        drawn = sums[1:][sums[1:, 0] > 0]
        value = sums[0, 1:] / sums[0, 0]
        if not len(drawn):
            return value, np.full_like(value, np.nan), np.full_like(value, np.nan)
        low, high = np.quantile(drawn[:, 1:] / drawn[:, :1], [0.025, 0.975], axis=0)
        return value, low, high
