"""The losses, each with its gradient: pure functions on small tensors.

Every loss has the same arguments and results:

    scores O [N, C]: of N predictions and the window's C candidates; its storage may be used for the gradient
    target int64 [N]: which candidate is the target of each prediction
    weight [C]: how many equal candidates each one stands for (windows/unique_items.py; with logQ their summed weights)
    target_weight [N]: the part of that weight that the target itself contributes
    returns (loss [N], dloss/dO [N, C])

With all weights 1 these are the papers' formulas; a candidate of weight w counts like w equal ones. The negatives of
prediction i are all candidates with the weights w'_ij = w_j - [j is the target of i]·target_weight_i.

Sources: cross-entropy, BPR-max, TOP1-max with additional samples: arXiv 1706.03847; TOP1, BPR: arXiv 1511.06939;
logQ: arXiv 2307.14956.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from gru4rec.config.options import LossConfig

Loss = Callable[[Tensor, Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]

LOG_ZERO = -1e30  # below any score, and finite, so that a prediction without a negative gives no NaN
TINY = 1e-24  # keeps BPR-max's logarithm finite when every negative outscores the target
BLOCK = 1 << 17  # scores: five tensors of so many float32 numbers are 2.5 MB
LOG2_E = math.log2(math.e)  # exp2 is vectorised where exp is not


def make_loss(config: LossConfig) -> Loss:
    """The configured loss with its parameters bound."""
    if config.loss == "cross-entropy":
        return cross_entropy
    if config.loss == "bpr-max":
        return in_blocks(lambda *tensors: bpr_max(*tensors, bpreg=config.bpreg, elu=config.elu))
    return {"top1": top1, "top1-max": top1_max, "bpr": bpr}[config.loss]


def in_blocks(loss: Loss) -> Loss:
    """The same loss, on a CPU of a few predictions at a time: what it makes on its way then stays in a core's cache.

    loss: one that writes its gradient over the scores.
    """

    def of_blocks(scores: Tensor, target: Tensor, weight: Tensor, target_weight: Tensor) -> tuple[Tensor, Tensor]:
        if not scores.is_cpu or torch.compiler.is_compiling():
            return loss(scores, target, weight, target_weight)
        blocks = max(1, math.ceil(scores.numel() / BLOCK))
        parts = zip(*(tensor.chunk(blocks) for tensor in (scores, target, target_weight)), strict=True)
        return torch.cat([loss(some, at, weight, own)[0] for some, at, own in parts]), scores

    return of_blocks


def cross_entropy(scores: Tensor, target: Tensor, weight: Tensor, target_weight: Tensor) -> tuple[Tensor, Tensor]:
    """-log of the target's softmax: -(O_t + log target_weight) + log Σ_j w_j exp O_j, where O_t is the target's score.

    With w = c^-logq this is the softmax over O - logq·log c: the logQ correction.
    """
    target = target[:, None]
    target_score = scores.gather(1, target).squeeze_(1)
    logits = scores.add_(weight.log())
    top = logits.amax(1)
    p = torch.softmax(logits, dim=1, out=logits)
    log_sum = top - p.amax(1).log_()  # log Σ_j exp(logit_j), since the largest share is exp(top) over that sum
    loss = log_sum - target_score - target_weight.clamp_min(torch.finfo(p.dtype).tiny).log_()
    return loss, p.scatter_add_(1, target, torch.full_like(target, -1, dtype=p.dtype))


def bpr_max(
    scores: Tensor, target: Tensor, weight: Tensor, target_weight: Tensor, *, bpreg: float, elu: float
) -> tuple[Tensor, Tensor]:
    """-log(Σ_j σ(O_t - O_j)·s_j + 1e-24) + bpreg·Σ_j O_j²·s_j, where s is the softmax over the negatives.

    With `elu` > 0 the scores go through ELU(O) first. The gradient is written over the scores.
    """
    o = _elu_(scores, elu) if elu > 0 else scores
    at_target = target[:, None]
    s, some = _softmax_of_negatives(o, target, weight, target_weight)
    sigma = torch.sub(o.gather(1, at_target), o).sigmoid_()
    s_sigma = s * sigma
    a = s_sigma.sum(1, keepdim=True)
    s_sigma2 = sigma.mul_(s_sigma)
    c = s_sigma2.sum(1, keepdim=True)
    s_o = torch.mul(s, o, out=s_sigma)
    s_o2 = s_o * o
    r = s_o2.sum(1, keepdim=True)
    loss = bpreg * r - (a + TINY).log()
    # dL/dO_j = s_j [bpreg·O_j(O_j + 2) - σ_j²/(A + ε) - q], q = bpreg·R - A/(A + ε);
    # the target adds -(A - C)/(A + ε)
    inverse = some / (a + TINY)
    gradient = s_o2.add_(s_o, alpha=2.0).mul_(bpreg * some)
    gradient.addcmul_(s_sigma2, -inverse).addcmul_(s, a * inverse - bpreg * r * some)
    gradient.scatter_add_(1, at_target, (c - a) * inverse)
    if elu > 0:
        torch.ops.aten.elu_backward.grad_input(gradient, elu, 1.0, 1.0, True, o, grad_input=scores)
    else:
        scores.copy_(gradient)
    return loss.mul_(some).squeeze_(1), scores


def top1(scores: Tensor, target: Tensor, weight: Tensor, target_weight: Tensor) -> tuple[Tensor, Tensor]:
    """Mean over the negatives of σ(O_j - O_t) + σ(O_j²)."""
    share = _share_of_negatives(target, weight, target_weight, scores.shape)
    loss, slope, slope_target = _top1_terms(scores, target)
    gradient = slope.mul_(share).scatter_add_(1, target[:, None], -_rowdot(share, slope_target))
    return _rowdot(share, loss).squeeze_(1), gradient


def top1_max(scores: Tensor, target: Tensor, weight: Tensor, target_weight: Tensor) -> tuple[Tensor, Tensor]:
    """Σ_j s_j (σ(O_j - O_t) + σ(O_j²)), where s is the softmax over the negatives."""
    s, some = _softmax_of_negatives(scores, target, weight, target_weight)
    terms, slope, slope_target = _top1_terms(scores, target)
    loss = _rowdot(s, terms)
    gradient = slope.add_(terms).sub_(loss).mul_(s)  # s is a function of the scores too: hence terms - loss
    gradient.scatter_add_(1, target[:, None], -_rowdot(s, slope_target)).mul_(some)
    return loss.mul_(some).squeeze_(1), gradient


def bpr(scores: Tensor, target: Tensor, weight: Tensor, target_weight: Tensor) -> tuple[Tensor, Tensor]:
    """Mean over the negatives of -log σ(O_t - O_j)."""
    share = _share_of_negatives(target, weight, target_weight, scores.shape)
    difference = scores - scores.gather(1, target[:, None])
    loss = _rowdot(share, torch.nn.functional.softplus(difference))
    gradient = difference.sigmoid_().mul_(share)
    return loss.squeeze_(1), gradient.scatter_add_(1, target[:, None], -gradient.sum(1, keepdim=True))


def _top1_terms(scores: Tensor, target: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """TOP1's terms, their derivatives by O_j, and minus their derivatives by O_t, each [N, C]."""
    over = torch.sigmoid(scores - scores.gather(1, target[:, None]))
    large = torch.sigmoid(scores * scores)
    slope_target = over * (1.0 - over)
    slope = slope_target + 2.0 * scores * large * (1.0 - large)
    return over.add_(large), slope, slope_target


