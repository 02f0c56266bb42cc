"""Items that a session has seen already: how much more, or less, likely they are to come next.

With a shared embedding an item scores high after itself, whether or not people ever click it twice in a row. Logs
differ: some drop repeated clicks, in others a quarter of the steps repeat the item before, and in most people often go
back to an earlier item. Two weights correct this. One is added to the score of the item just seen, the other to the
scores of the items seen before it. They are chosen by rank on sessions that the model was not fitted on, because on its
own training sessions it remembers what came next, and every weight looks harmful. What counts for a weight is the lower
end of an interval around its gain, so a log on which weights do nothing keeps none.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gru4rec.data.sessions import Sessions
from gru4rec.scoring.scorer import Block

REACH = 100  # events back that count as seen
TOP = 20  # the cut of the metrics that choose
FEWEST = 300  # predictions that say anything; with fewer the weights stay 0
ROWS, CELLS = 8000, 200_000_000  # predictions looked at: so many, or as have so many scores
SURE = 4.0  # standard errors taken off a gain: the best of 99 tried pairs must stand out, two would be chance
# Tried weights, in units of the typical distance between the best and the 20th score. The weight of the item just seen
# ends at -0.5: even a log without repeated clicks has sessions like "a, unknown item, a", which the model reads as
# "a, a". Held-out sessions, whose items the model knows, do not show this, and would ask for a weight far below.
BEFORE = (-2.0, -1.0, -0.5, -0.25, -0.1, 0.0, 0.1, 0.25, 0.5, 1.0, 2.0)
JUST_SEEN = BEFORE[2:]


def add(
    scores: Tensor, items: NDArray[np.int64], begins: NDArray[np.int64], events: NDArray[np.int64], weights: Tensor
) -> None:
    """Add the weights to scores, in place.

    An item that was just seen and seen before counts as just seen; an item that was seen twice counts once.

    Args:
        scores: [R, I].
        items: of all sessions, one after another, [E].
        begins: of each row the position in `items` where its session begins, [R].
        events: of each row the position of its last input event, [R].
        weights: for the item just seen and for items seen before it, [2].
    """
    row, earlier = _earlier(items, begins, events)
    every = torch.arange(len(events), device=scores.device)
    now = torch.from_numpy(items[events]).to(scores.device)
    at_row, at_item = torch.from_numpy(row).to(scores.device), torch.from_numpy(earlier).to(scores.device)
    just_seen = scores[every, now] + weights[0]
    scores[at_row, at_item] = scores[at_row, at_item] + weights[1]
    scores[every, now] = just_seen


def of_distance(back: NDArray[np.int64], weights: Tensor) -> NDArray[np.float32]:
    """What is added to the scores of items that were last seen `back` events before the last input event, [N].

    Args:
        back: [N], 0 for the last input event itself.
        weights: for the item just seen and for items seen before it, at most REACH events back, [2].
    """
    just_seen, before = weights.float().tolist()
    return np.where(back == 0, just_seen, np.where(back <= REACH, before, 0.0)).astype(np.float32)


def _earlier(
    items: NDArray[np.int64], begins: NDArray[np.int64], events: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Row and item of every event before each row's last input event, at most REACH back."""
    lengths = np.minimum(events - begins, REACH)
    row = np.repeat(np.arange(len(events)), lengths)
    back = np.arange(len(row)) - np.repeat(np.cumsum(lengths) - lengths, lengths) + 1
    return row, items[events[row] - back]


