"""The output layer laid out for batch top-N on an accelerator: product, best items and probabilities, all of it there.

A matrix of scores is written once and read as few times as can be. Its columns are the items on offer in ascending
order, cut into blocks of DEPTH neighbours, with the members of a block lying far apart, so that the maxima of all
blocks are maxima of long contiguous vectors. The best k items stand in the k blocks with the highest maxima, so
`torch.topk`, which reads its input five times, gets the maxima alone, and only the blocks that it picks are opened.
What is opened is put in order by one integer a score: the score, and below it the item, so equal scores are settled by
ascending item.

Nothing here asks the device for a value. Where a row's list or normaliser needs another look (more than SPARE blocks
share the score at the limit, or a sum of powers overflows), a flag says so; `exactly` makes such rows again.

Behind the blocks stand the items that nobody may be recommended, which count in the normaliser. As in `catalogue`, the
biases and the factor log2(e) / temperature ride along in the product.
"""

import math
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gru4rec.scoring.on_device import AddsOnDevice, DeviceSessions, sent
from gru4rec.scoring.raised import raise_in
from gru4rec.scoring.scorer import Linear

DEPTH = 8  # items a block
SPARE = 28  # blocks that are opened beyond k: so many may share the score at the limit
ALIGNED = 8  # rows are multiples of so many numbers, which whole vectors are loaded and stored of
CELLS = 1 << 28  # most scores of a matrix: 1 GiB
SMALLEST, LARGEST = 2.0**-100, 2.0**100  # sums of powers between these are safe
LOW = (1 << 31) - 1  # of the integer of a score: LOW - place, the score above it


class BestOnDevice(NamedTuple):
    """The best k items of R rows.

    Attributes:
        scores: float32 [R, k], best first; minus infinity where no item was left.
        items: indices, int32 [R, k].
        probabilities: softmax over the whole catalogue of score / temperature, float32 [R, k].
        exact: False for rows that have to be made again by `exactly`, bool [R].
    """

    scores: Tensor
    items: Tensor
    probabilities: Tensor
    exact: Tensor


