"""The output layer laid out for batch top-N on a CPU: product, normaliser and best items in one pass over the items.

The scores of some rows are made tile by tile of columns, and while a tile is still in the cache what may be among the
best is taken from it (`sieve`) and its exponentials are summed. Three things ride along in the product itself and cost
nothing there: the item biases (as one more column, the states having a 1 there), the factor log2(e) / temperature, so
that the normaliser is a plain sum of powers of two, and items that nobody may be recommended, which stand behind all
others: they count in the normaliser and are never looked at again. The others stand in random order, which the sieve
asks for.

Scores that are raised (scoring/raised.py) are taken out of their tiles; once all tiles have been seen, and with them
what limits the raising, they stand beside what the sieve kept.

Rows for which this was not enough are scored again the plain way. An accelerator wants another order
(device_catalogue.py).
"""

import math
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gru4rec.scoring.raised import RANKS, raise_in, raised
from gru4rec.scoring.scorer import block_rows
from gru4rec.scoring.topk import first_of_each, top_k
from gru4rec.serving.sieve import STEP, Sieve, Tile

TILE = 4608  # columns scored at a time, about: with 128 rows their scores are 2.25 MiB
MUCH = 32.0  # binary orders: what has so much added to it may overflow in a tile and is taken out as what is raised is
LARGEST, SMALLEST = 2.0**100, 2.0**-100  # sums outside are made again, by a way that cannot overflow


class Best(NamedTuple):
    """The best n items of R rows.

    Attributes:
        scores: float32 [R, n], best first; minus infinity where no item was left.
        items: indices, int64 [R, n].
        normaliser: log Σ exp(score / temperature) over the whole catalogue, float32 [R].
    """

    scores: NDArray[np.float32]
    items: NDArray[np.int64]
    normaliser: NDArray[np.float32]


class Touched(NamedTuple):
    """Scores of R rows that are not left as the product makes them.

    Attributes:
        row, item: int64 [N], each pair once.
        barred: whether the item must not be recommended to the row, bool [N]; it counts in the normaliser.
        added: what is added to the scores, float32 [N].
        by: how far they are raised then, float32 [N, len(RANKS)]; None where none is.
    """

    row: NDArray[np.int64]
    item: NDArray[np.int64]
    barred: NDArray[np.bool_]
    added: NDArray[np.float32]
    by: NDArray[np.float32] | None = None


class _InTiles:
    """The touched scores of R rows, in the order in which the tiles come to them."""

    def __init__(self, touched: Touched, catalogue: "Catalogue", rows: int) -> None:
        place = catalogue.column[touched.item] * rows + touched.row
        order = np.argsort(place)
        self.rows = rows
        self.place, self.item = place[order], touched.item[order]
        self.barred = touched.barred[order] | catalogue.barred[self.item]
        self.row = self.place % rows
        self.added = touched.added[order] * np.float32(catalogue.scale)
        self.by = None if touched.by is None else touched.by[order] * np.float32(catalogue.scale)
        self.taken = self.barred.copy()  # out of the tiles
        much = self.added > MUCH
        if self.by is None and much.any():
            self.by = np.zeros((len(much), len(RANKS)), dtype=np.float32)
        if self.by is not None:
            self.taken |= self.by.any(1) | much
        self.score = np.zeros(len(place), dtype=np.float32)  # that counts in the normaliser
        bounds = [begin * rows for begin, _ in catalogue.tiles]
        self.cuts = np.searchsorted(self.place, [*bounds, len(catalogue.weight) * rows]).tolist()

    def mend(self, scores: NDArray[np.float32], number: int, begin: int) -> None:
        """Add to the scores [T · R] of a tile what is to be added, and take out what is barred or raised."""
        part = slice(self.cuts[number], self.cuts[number + 1])
        place = self.place[part] - begin * self.rows
        score = scores[place] + self.added[part]
        scores[place] = np.where(self.taken[part], np.float32(-np.inf), score)
        self.score[part] = score

    def raise_below(self, others: "_Candidates") -> "_Candidates":
        """Raise what is to be raised, and give what of it may stand in the lists.

        others: the best scores of each row that were left in the tiles, as many as the last of RANKS, and more.
        """
        assert self.by is not None
        own = np.flatnonzero(self.taken)
        every = _Candidates(self.row[own], self.score[own], self.item[own]).beside(others)
        best = first_of_each(*every, self.rows, RANKS[-1])[0]
        limits = torch.from_numpy(best[:, [rank - 1 for rank in RANKS]])[self.row]
        self.score = raised(limits, torch.from_numpy(self.score), torch.from_numpy(self.by)).numpy()
        shown = np.flatnonzero(self.taken & ~self.barred)
        return _Candidates(self.row[shown], self.score[shown], self.item[shown])

    def powers(self) -> NDArray[np.float64]:
        """What the scores that were taken out add to the sums of powers, [R]."""
        with np.errstate(over="ignore"):  # such a row is made again
            powers = np.exp2(self.score[self.taken].astype(np.float64))  # more is added at times than float32 holds
        total: NDArray[np.float64] = np.bincount(self.row[self.taken], powers, self.rows).astype(np.float64)
        return total


