"""The losses, each with its gradient, on folded columns: pure functions on small tensors.

Every loss takes scores O [N, C], the column `own` [N] of each row's target, the columns' weights [C] and the weight
`own_weight` [N] that the target itself brought to its column (columns.py), and returns (loss [N], dloss/dO [N, C]);
the gradient may use the storage of `scores`. Written for weights 1 they are the papers' formulas; a weight w stands for
w equal columns. w'_ij = w_j - [j is i's own column]·own_weight_i: the negatives of row i.

Sources: cross-entropy, BPR-max, TOP1-max with additional samples: arXiv 1706.03847; TOP1, BPR: arXiv 1511.06939;
logQ: arXiv 2307.14956.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from gru4rec.config.options import LossConfig

Loss = Callable[[Tensor, Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]

NOTHING = -1e30  # stands for log 0: below any score, and finite so that a row without a negative gives no NaN
TINY = 1e-24  # keeps BPR-max's logarithm finite when every negative outscores the target
LOG2_E = math.log2(math.e)  # exp2 is vectorised where exp is not


def make_loss(config: LossConfig) -> Loss:
    """The configured loss with its parameters bound."""
    if config.loss == "cross-entropy":
        return cross_entropy
    if config.loss == "bpr-max":
        return lambda *columns: bpr_max(*columns, bpreg=config.bpreg, elu=config.elu)
    return {"top1": top1, "top1-max": top1_max, "bpr": bpr}[config.loss]


def cross_entropy(scores: Tensor, own: Tensor, weight: Tensor, own_weight: Tensor) -> tuple[Tensor, Tensor]:
    """-log softmax of the own column: -(O_own + log own_weight) + log Σ_j w_j exp O_j.

    With w = c^-logq this is the softmax over O - logq·log c.
    """
    own = own[:, None]
    own_score = scores.gather(1, own).squeeze_(1)
    logits = scores.add_(weight.log())
    top = logits.amax(1)
    p = torch.softmax(logits, dim=1)
    log_sum = top - p.amax(1).log_()  # log Σ_j exp(logit_j), since the largest share is exp(top) over that sum
    loss = log_sum - own_score - own_weight.clamp_min(torch.finfo(p.dtype).tiny).log_()
    return loss, p.scatter_add_(1, own, torch.full_like(own, -1, dtype=p.dtype))


def bpr_max(
    scores: Tensor, own: Tensor, weight: Tensor, own_weight: Tensor, *, bpreg: float, elu: float
) -> tuple[Tensor, Tensor]:
    """-log(Σ_j σ(O_own - O_j)·s_j + 1e-24) + bpreg·Σ_j O_j²·s_j, after O <- ELU(O) when `elu` > 0."""
    o = _elu(scores, elu) if elu > 0 else scores
    at_own = own[:, None]
    s, some = _softmax_of_negatives(o, own, weight, own_weight)
    sigma = torch.sigmoid(o.gather(1, at_own) - o)
    s_sigma = s * sigma
    a = s_sigma.sum(1, keepdim=True)
    s_sigma2 = sigma.mul_(s_sigma)
    c = s_sigma2.sum(1, keepdim=True)
    s_o = torch.mul(s, o, out=s_sigma)
    r = torch.linalg.vecdot(s_o, o)[:, None]
    loss = bpreg * r - (a + TINY).log()
    # dL/dO_j = s_j [bpreg·O_j(O_j + 2) - σ_j²/(A + ε) - q], q = bpreg·R - A/(A + ε);
    # the own column adds -(A - C)/(A + ε)
    inverse = (a + TINY).reciprocal()
    gradient = (o + 2.0).mul_(s_o).mul_(bpreg)
    gradient.addcmul_(s_sigma2, -inverse).addcmul_(s, a * inverse - bpreg * r)
    gradient.scatter_add_(1, at_own, (c - a) * inverse).mul_(some)
    if elu > 0:
        gradient = torch.ops.aten.elu_backward(gradient, elu, 1.0, 1.0, True, o)
    return loss.mul_(some).squeeze_(1), gradient


def top1(scores: Tensor, own: Tensor, weight: Tensor, own_weight: Tensor) -> tuple[Tensor, Tensor]:
    """Mean over the negatives of σ(O_j - O_own) + σ(O_j²)."""
    share = _share_of_negatives(own, weight, own_weight, scores.shape)
    loss, slope, slope_own = _top1_terms(scores, own)
    gradient = slope.mul_(share).scatter_add_(1, own[:, None], -_rowdot(share, slope_own))
    return _rowdot(share, loss).squeeze_(1), gradient


def top1_max(scores: Tensor, own: Tensor, weight: Tensor, own_weight: Tensor) -> tuple[Tensor, Tensor]:
    """Σ_j s_j (σ(O_j - O_own) + σ(O_j²))."""
    s, some = _softmax_of_negatives(scores, own, weight, own_weight)
    terms, slope, slope_own = _top1_terms(scores, own)
    loss = _rowdot(s, terms)
    gradient = slope.add_(terms).sub_(loss).mul_(s)  # s is a function of the scores too: hence terms - loss
    gradient.scatter_add_(1, own[:, None], -_rowdot(s, slope_own)).mul_(some)
    return loss.mul_(some).squeeze_(1), gradient


def bpr(scores: Tensor, own: Tensor, weight: Tensor, own_weight: Tensor) -> tuple[Tensor, Tensor]:
    """Mean over the negatives of -log σ(O_own - O_j)."""
    share = _share_of_negatives(own, weight, own_weight, scores.shape)
    difference = scores - scores.gather(1, own[:, None])
    loss = _rowdot(share, torch.nn.functional.softplus(difference))
    gradient = difference.sigmoid_().mul_(share)
    return loss.squeeze_(1), gradient.scatter_add_(1, own[:, None], -gradient.sum(1, keepdim=True))


def _top1_terms(scores: Tensor, own: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """TOP1's terms, their slope in O_j, and minus their slope in O_own, each [N, C]."""
    over = torch.sigmoid(scores - scores.gather(1, own[:, None]))
    large = torch.sigmoid(scores * scores)
    slope_own = over * (1.0 - over)
    slope = slope_own + 2.0 * scores * large * (1.0 - large)
    return over.add_(large), slope, slope_own