class DeviceCatalogue:
    """A copy of a linear scorer's output layer, in the order that an accelerator wants; it runs on any device."""

    def __init__(self, scorer: Linear, temperature: float, barred: NDArray[np.bool_] | None = None) -> None:
        """Lay out the output layer.

        Args:
            scorer: the model.
            temperature: of the probabilities.
            barred: True for items that must not be recommended, [I]; None: there are none.
        """
        matrix, bias = scorer.output_matrix(), scorer.output_bias()
        self.scorer, self.device = scorer, matrix.device
        self.scale = math.log2(math.e) / temperature
        barred = np.zeros(len(bias), dtype=bool) if barred is None else barred
        offered, rest = np.flatnonzero(~barred), np.flatnonzero(barred)
        self.offered = len(offered)
        self.blocks = _aligned(math.ceil(len(offered) / DEPTH))
        self.width = _aligned(DEPTH * self.blocks + len(rest))
        place = np.arange(len(offered))
        columns = np.empty(len(bias), dtype=np.int64)
        columns[offered] = place % DEPTH * self.blocks + place // DEPTH
        columns[rest] = DEPTH * self.blocks + np.arange(len(rest))
        self.columns = sent(columns, self.device)  # of each item
        items = np.zeros(DEPTH * self.blocks, dtype=np.int32)
        items[: len(offered)] = offered
        self.items = sent(items, self.device)  # of each place on offer
        self.units = matrix.shape[1]
        self.weight = matrix.new_zeros(self.width, _aligned(self.units + 1), dtype=torch.float32)
        self.weight[:, self.units] = -torch.inf
        self.weight[self.columns, : self.units] = matrix.float()
        self.weight[self.columns, self.units] = bias.float()
        self._room = self.weight.new_empty(0)

    @property
    def rows(self) -> int:
        """The most rows that are scored at once."""
        return max(1, CELLS // self.width)

    @torch.inference_mode()
    def best(self, states: Tensor, sessions: DeviceSessions, n: int, *, exclude_seen: bool) -> BestOnDevice:
        """The best n of the items that may be recommended, for at most `rows` rows.

        Args:
            states: hidden states [R, H].
            sessions: what the rows have seen.
            n: list length.
            exclude_seen: whether that is left out of the lists.
        """
        if self._room.numel() < len(states) * self.width:
            self._room = self.weight.new_empty(len(states) * self.width)
        scores = self._room[: len(states) * self.width].view(-1, self.width)
        self.score(states, sessions, scores)
        seen = self.bar(sessions, scores) if exclude_seen else None
        values, items, exact = self.select(scores, min(n, self.offered))
        highest = torch.where(values[:, :1].isfinite(), values[:, :1], 0.0)
        sums = self.powers(sessions, scores, highest, seen)
        safe = (sums > SMALLEST) & (sums < LARGEST)
        probabilities = ((values - highest).exp2() / sums[:, None]).clamp(max=1)
        return BestOnDevice(values / self.scale, items, probabilities, exact & safe)

    @torch.inference_mode()
    def exactly(self, states: Tensor, sessions: DeviceSessions, n: int, *, exclude_seen: bool) -> BestOnDevice:
        """As `best`, from all scores instead of those of some blocks, and with sums that cannot overflow."""
        scores = self.weight.new_empty(len(states), self.width)
        self.score(states, sessions, scores)
        highest = scores.amax(1, keepdim=True)
        sums = (scores - highest).exp2_().sum(1, keepdim=True)
        if exclude_seen:
            self.bar(sessions, scores)
        column = torch.arange(DEPTH * self.blocks, device=self.device)
        place = column % self.blocks * DEPTH + column // self.blocks
        values, items = self._first(scores[:, : len(column)], place, min(n, self.offered))
        probabilities = ((values - highest).exp2() / sums).clamp(max=1)  # rounding may lift a sure one above 1
        return BestOnDevice(values / self.scale, items, probabilities, sums[:, 0].isfinite())

    def score(self, states: Tensor, sessions: DeviceSessions, scores: Tensor) -> None:
        """Scores, times `scale`, into a matrix [R, width]: the product, added to and raised as the scorer says."""
        scaled = self.weight.new_zeros(len(states), self.weight.shape[1])
        torch.mul(states, self.scale, out=scaled[:, : self.units])
        scaled[:, self.units] = self.scale
        torch.mm(scaled, self.weight.t(), out=scores)
        if isinstance(self.scorer, AddsOnDevice):
            self.scorer.add_on_device(scores, self.columns, sessions, self.scale)
            return
        added = self.scorer.added(sessions.host, sessions.host.offsets[1:] - 1)
        if added is not None:
            row, item, value = (sent(part, self.device) for part in added[:3])
            place = row * self.width + self.columns[item]
            scores.view(-1).index_add_(0, place, value * self.scale)
            if added.by is not None:
                raise_in(scores, place, sent(added.by, self.device) * self.scale)

    def bar(self, sessions: DeviceSessions, scores: Tensor) -> tuple[Tensor, Tensor]:
        """Put the scores of seen items behind all others; where these stood in the matrix, and which they were."""
        place = sessions.row * self.width + self.columns[sessions.items]
        flat = scores.view(-1)
        before = flat.index_select(0, place)
        flat.index_fill_(0, place, -torch.inf)
        return place, before

    def select(self, scores: Tensor, k: int) -> tuple[Tensor, Tensor, Tensor]:
        """The best k scores, their items, and whether a row's are surely the best, from a matrix of barred scores."""
        on_offer = scores[:, : DEPTH * self.blocks]
        maxima = on_offer.unflatten(1, (DEPTH, self.blocks)).amax(1)  # [R, blocks]
        opened = min(k + SPARE, self.blocks)
        highest, block = maxima.topk(opened, dim=1, sorted=False)
        limit = highest.amin(1, keepdim=True)  # no block that stays shut has more
        sure = ((highest > limit).sum(1) >= k) | (limit[:, 0] == -torch.inf)
        if opened == self.blocks:
            sure = torch.ones_like(sure)
        member = torch.arange(DEPTH, device=self.device)[:, None]
        column = (member * self.blocks + block[:, None, :]).flatten(1)  # [R, DEPTH · opened]
        place = (member + DEPTH * block[:, None, :]).flatten(1)
        values, items = self._first(on_offer.gather(1, column), place, k)
        return values, items, sure

    def powers(
        self, sessions: DeviceSessions, scores: Tensor, highest: Tensor, seen: tuple[Tensor, Tensor] | None
    ) -> Tensor:
        """Sums of the powers of two of all scores less those in `highest` [R, 1], barred ones too, [R]; the matrix is
        overwritten.
        """
        scores.sub_(highest).exp2_()
        if seen is not None:
            place, before = seen
            own = (before - highest[sessions.row, 0]).exp2()
            scores.view(-1).index_copy_(0, place, own)  # one seen twice is written twice, to the same place
        return scores.sum(1)

    def _first(self, scores: Tensor, place: Tensor, k: int) -> tuple[Tensor, Tensor]:
        """The best k of scores [R, C] and their items; equal scores by ascending place, [R, C] or [C]."""
        bits = (scores + 0.0).view(torch.int32)  # + 0 makes one zero of both
        rising = bits ^ (bits >> 31 & LOW)  # ordered as the scores are
        best = (rising.long() * (1 << 32) + (LOW - place)).topk(min(k, scores.shape[1]), dim=1).values
        rising = (best >> 32).int()
        values = (rising ^ (rising >> 31 & LOW)).view(torch.float32)
        return values, self.items[LOW - (best & LOW)]


def _aligned(size: int) -> int:
    return ALIGNED * math.ceil(size / ALIGNED)
