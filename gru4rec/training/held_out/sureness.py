"""Whether a member is too sure of what comes next, and whether its like finds more when it is less sure.

On most logs about as many next items are among a member's 20 best as its scores promise. Where few events show a
structure that many could show, it learns those few by heart and promises more than it keeps; there, smaller cosines and
more dropout may find more. Which logs these are cannot be seen from counts of items and pairs
(docs/experiments/accuracy/sureness.md), so it is tried, on sessions that neither was fitted on.
"""

import numpy as np
import torch

from gru4rec.data.sessions import Sessions
from gru4rec.evaluation.ranking import ranks
from gru4rec.network.model import GRU4Rec
from gru4rec.training.held_out.proof import FEWEST, SURE_OF_FEW, TOP

TOO_SURE = 0.1  # hits promised and not kept, of all predictions


def too_sure(model: GRU4Rec, held_out: Sessions) -> bool:
    """Whether a member promises many more hits among its 20 best than it has, on sessions that it was not fitted on.

    Fewer than FEWEST predictions say nothing.
    """
    promised, kept, predictions = 0.0, 0, 0
    for block in model.blocks(held_out):
        scores = block.scores.float()
        best = scores.topk(min(TOP, scores.shape[1]), dim=1).values
        promised += float((best.logsumexp(1) - scores.logsumexp(1)).exp().sum())
        target = torch.from_numpy(held_out.items_at(block.events + 1)).to(scores.device)[:, None]
        kept += int((scores.gather(1, target) >= best[:, -1:]).sum())
        predictions += len(scores)
    return predictions >= FEWEST and promised - kept > TOO_SURE * predictions


def finds_more(other: GRU4Rec, model: GRU4Rec, held_out: Sessions) -> bool:
    """Whether another member ranks better on sessions that neither was fitted on.

    What counts is recall@20 and MRR@20, each relative to the model's, above the gain's standard errors as for weights
    (proof.py).
    """
    gain = np.zeros(1)
    of_other, of_model = (ranks(each, held_out) for each in (other, model))
    for measure in (lambda rank: rank <= TOP, lambda rank: (rank <= TOP) / rank):
        was = measure(of_model)
        gain = gain + (measure(of_other).astype(np.float64) - was) / max(float(was.mean()), 1e-9)
    return bool(gain.mean() > SURE_OF_FEW * gain.std() / len(gain) ** 0.5)
