"""How far scores are raised below the first ranks: weights that must prove themselves, as those of proof.py do.

First comes the weight of seen items, then, beside the best of it, that of companions (network/added/raises.py). The
held-out sessions are scored once: what raising can change of a ranking is few scores.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from gru4rec.data.sessions import Sessions
from gru4rec.network.added.past import Past
from gru4rec.network.added.raises import COMPANION, SEEN, Raises
from gru4rec.network.model import GRU4Rec
from gru4rec.scoring.raised import RANKS, limits_in, raised
from gru4rec.scoring.scorer import Block, block_rows
from gru4rec.training.held_out.proof import FEWEST, SURE_OF_FEW, TOP, at, best_without, left_of

# Tried weights towards the ranks, in units of the typical distance between the best and the 21st score.
TRIED = {SEEN: ((0, 0.5), (0, 1), (0, 2)), COMPANION: ((0.05, 0), (0.1, 0), (0, 0.05), (0, 0.1))}


@dataclass(frozen=True)
class Raisable:
    """All that raising can change about how the targets of R predictions rank, with S scores in all that it may raise.

    Attributes:
        limits: scores at the RANKS, [R, len(RANKS)].
        target: score of each target, [R].
        of_target: how far weights of 1 raise it, as a companion and as a seen item, [R, 2].
        best: the best scores of items that are never raised, [R, 21].
        rows: of each score that may be raised the prediction it belongs to, [S].
        of: how far weights of 1 raise it, [S, 2].
        scores: as they were, [S].
    """

    limits: Tensor
    target: Tensor
    of_target: Tensor
    best: Tensor
    rows: Tensor
    of: Tensor
    scores: Tensor

    @classmethod
    def of_block(cls, block: Block, sessions: Sessions, raises: Raises) -> "Raisable":
        """What a block of scores of some sessions says; raises: with weights of 1 towards a rank each."""
        events, scores = block.events, block.scores.float()
        added = raises.added(Past.of(sessions, events), sessions, events)
        rows, items, of = (torch.from_numpy(part) for part in (added.row, added.item, added.raises))
        targets = torch.from_numpy(sessions.items_at(events + 1))
        own = torch.zeros(len(events), 2)
        at_target = items == targets[rows]
        own[rows[at_target]] = of[at_target]
        target = at(scores, torch.arange(len(events)), targets)
        best = best_without(scores, rows, items)
        return cls(limits_in(scores).cpu(), target, own, best, rows, of, at(scores, rows, items))

    @classmethod
    def joined(cls, parts: "list[Raisable]") -> "Raisable":
        """Several blocks as one."""
        begins = np.cumsum([0, *(len(part.target) for part in parts)])
        names = ("limits", "target", "of_target", "best", "of", "scores")
        whole = {name: torch.cat([getattr(part, name) for part in parts]) for name in names}
        rows = torch.cat([part.rows + int(begin) for part, begin in zip(parts, begins[:-1], strict=True)])
        return cls(rows=rows, **whole)

    def measure(self, weights: Tensor) -> tuple[Tensor, Tensor]:
        """Each prediction's hit and reciprocal rank at 20 under weights as in Raises, float64 [R] each."""
        target = raised(self.limits, self.target, self.of_target @ weights)
        above = (self.best > target[:, None]).sum(1)
        scores = raised(self.limits[self.rows], self.scores, self.of @ weights)
        above.index_add_(0, self.rows, (scores > target[self.rows]).long())
        hit = (above < TOP).double()
        return hit, hit / (above + 1.0)


def choose(model: GRU4Rec, raises: Raises, held_out: Sessions, unit: float) -> Tensor:
    """The weights under which the targets rank best, in the scores' unit; 0 with less than FEWEST predictions.

    Args:
        model: that was not fitted on the held-out sessions, with all that is added to its scores.
        raises: companions that were counted in what it was fitted on, with weights of 1 towards a rank each.
        held_out: what decides.
        unit: of the tried weights.

    Returns:
        As in Raises (network/added/raises.py).
    """
    best = torch.zeros(2, len(RANKS))
    if held_out.predictions < FEWEST:
        return best
    blocks = model.blocks(held_out, rows=block_rows(len(model.vocabulary)))
    found = Raisable.joined([Raisable.of_block(block, held_out, raises) for block in blocks])
    for kind, tried in TRIED.items():
        settings = torch.stack([best] * (1 + len(tried)))
        settings[1:, kind] = torch.tensor(tried) * unit
        best = settings[_surest(_worth(found, settings))]
    return best


def _worth(found: Raisable, settings: Tensor) -> Tensor:
    """recall@20 and MRR@20 of each prediction under each setting, each relative to its mean under the first, [N, P]."""
    hit, reciprocal = (torch.stack(part) for part in zip(*map(found.measure, settings), strict=True))
    return hit / hit[0].mean().clamp(min=1e-9) + reciprocal / reciprocal[0].mean().clamp(min=1e-9)


def _surest(worth: Tensor) -> int:
    """The setting whose gain over the first is the largest after some standard errors; the first where none is left."""
    return max(range(len(worth)), key=lambda number: left_of(worth[number] - worth[0], SURE_OF_FEW))