def _elu(x: Tensor, alpha: float) -> Tensor:
    return torch.clamp(x, max=0.0).mul_(LOG2_E).exp2_().sub_(1.0).mul_(alpha).add_(x.clamp(min=0.0))


def _rowdot(a: Tensor, b: Tensor) -> Tensor:
    return torch.linalg.vecdot(a, b).unsqueeze(1)  # [N, 1]


def _softmax_of_negatives(scores: Tensor, own: Tensor, weight: Tensor, own_weight: Tensor) -> tuple[Tensor, Tensor]:
    """s [N, C], proportional to w'_ij exp O_ij, and [N, 1]: 0 where a row has no negative at all, else 1."""
    left = weight[own] - own_weight
    own_logit = scores.gather(1, own[:, None]) + _log(left)[:, None]
    logits = (scores + _log(weight)).scatter_(1, own[:, None], own_logit)
    some = (weight.sum() - own_weight > 0.5).to(weight.dtype)
    return torch.softmax(logits, dim=1), some[:, None]


def _share_of_negatives(own: Tensor, weight: Tensor, own_weight: Tensor, shape: torch.Size) -> Tensor:
    """w'_ij / Σ_j w'_ij, [N, C]; zeros in a row without any negative."""
    total = (weight.sum() - own_weight).clamp_min(1.0)
    share = weight / total[:, None]
    left = (weight[own] - own_weight) / total
    return share.scatter_(1, own[:, None], left[:, None])


def _log(weight: Tensor) -> Tensor:
    return torch.where(weight > 0.5, weight.clamp_min(0.5).log(), NOTHING)  # weights are whole numbers here
