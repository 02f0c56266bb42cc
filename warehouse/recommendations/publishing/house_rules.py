"""What the rules of the shop came to in a staged night, counted from its rows and the items' traits alone."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from warehouse.recommendations.limits import HouseRules


class Ruled(NamedTuple):
    """The rules, with the traits as arrays by item.

    Attributes:
        items: ids [I].
        category: a number of each item's category, -1 for none; one more entry, -1, stands for unknown items [I + 1].
        new: likewise, False for unknown items.
    """

    rules: HouseRules
    items: pa.Array
    category: NDArray[np.int64]
    new: NDArray[np.bool_]

    @classmethod
    def of(cls, rules: HouseRules) -> Ruled:
        """The arrays of some rules."""
        codes = rules.traits["category"].combine_chunks().dictionary_encode().indices.cast(pa.int64())
        category = np.append(pc.fill_null(codes, -1).to_numpy(zero_copy_only=False), -1)
        new = np.append(pc.fill_null(rules.traits["new"], False).to_numpy(), False)
        return cls(rules, rules.traits["item_id"].combine_chunks(), category, new)

    def figures(self, rows: pa.Table, first: NDArray[np.int64]) -> dict[str, int]:
        """What whole lists that begin at some rows came to: see the checks of the same names for the meanings."""
        item = rows["item"].combine_chunks()
        known = pc.index_in(item, value_set=self.items.cast(item.type))
        place = pc.fill_null(known, len(self.items)).to_numpy(zero_copy_only=False)
        category, new = self.category[place], self.new[place]
        lengths = np.diff(first, append=len(place))
        number = np.repeat(np.arange(len(first)), lengths)
        score = rows["score"].to_numpy()
        rises = (number[1:] == number[:-1]) & (score[1:] > score[:-1])
        return {
            "over_cap": self._over_cap(number, rows["rank"].to_numpy(), category),
            "short_of_new": self._short_of_new(first, lengths, new),
            "reordered": len(np.unique(number[1:][rises])),
            "out_of_order": self._out_of_order(number, category, new, score),
        }

    def _over_cap(self, number: NDArray[np.int64], rank: NDArray[np.int16], category: NDArray[np.int64]) -> int:
        if not self.rules.most:
            return 0
        asked = (rank <= self.rules.first) & (category >= 0)
        size = int(self.category.max(initial=0)) + 1
        pairs, counts = np.unique(number[asked] * size + category[asked], return_counts=True)
        return len(np.unique(pairs[counts > self.rules.most] // size))

    def _short_of_new(self, first: NDArray[np.int64], lengths: NDArray[np.int64], new: NDArray[np.bool_]) -> int:
        kept = np.floor(self.rules.share * lengths + 1e-9)  # a product that is whole but for rounding is whole
        return int((np.add.reduceat(new.astype(np.int64), first) < kept).sum())

    def _out_of_order(
        self, number: NDArray[np.int64], category: NDArray[np.int64], new: NDArray[np.bool_], score: NDArray[np.float32]
    ) -> int:
        """Rows with a higher score than the one above them of the same list, category and newness.

        Caps and kept places tell items apart by these alone, so they leave the order of those that have them in common.
        """
        if self.rules.mixed:
            return 0
        size = int(self.category.max(initial=0)) + 2
        kind = (number * size + category + 1) * 2 + new
        order = np.argsort(kind, kind="stable")
        kind, score = kind[order], score[order]
        return int(((kind[1:] == kind[:-1]) & np.isfinite(score[1:]) & (score[1:] > score[:-1])).sum())
