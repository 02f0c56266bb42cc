"""Scores of some items raised towards the scores of the first ranks, which none of them passes (rounding may make them
equal).

What is simply added to a score may put an item on the first rank, where a network knows better; what is raised changes
the ranks below. An item that stands a gap below the score at a rank and is raised by r ends up gap · exp(-r / gap)
below it: raised by r where the gap is wide, and never past that rank. Multiplying all scores and r by a number
multiplies what comes out by it.
"""

import torch
from torch import Tensor

from gru4rec.scoring.topk import top_k

RANKS = (1, 5)  # whose scores limit what is raised
STEEPEST = 4.0  # r / gap at the most: what is raised to a limit stays a fiftieth of its gap below it
DEPTH = 8  # columns a block, where an accelerator looks for the first ranks


def raised(limits: Tensor, scores: Tensor, by: Tensor) -> Tensor:
    """Scores [N] after they were raised.

    Args:
        limits: scores at the RANKS of the rows that they stand in, [N, len(RANKS)].
        scores: as they were.
        by: how far towards each of the limits, one after the other, [N, len(RANKS)].
    """
    for limit, r in zip(limits.unbind(1), by.unbind(1), strict=True):
        gap = limit - scores
        steep = (r / gap).clamp(0, STEEPEST)
        scores = torch.where((gap > 0) & (r > 0), limit - gap * torch.exp(-steep), scores)
    return scores


def limits_in(scores: Tensor) -> Tensor:
    """The scores at the RANKS of each row of a matrix [R, W], minus infinity past its last: [R, len(RANKS)].

    On an accelerator nothing waits for it.
    """
    most = min(RANKS[-1], scores.shape[1])
    if scores.device.type == "cpu" and scores.dtype == torch.float32:
        best = top_k(scores, most)[0]
    elif scores.device.type == "cpu" or scores.shape[1] % DEPTH:
        best = scores.topk(most, dim=1).values
    else:
        best = best_of_blocks(scores, most)
    past = best.new_full((len(best), RANKS[-1] - most), -torch.inf)
    ranked = torch.cat([best, past], 1)
    return torch.stack([ranked[:, rank - 1] for rank in RANKS], 1)  # a list as index would be sent: the host would wait


def best_of_blocks(scores: Tensor, most: int) -> Tensor:
    """The best few scores of each row of a matrix [R, W], W a multiple of DEPTH, best first: [R, most].

    They stand in as many blocks, so that `torch.topk`, which reads its input five times, gets the blocks' maxima alone.
    """
    blocks = scores.unflatten(1, (DEPTH, -1))
    highest = blocks.amax(1).topk(min(most, blocks.shape[2]), dim=1).indices
    opened = blocks.gather(2, highest[:, None].expand(-1, DEPTH, -1))
    best: Tensor = opened.flatten(1).topk(most, dim=1).values
    return best


def raise_in(scores: Tensor, place: Tensor, by: Tensor) -> None:
    """Raise N scores of a matrix [R, W] in place.

    Args:
        scores: contiguous, those of whole rows, for limits_in.
        place: which, as row · W + column, int64 [N]. What is there twice ends where it is raised to the highest.
        by: how far towards each of the limits, [N, len(RANKS)].
    """
    flat = scores.view(-1)
    limits = limits_in(scores)[place // scores.shape[1]]
    flat.scatter_reduce_(0, place, raised(limits, flat.index_select(0, place), by), "amax")
