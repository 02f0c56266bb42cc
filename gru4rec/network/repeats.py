"""Items that a session has seen already: how much more, or less, likely they are to come next.

With a shared embedding an item scores high after itself whether or not people ever click it twice in a row, and logs
differ: some drop repeated clicks, in others a quarter of the steps repeat the item before; going back to an earlier
item is common in most. Two weights, added to the scores of the item just seen and of the items seen before it, set
this right. They are chosen by rank on sessions that the model was not fitted on: on its own training sessions it
remembers what came next, and every weight looks harmful. Weights must prove themselves: what counts is the lower end of
an interval around their gain, so that a log on which they do nothing keeps none.
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
# Tried weights, in units of the typical distance between the best and the 20th score. In a log that never shows an item
# twice running the item just seen comes next all the same once an unknown item between the two has fallen out of a
# session. Held-out sessions cannot show that, for the model knows their items: hence its weight ends at -0.5.
BEFORE = (-2.0, -1.0, -0.5, -0.25, -0.1, 0.0, 0.1, 0.25, 0.5, 1.0, 2.0)
JUST_SEEN = BEFORE[2:]


def add(
    scores: Tensor, items: NDArray[np.int64], begins: NDArray[np.int64], events: NDArray[np.int64], weights: Tensor
) -> None:
    """Add the weights [2] (item just seen, item seen before) to scores [R, I] in place.

    items: of all sessions, flat; events [R]: each row's last input event; begins [R]: where its session begins.
    An item that is both the one just seen and an earlier one counts as just seen; one seen twice counts once.
    """
    row, earlier = _earlier(items, begins, events)
    every = torch.arange(len(events), device=scores.device)
    now = torch.from_numpy(items[events]).to(scores.device)
    at_row, at_item = torch.from_numpy(row).to(scores.device), torch.from_numpy(earlier).to(scores.device)
    just_seen = scores[every, now] + weights[0]
    scores[at_row, at_item] = scores[at_row, at_item] + weights[1]
    scores[every, now] = just_seen


def of_distance(back: NDArray[np.int64], weights: Tensor) -> NDArray[np.float32]:
    """What is added to the score of an item last seen `back` events before the last input event (0: it is that one)."""
    just_seen, before = weights.float().tolist()
    return np.where(back == 0, just_seen, np.where(back <= REACH, before, 0.0)).astype(np.float32)


def _earlier(
    items: NDArray[np.int64], begins: NDArray[np.int64], events: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(row, item) of each event of a session before its last input event, at most REACH back."""
    lengths = np.minimum(events - begins, REACH)
    row = np.repeat(np.arange(len(events)), lengths)
    back = np.arange(len(row)) - np.repeat(np.cumsum(lengths) - lengths, lengths) + 1
    return row, items[events[row] - back]


def rows(items: int) -> int:
    """How many predictions to look at over a catalogue of so many items."""
    return max(100, min(ROWS, CELLS // max(items, 1)))


@dataclass(frozen=True)
class Standing:
    """All that weights can change about how targets rank: of R predictions, with S seen items in all.

    target [R], kind [R]: the target's score, and whether it is new (0), just seen (1) or seen before (2). best [R, 21]:
    the best scores of new items. rows, kinds, scores [S]: the seen items, and which prediction each belongs to.
    """

    target: Tensor
    kind: Tensor
    best: Tensor
    rows: Tensor
    kinds: Tensor
    scores: Tensor

    @classmethod
    def of(cls, block: Block, sessions: Sessions) -> "Standing":
        """Of a block of scores of these sessions."""
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
        """Each prediction's hit and reciprocal rank at 20, float64 [R], with weights [3] for new, just seen, before."""
        target = self.target + weights[self.kind]
        above = (self.best > target[:, None]).sum(1)
        above.index_add_(0, self.rows, (self.scores + weights[self.kinds] > target[self.rows]).long())
        hit = (above < TOP).double()
        return hit, hit / (above + 1.0)


def choose(blocks: Iterable[Block], sessions: Sessions) -> Tensor:
    """The weights [2] under which the targets rank best: recall@20 and MRR@20, each relative to no weights.

    Of every pair of weights counts the gain that is left after SURE standard errors; where none is left both stay 0,
    as they do with fewer than FEWEST predictions. Equal results go to the smaller weights.
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