def rows(items: int) -> int:
    """How many predictions to look at over a catalogue of so many items."""
    return max(100, min(ROWS, CELLS // max(items, 1)))


@dataclass(frozen=True)
class Standing:
    """All that is needed to rank the targets of R predictions under any weights.

    Attributes:
        target: score of each target, [R].
        kind: whether each target is new (0), just seen (1) or seen before (2), [R].
        best: the best scores of new items, [R, 21].
        rows: of each of S seen items the prediction it belongs to, [S].
        kinds: whether it was just seen (1) or seen before (2), [S].
        scores: its score, [S].
    """

    target: Tensor
    kind: Tensor
    best: Tensor
    rows: Tensor
    kinds: Tensor
    scores: Tensor

    @classmethod
    def of(cls, block: Block, sessions: Sessions) -> "Standing":
        """What a block of scores of some sessions says."""
        events, scores = block.events, block.scores.float().cpu()
        begins = sessions.offsets[sessions.session_of(events)]
        targets = torch.from_numpy(sessions.items[events + 1])
        every = torch.arange(len(events))
        seen = torch.zeros_like(scores, dtype=torch.int8)
        row, earlier = _earlier(sessions.items, begins, events)
        seen[torch.from_numpy(row), torch.from_numpy(earlier)] = 2
        seen[every, torch.from_numpy(sessions.items[events])] = 1
        rows, items = seen.nonzero(as_tuple=True)
        best = scores.masked_fill(seen > 0, -torch.inf).topk(min(TOP + 1, scores.shape[1]), dim=1).values
        best = best.clamp(min=float(scores.min()))
        kinds = seen[rows, items].long()
        return cls(scores[every, targets], seen[every, targets].long(), best, rows, kinds, scores[rows, items])

    @classmethod
    def joined(cls, parts: "list[Standing]") -> "Standing":
        """Several blocks as one."""
        begins = np.cumsum([0, *(len(part.target) for part in parts)])

        def all_of(name: str) -> Tensor:
            return torch.cat([getattr(part, name) for part in parts])

        rows = torch.cat([part.rows + int(begin) for part, begin in zip(parts, begins[:-1], strict=True)])
        return cls(all_of("target"), all_of("kind"), all_of("best"), rows, all_of("kinds"), all_of("scores"))

    def measure(self, weights: Tensor) -> tuple[Tensor, Tensor]:
        """Each prediction's hit and reciprocal rank at 20, float64 [R] each.

        Args:
            weights: what is added to the scores of new items, of the item just seen and of items seen before, [3].
        """
        target = self.target + weights[self.kind]
        above = (self.best > target[:, None]).sum(1)
        above.index_add_(0, self.rows, (self.scores + weights[self.kinds] > target[self.rows]).long())
        hit = (above < TOP).double()
        return hit, hit / (above + 1.0)


def choose(blocks: Iterable[Block], sessions: Sessions) -> Tensor:
    """The two weights under which the targets rank best, [2]: for the item just seen and for items seen before.

    A pair of weights is worth its gain in recall@20 and in MRR@20, each relative to no weights, less SURE standard
    errors of that gain. Both weights are 0 where no pair is worth anything, and with fewer than FEWEST predictions. Of
    pairs of equal worth the smaller weights win.

    Args:
        blocks: scores of the sessions by a model that was not fitted on them.
        sessions: what was scored.
    """
    parts = [Standing.of(block, sessions) for block in blocks]
    if sum(len(part.target) for part in parts) < FEWEST:
        return torch.zeros(2)
    found = Standing.joined(parts)
    unit = float((found.best[:, 0] - found.best[:, -1]).median())
    hit, reciprocal = found.measure(torch.zeros(3))
    of_hit, of_reciprocal = (1.0 / max(float(base.mean()), 1e-9) for base in (hit, reciprocal))
    tried = []
    for just in JUST_SEEN:
        for before in BEFORE:
            new_hit, new_reciprocal = found.measure(torch.tensor([0.0, just * unit, before * unit]))
            gain = (new_hit - hit) * of_hit + (new_reciprocal - reciprocal) * of_reciprocal
            sure = float(gain.mean()) - SURE * float(gain.std()) / len(gain) ** 0.5
            tried.append((sure, -abs(just) - abs(before), just, before))
    _, _, just, before = max(tried)
    return torch.tensor([just * unit, before * unit])