def _elu_(x: Tensor, alpha: float) -> Tensor:
    """x where it is above 0, else alpha (exp x - 1), in the place of x."""
    below = torch.clamp(x, max=0.0).mul_(LOG2_E).exp2_()
    return x.clamp_(min=0.0).add_(below, alpha=alpha).sub_(alpha)


def _rowdot(a: Tensor, b: Tensor) -> Tensor:
    products: Tensor = torch.linalg.vecdot(a, b).unsqueeze(1)  # [N, 1]
    return products


def _softmax_of_negatives(
    scores: Tensor, target: Tensor, weight: Tensor, target_weight: Tensor
) -> tuple[Tensor, Tensor]:
    """s [N, C], proportional to w'_ij exp O_ij, and [N, 1]: 0 where a prediction has no negative at all, else 1."""
    left = weight[target] - target_weight
    target_logit = scores.gather(1, target[:, None]) + _log(left)[:, None]
    logits = (scores + _log(weight)).scatter_(1, target[:, None], target_logit)
    some = (weight.sum() - target_weight > 0.5).to(weight.dtype)
    return torch.softmax(logits, dim=1, out=logits), some[:, None]


def _share_of_negatives(target: Tensor, weight: Tensor, target_weight: Tensor, shape: torch.Size) -> Tensor:
    """w'_ij / Σ_j w'_ij [N, C]; zeros where a prediction has no negative at all."""
    total = (weight.sum() - target_weight).clamp_min(1.0)
    share = weight / total[:, None]
    left = (weight[target] - target_weight) / total
    return share.scatter_(1, target[:, None], left[:, None])


def _log(weight: Tensor) -> Tensor:
    """log w of whole numbers w, LOG_ZERO of 0. (Only cross-entropy has other weights, and does not come here.)"""
    return torch.where(weight > 0.5, weight.clamp_min(0.5).log(), LOG_ZERO)
