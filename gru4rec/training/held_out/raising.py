"""How far scores are raised below the first ranks: weights that must prove themselves, as those of proof.py do.

First comes the weight of seen items, then, beside the best of it, that of companions (network/added/raises.py).
"""

import torch
from torch import Tensor

from gru4rec.data.sessions import Sessions
from gru4rec.network.added.past import Past
from gru4rec.network.added.raises import COMPANION, SEEN, Raises
from gru4rec.network.model import GRU4Rec
from gru4rec.scoring.raised import RANKS
from gru4rec.scoring.scorer import block_rows
from gru4rec.training.held_out.proof import FEWEST, SURE_OF_FEW, TOP, left_of

# Tried weights towards the ranks, in units of the typical distance between the best and the 21st score.
TRIED = {SEEN: ((0, 0.5), (0, 1), (0, 2)), COMPANION: ((0.05, 0), (0.1, 0), (0, 0.05), (0, 0.1))}


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
    if len(held_out.prediction_events()) < FEWEST:
        return best
    for kind, tried in TRIED.items():
        settings = torch.stack([best] * (1 + len(tried)))
        settings[1:, kind] = torch.tensor(tried) * unit
        best = settings[_surest(_worth(model, raises, held_out, settings))]
    return best


def _worth(model: GRU4Rec, raises: Raises, held_out: Sessions, settings: Tensor) -> Tensor:
    """recall@20 and MRR@20 of each prediction under each setting, each relative to its mean under the first, [N, P]."""
    parts = []
    for block in model.blocks(held_out, rows=block_rows(len(model.vocabulary))):
        targets = torch.from_numpy(held_out.items_at(block.events + 1)).to(block.scores.device)[:, None]
        past = Past.of(held_out, block.events)
        whole = raises.added(past, held_out, block.events)  # with weights of 1
        above = []
        for setting in settings:
            scores = block.scores.clone()
            whole._replace(by=whole.raises @ setting.numpy()).to(scores)
            above.append((scores > scores.gather(1, targets)).sum(1).cpu())
        parts.append(torch.stack(above))
    place = torch.cat(parts, 1)
    hit = (place < TOP).double()
    reciprocal = hit / (place + 1.0)
    return hit / hit[0].mean().clamp(min=1e-9) + reciprocal / reciprocal[0].mean().clamp(min=1e-9)


def _surest(worth: Tensor) -> int:
    """The setting whose gain over the first is the largest after some standard errors; the first where none is left."""
    return max(range(len(worth)), key=lambda number: left_of(worth[number] - worth[0], SURE_OF_FEW))
