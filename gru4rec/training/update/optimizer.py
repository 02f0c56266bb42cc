"""Optimizers that touch only the rows an update used: the same arithmetic for gathered rows and for dense weights.

Adagrad (Duchi et al. 2011): acc += g²; p -= lr·g/√(acc + 1e-6). What is stored is acc + 1e-6, which starts at 1e-6:
this saves a pass over the rows, and no division by zero can occur. Momentum is classical: v = μv - lr·g/√acc; p += v.
Adam (Kingma & Ba 2015) is lazy on tables: the moments of a row decay only in updates that touch it, while the bias
correction counts all updates.

The learning rate may fall from epoch to epoch. A captured or compiled update then reads it where it lies on the device;
otherwise it is a number.
"""

import torch
from torch import Tensor

from gru4rec.config.options import OptimizerConfig

EPSILON = 1e-6
ADAM_BETAS = (0.9, 0.999)
ADAM_EPSILON = 1e-8

# What each optimizer keeps beside a parameter, with the value that it starts with.
SLOTS = {"adagrad": {"accumulator": EPSILON}, "sgd": {}, "adam": {"mean": 0.0, "square": 0.0}}
STEPS = torch.zeros(())  # updates that Adagrad's kernel is told of: its rate falls with them, ours does not


class Optimizer:
    """One of adagrad, sgd and adam. `slots`: the tensors that it keeps beside a parameter, with their first values."""

    def __init__(self, config: OptimizerConfig, device: torch.device, dtype: torch.dtype) -> None:
        self.kind = config.optimizer
        self._config = config
        self.learning_rate = config.learning_rate
        self._rate = torch.full((), self.learning_rate, dtype=dtype, device=device)
        self.momentum = config.momentum
        self.steps = torch.zeros((), dtype=dtype, device=device)  # on the device, where a captured update counts too
        self.slots = dict(SLOTS[self.kind])
        if self.momentum:
            self.slots["velocity"] = 0.0

    @property
    def moves_without_gradient(self) -> bool:
        """Whether a touched weight moves even where its gradient is zero."""
        return self.kind == "adam" or self.momentum > 0

    def begin_epoch(self, epoch: int, epochs: int) -> None:
        """Set the learning rate of an epoch, from 1, of so many."""
        falls = round(self._config.falling * epochs)
        self.learning_rate = self._config.learning_rate * min(1.0, (epochs + 1 - epoch) / (falls + 1))
        self._rate.fill_(self.learning_rate)

    def begin_step(self) -> None:
        """Count an update; to be called once before its parameters are changed."""
        self.steps += 1

    def update(self, p: Tensor, g: Tensor, slots: list[Tensor]) -> None:
        """Change parameters and their slots (in the order of `self.slots`) in place; g may be overwritten."""
        if self.kind == "adam":
            self._adam(p, g, slots[0], slots[1])
            return
        target = p
        if self.momentum:
            target = slots[-1].mul_(self.momentum)
        if self.kind == "adagrad":
            self._adagrad(target, g, slots[0])
        elif self._is_number(target):
            target.add_(g, alpha=-self.learning_rate)
        else:
            target.sub_(g * self._rate)
        if self.momentum:
            p.add_(target)

    def _is_number(self, p: Tensor) -> bool:
        """Whether the learning rate is a number of the call that changes p: it never falls, or no call is kept."""
        return not self._config.falling or _is_eager(p)

    def _adagrad(self, p: Tensor, g: Tensor, accumulator: Tensor) -> None:
        """accumulator += g²; p -= lr·g/√accumulator."""
        if _is_eager(p) and p.is_contiguous():
            # The kernel of torch.optim.Adagrad(fused=True): one pass instead of four.
            torch._fused_adagrad_(
                [p], [g], [accumulator], [STEPS],
                lr=self.learning_rate, lr_decay=0.0, weight_decay=0.0, eps=0.0, maximize=False,
            )  # fmt: skip
            return
        accumulator.addcmul_(g, g)
        if self._is_number(p):
            p.addcmul_(accumulator.rsqrt(), g, value=-self.learning_rate)
        else:
            p.addcmul_(accumulator.rsqrt(), g * -self._rate)

    def _adam(self, p: Tensor, g: Tensor, mean: Tensor, square: Tensor) -> None:
        first, second = ADAM_BETAS
        mean.lerp_(g, 1.0 - first)
        square.mul_(second).addcmul_(g, g, value=1.0 - second)
        root = (square / (1.0 - second**self.steps)).sqrt_().add_(ADAM_EPSILON)
        rate = self.learning_rate if self._is_number(p) else self._rate
        p.sub_(mean / root * (rate / (1.0 - first**self.steps)))


def clip(gradients: list[Tensor], limit: float) -> None:
    """Scale all gradients by min(1, limit / their common norm), in place; not at all when `limit` is 0."""
    if limit <= 0:
        return
    norm = torch.stack([g.pow(2).sum() for g in gradients]).sum().sqrt()
    scale = (limit / (norm + 1e-6)).clamp(max=1.0)
    for g in gradients:
        g.mul_(scale)


def _is_eager(p: Tensor) -> bool:
    """Whether a call that changes p is made once, on a processor, and kept by no graph."""
    return p.is_cpu and not torch.compiler.is_compiling()
