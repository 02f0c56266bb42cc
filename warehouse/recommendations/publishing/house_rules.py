"""What the rules of the shop came to in a staged night, counted from its rows and the items' traits alone."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from warehouse.recommendations.limits import TOP, Cap, HouseRules

MILLION = 1_000_000  # sums of cosines are counted in millionths, so that those of several groups add up exactly


class Ruled(NamedTuple):
    """The rules, with the traits as arrays by item.

    Attributes:
        items: ids [I].
        categories: by cap, a number of each item's category, -1 for none; one more entry, -1, stands for unknown items
            [I + 1].
        new: likewise, False for unknown items.
        vectored: ids of the items with a vector [V].
        vectors: theirs, float32 [V + 1, H]; the last one is zero and stands for unknown items.
    """

    rules: HouseRules
    items: pa.Array
    categories: tuple[NDArray[np.int64], ...]
    new: NDArray[np.bool_]
    vectored: pa.Array
    vectors: NDArray[np.float32]

    @classmethod
    def of(cls, rules: HouseRules) -> Ruled:
        """The arrays of some rules."""
        categories = []
        for cap in rules.caps:
            codes = rules.traits[cap.column].combine_chunks().dictionary_encode().indices.cast(pa.int64())
            categories.append(np.append(pc.fill_null(codes, -1).to_numpy(zero_copy_only=False), -1))
        new = np.append(pc.fill_null(rules.traits["new"], False).to_numpy(), False)
        items = rules.traits["item_id"].combine_chunks()
        vectored, vectors = items.slice(0, 0), np.zeros((1, 1), np.float32)
        if rules.vectors is not None:
            vectored, column = (rules.vectors[name].combine_chunks() for name in ("item_id", "vector"))
            width = column.type.list_size
            own = column.flatten().to_numpy().reshape(-1, width)
            vectors = np.concatenate([own, np.zeros((1, width), np.float32)])
        return cls(rules, items, tuple(categories), new, vectored, vectors)

    def figures(self, rows: pa.Table, first: NDArray[np.int64]) -> dict[str, int]:
        """What whole lists that begin at some rows came to: see the checks of the same names for the meanings."""
        item = rows["item"].combine_chunks()
        place = _places(item, self.items)
        categories, new = [category[place] for category in self.categories], self.new[place]
        lengths = np.diff(first, append=len(place))
        number = np.repeat(np.arange(len(first)), lengths)
        score = rows["score"].to_numpy()
        rises = (number[1:] == number[:-1]) & (score[1:] > score[:-1])
        return {
            "over_cap": self._over_cap(number, rows["rank"].to_numpy(), categories),
            "short_of_new": self._short_of_new(first, lengths, new),
            "reordered": len(np.unique(number[1:][rises])),
            "out_of_order": self._out_of_order(number, categories, new, score),
            **self._alike(item, first, lengths, number, score),
        }

    def _over_cap(self, number: NDArray[np.int64], rank: NDArray[np.int16], categories: list[NDArray[np.int64]]) -> int:
        over = [_lists_over(cap, number, rank, own) for cap, own in zip(self.rules.caps, categories, strict=True)]
        return len(np.unique(np.concatenate(over))) if over else 0

    def _short_of_new(self, first: NDArray[np.int64], lengths: NDArray[np.int64], new: NDArray[np.bool_]) -> int:
        kept = np.floor(self.rules.share * lengths + 1e-9)  # a product that is whole but for rounding is whole
        return int((np.add.reduceat(new.astype(np.int64), first) < kept).sum())

    def _alike(
        self,
        item: pa.Array,
        first: NDArray[np.int64],
        lengths: NDArray[np.int64],
        number: NDArray[np.int64],
        score: NDArray[np.float32],
    ) -> dict[str, int]:
        """Sums over lists, in millionths, of the mean cosine of two of their top items: by rank, and by score."""
        if self.rules.vectors is None:
            return {}
        by_rank = np.arange(len(item)) - first[number] < TOP
        in_order = np.lexsort((-score, number))
        top = np.minimum(lengths, TOP)
        begins = np.cumsum(top) - top
        sums = {}
        for name, rows in (("alike", np.flatnonzero(by_rank)), ("alike_by_score", in_order[by_rank])):
            vectors = self.vectors[_places(item.take(pa.array(rows)), self.vectored)]
            whole = np.add.reduceat(vectors, begins)
            alone = np.add.reduceat((vectors * vectors).sum(1), begins)
            pairs = np.maximum(top * (top - 1), 1)
            sums[name] = round(float((((whole * whole).sum(1) - alone) / pairs).sum()) * MILLION)
        return sums

    def _out_of_order(
        self,
        number: NDArray[np.int64],
        categories: list[NDArray[np.int64]],
        new: NDArray[np.bool_],
        score: NDArray[np.float32],
    ) -> int:
        """Rows with a higher score than the one above them of the same list, categories and newness.

        Caps and kept places tell items apart by these alone, so they leave the order of those that have them in common.
        """
        if self.rules.vectors is not None:
            return 0
        kind = number * 2 + new
        for category in categories:
            kind = np.unique(kind, return_inverse=True)[1] * (int(category.max(initial=0)) + 2) + category + 1
        order = np.argsort(kind, kind="stable")
        kind, score = kind[order], score[order]
        return int(((kind[1:] == kind[:-1]) & np.isfinite(score[1:]) & (score[1:] > score[:-1])).sum())


def _places(item: pa.Array, known: pa.Array) -> NDArray[np.int32]:
    """Where each item stands among the known ones; their number for one that does not."""
    found = pc.index_in(item, value_set=known.cast(item.type))
    places: NDArray[np.int32] = pc.fill_null(found, len(known)).to_numpy(zero_copy_only=False)
    return places


def _lists_over(
    cap: Cap, number: NDArray[np.int64], rank: NDArray[np.int16], category: NDArray[np.int64]
) -> NDArray[np.int64]:
    """The numbers of the lists with more of a category than a cap asks for."""
    asked = (rank <= cap.first) & (category >= 0)
    size = int(category.max(initial=0)) + 1
    pairs, counts = np.unique(number[asked] * size + category[asked], return_counts=True)
    return np.unique(pairs[counts > cap.most] // size)