class _Candidates(NamedTuple):
    """Scores that may be among the best of their rows, each [N]."""

    row: NDArray[np.int64]
    value: NDArray[np.float32]
    item: NDArray[np.int64]

    def beside(self, others: "_Candidates") -> "_Candidates":
        """Both together."""
        row, value, item = (np.concatenate([self[column], others[column]]) for column in range(3))
        return _Candidates(row, value, item)


class Catalogue:
    """A copy of a model's output layer, in the order that batch scoring wants."""

    def __init__(
        self, matrix: Tensor, bias: Tensor, temperature: float, barred: NDArray[np.bool_] | None = None
    ) -> None:
        """Lay out the output matrix [I, H] and bias [I].

        Args:
            matrix, bias: of a linear scorer, on a CPU.
            temperature: of the normaliser.
            barred: True for items that must not be recommended, [I]; None: there are none.
        """
        self.barred = np.zeros(len(bias), dtype=bool) if barred is None else barred
        self.scale = math.log2(math.e) / temperature
        self.items = np.random.default_rng(0).permutation(np.flatnonzero(~self.barred))  # of the columns on offer
        self.offered = STEP * math.ceil(len(self.items) / STEP)  # columns, the last of them padding
        rest = STEP * math.ceil((len(bias) - len(self.items)) / STEP)
        self.column = np.empty(len(bias), dtype=np.int64)  # of each item
        self.column[self.items] = np.arange(len(self.items))
        self.column[self.barred] = self.offered + np.arange(len(bias) - len(self.items))
        self.units = matrix.shape[1]
        self.weight = matrix.new_zeros(self.offered + rest, self.units + 1, dtype=torch.float32)
        self.weight[:, self.units] = -torch.inf
        column = torch.from_numpy(self.column)
        self.weight[column, : self.units] = matrix.float()
        self.weight[column, self.units] = bias.float()
        even = STEP * math.ceil(self.offered / max(1, round(self.offered / TILE)) / STEP)
        begins = [*range(0, self.offered, even), *range(self.offered, len(self.weight), TILE)]
        parts = np.diff([*begins, len(self.weight)]).tolist()
        self.tiles = list(zip(begins, self.weight.split(parts), strict=True))  # those on offer first
        self.room: dict[int, Tile] = {}  # by columns; kept, since fresh pages cost as much as a pass

    @torch.inference_mode()
    def best(self, states: Tensor, n: int, touched: Touched | None = None, normalise: bool = True) -> Best:
        """The best n of the items that may be recommended.

        Args:
            states: hidden states [R, H].
            n: list length.
            touched: what is barred or added row by row; None for nothing.
            normalise: whether the normaliser is wanted; without it that of the answer is nan.
        """
        scaled = self.weight.new_empty(len(states), self.units + 1)
        torch.mul(states, self.scale, out=scaled[:, : self.units])
        scaled[:, self.units] = self.scale
        k = min(n, len(self.items))
        best, again = self._by_tiles(scaled, k, touched, normalise)
        rows = block_rows(len(self.weight))
        for some in np.split(again, range(rows, len(again), rows)) if len(again) else ():
            best.scores[some], best.items[some], best.normaliser[some] = self._plainly(
                scaled, some, k, touched, normalise
            )
        return best._replace(scores=best.scores / np.float32(self.scale))

    def _by_tiles(
        self, scaled: Tensor, k: int, touched: Touched | None, normalise: bool
    ) -> tuple[Best, NDArray[np.int64]]:
        """The best k, with scaled scores, and the rows [A] whose list or normaliser has to be made the plain way."""
        rows = len(scaled)
        own = None if touched is None else _InTiles(touched, self, rows)
        raises = own is not None and own.by is not None
        sieve = Sieve(rows, len(self.items), min(max(k, RANKS[-1]), len(self.items)) if raises else k)
        total, states = scaled.new_zeros(rows), scaled.t()
        hidden = []  # the best of the tiles that are not on offer: they limit what is raised
        for number, (begin, weight) in enumerate(self.tiles):
            if begin >= self.offered and not (normalise or raises):
                break
            tile = self._tile(len(weight), rows)
            torch.mm(weight, states, out=tile.scores)
            if own is not None:
                own.mend(tile.flat, number, begin)
            if begin < self.offered:
                sieve.add(tile, begin)
            elif raises:
                hidden.append(_best_blocks(tile))
            if normalise:
                total += torch.exp2(tile.scores, out=tile.scores).sum(0)
        kept = sieve.kept()
        found = _Candidates(kept.row, kept.value, self.items.take(kept.column))
        if own is not None and raises:
            found = own.raise_below(found.beside(_of_tiles(hidden, rows))).beside(found)
        values, items = first_of_each(found.row, found.value, found.item, rows, k)
        if not normalise:
            return Best(values, items, np.full(rows, np.nan, dtype=np.float32)), kept.missing
        in_tiles = total.numpy().astype(np.float64)
        sums = in_tiles + (0 if own is None else own.powers())
        safe = (in_tiles < LARGEST) & (sums > SMALLEST) & (sums < np.inf)
        normaliser = np.log(sums, where=safe, out=np.zeros(rows)).astype(np.float32)
        return Best(values, items, normaliser), np.union1d(kept.missing, np.flatnonzero(~safe))

    def _tile(self, columns: int, rows: int) -> Tile:
        """Room for the scores of so many columns and rows."""
        if columns not in self.room or self.room[columns].scores.shape[1] != rows:
            self.room[columns] = Tile(columns, rows)
        return self.room[columns]

    def _plainly(
        self, scaled: Tensor, some: NDArray[np.int64], k: int, touched: Touched | None, normalise: bool
    ) -> Best:
        """The best k of some rows [A], with scaled scores, from a matrix of all their scores."""
        scores = (scaled[torch.from_numpy(some)] @ self.weight.t())[:, torch.from_numpy(self.column)]
        if touched is not None:
            number = np.full(len(scaled), -1)
            number[some] = np.arange(len(some))
            there = np.flatnonzero(number[touched.row] >= 0)
            place = tuple(torch.from_numpy(part[there]) for part in (number[touched.row], touched.item))
            scores[place] += torch.from_numpy(touched.added[there]) * self.scale
            if touched.by is not None:
                by = torch.from_numpy(touched.by[there]) * self.scale
                raise_in(scores, place[0] * scores.shape[1] + place[1], by)
        normaliser = scores.new_full((len(some),), torch.nan)
        if normalise:
            normaliser = torch.logsumexp(scores * math.log(2), dim=1)
        scores[:, torch.from_numpy(self.barred)] = -torch.inf
        if touched is not None:
            barred = torch.from_numpy(touched.barred[there])
            scores[place[0][barred], place[1][barred]] = -torch.inf
        values, items = top_k(scores, k)
        return Best(values.numpy(), items.numpy(), normaliser.numpy())


def _best_blocks(tile: Tile) -> Tensor:
    """Scores of a tile, some of each row, among which are its best: those of the blocks with the highest, [N, R]."""
    rows = tile.scores.shape[1]
    torch.amax(tile.blocks, 0, out=tile.folded)
    maxima = tile.folded.view(-1, rows)
    highest = maxima.topk(min(RANKS[-1], len(maxima)), dim=0).indices
    blocks = tile.blocks.view(len(tile.blocks), -1, rows)
    return blocks.gather(1, highest.expand(len(blocks), -1, -1)).flatten(0, 1)


def _of_tiles(parts: list[Tensor], rows: int) -> _Candidates:
    """The best of some scores of tiles, each [N, R], of items that may not be named."""
    scores = torch.cat([torch.empty(0, rows), *parts])
    value = scores.topk(min(RANKS[-1], len(scores)), dim=0).values.numpy()
    row = np.tile(np.arange(rows), len(value))
    return _Candidates(row, value.ravel(), np.zeros(value.size, np.int64))
