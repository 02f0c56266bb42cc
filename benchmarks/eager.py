"""The plain eager way to train a GRU4Rec, as ports write it: nn.GRUCell, sparse nn.Embedding, autograd, Adagrad.

It is what the fast step's speed is measured against, so it is written with care: no needless copies, one lookup a
step, sampling in large blocks, coalesced sparse gradients, the optimizer touching only used rows.
"""

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, dropout, elu

from gru4rec.config.options import Config
from gru4rec.training.windows.schedule import Steps


class Adagrad:
    """Adagrad with momentum over dense parameters and, row by row, over sparse ones."""

    def __init__(self, parameters: list[nn.Parameter], rate: float, momentum: float) -> None:
        self.parameters, self.rate, self.momentum = parameters, rate, momentum
        self.squares = [torch.zeros_like(p) for p in parameters]
        self.velocities = [torch.zeros_like(p) for p in parameters]

    @torch.no_grad()
    def step(self) -> None:
        """Change all parameters by their gradients and forget these."""
        for p, square, velocity in zip(self.parameters, self.squares, self.velocities, strict=True):
            gradient = p.grad
            if gradient is None:
                continue
            if gradient.is_sparse:
                gradient = gradient.coalesce()
                rows, g = gradient.indices()[0], gradient.values()
                total = square[rows] + g * g
                square[rows] = total
                change = g * (-self.rate / torch.sqrt(total + 1e-6))
                if self.momentum:
                    change += self.momentum * velocity[rows]
                    velocity[rows] = change
                p.index_add_(0, rows, change)
            else:
                square += gradient * gradient
                change = gradient * (-self.rate / torch.sqrt(square + 1e-6))
                if self.momentum:
                    velocity.mul_(self.momentum).add_(change)
                    change = velocity
                p += change
            p.grad = None


class EagerGRU4Rec(nn.Module):
    """One layer, shared embedding, cross-entropy with logQ or BPR-max."""

    def __init__(self, counts: np.ndarray, config: Config, device: torch.device | str = "cpu") -> None:
        super().__init__()
        self.config, self.device = config, torch.device(device)
        size = config.model.hidden_size
        self.items = nn.Embedding(len(counts), size, sparse=True)
        self.bias = nn.Embedding(len(counts), 1, sparse=True)
        self.cell = nn.GRUCell(size, size)
        nn.init.uniform_(self.items.weight, -0.1, 0.1)
        nn.init.zeros_(self.bias.weight)
        self.log_count = torch.from_numpy(np.log(counts)).float().to(device)
        alpha = counts.astype(np.float64) ** config.negatives.sample_alpha
        self.cumulative = torch.from_numpy(np.cumsum(alpha) / alpha.sum()).to(device)
        self.to(device)
        parameters = [self.items.weight, self.bias.weight, *self.cell.parameters()]
        self.optimizer = Adagrad(parameters, config.optimizer.learning_rate, config.optimizer.momentum)
        self.store, self.left = torch.zeros(0, 0), 0

    def negatives(self) -> Tensor:
        """K item indices, from a store that is refilled 1000 draws at a time."""
        if self.left == 0:
            draws = torch.rand(1000, self.config.negatives.n_sample, dtype=torch.float64, device=self.device)
            self.store, self.left = torch.searchsorted(self.cumulative, draws), 1000
        self.left -= 1
        return self.store[self.left]

    def loss(self, scores: Tensor, columns: Tensor) -> Tensor:
        """Mean loss of a batch whose targets are the first columns."""
        size, options = len(scores), self.config.loss
        if options.loss == "cross-entropy":
            log_q = self.log_count[columns].clone()
            log_q[size:] *= self.config.negatives.sample_alpha
            return cross_entropy(scores - options.logq * log_q, torch.arange(size, device=self.device))
        scores = elu(scores, options.elu) if options.elu > 0 else scores
        own = torch.eye(size, scores.shape[1], device=self.device) * 1e6
        others = scores - own
        s = torch.softmax(others, dim=1)
        better = (torch.sigmoid(torch.diagonal(scores)[:, None] - scores) * s).sum(1)
        return (-torch.log(better + 1e-24) + options.bpreg * (scores**2 * s).sum(1)).sum() / size

    def step(self, inputs: Tensor, targets: Tensor, h: Tensor) -> tuple[Tensor, Tensor]:
        """One update; returns the loss and the next state."""
        model = self.config.model
        columns = torch.cat([targets, self.negatives()])
        rows = self.items(torch.cat([inputs, columns]))  # one lookup: one sparse gradient
        x = dropout(rows[: len(inputs)], model.dropout_embedding)
        h = dropout(self.cell(x, h), model.dropout_hidden)
        scores = h @ rows[len(inputs) :].T + self.bias(columns).T
        loss = self.loss(scores, columns)
        loss.backward()
        self.optimizer.step()
        return loss.detach(), h.detach()

    def epoch(self, items: np.ndarray, steps: Steps):
        """Generator over full steps; yields the loss after each, on the device."""
        h = torch.zeros(steps.position.shape[1], self.config.model.hidden_size, device=self.device)
        tables = (steps.position, steps.first, items)
        read, first, every = (torch.from_numpy(table).to(self.device) for table in tables)
        for position, starts in zip(read, first, strict=True):
            h = h.masked_fill(starts[:, None], 0.0)
            loss, h = self.step(every[position], every[position + 1], h)
            yield loss
