"""GRU4Rec once more, as plainly as it can be written: autograd in float64, loops, duplicates and all, no buffers.

What the fast step is held against. A step scores the N targets and K negatives as they come, duplicates and all; loss
formulas are the papers' (FACTS: arXiv 1511.06939, 1706.03847); the lanes are walked one event at a time.
"""

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import elu, log_softmax, logsigmoid

from gru4rec.config.options import Config, LossConfig
from gru4rec.data.sessions import Sessions


def loss_of_row(o: Tensor, own: int, log_q: Tensor, config: LossConfig) -> Tensor:
    """Loss of one row of scores o [M] with the target in column `own`."""
    if config.loss == "cross-entropy":
        return -log_softmax(o - config.logq * log_q, dim=0)[own]
    if config.loss == "bpr-max" and config.elu > 0:
        o = elu(o, config.elu)
    others = torch.cat([o[:own], o[own + 1 :]])
    if len(others) == 0:
        return o.sum() * 0.0
    s = torch.softmax(others, dim=0)
    if config.loss == "bpr-max":
        better = (torch.sigmoid(o[own] - others) * s).sum()
        return -torch.log(better + 1e-24) + config.bpreg * (others**2 * s).sum()
    if config.loss == "bpr":
        return -logsigmoid(o[own] - others).mean()
    terms = torch.sigmoid(others - o[own]) + torch.sigmoid(others**2)
    return terms.mean() if config.loss == "top1" else (terms * s).sum()


def direction(rows: Tensor) -> Tensor:
    """Rows at length 1; a row of zeros stays one."""
    length = rows.norm(dim=1, keepdim=True)
    return torch.where(length > 1e-12, rows / length.clamp_min(1e-12), 0.0)


class Reference:
    """Weights as leaves of autograd; the optimizer's slots beside them."""

    def __init__(self, tensors: dict[str, Tensor], counts: np.ndarray, config: Config) -> None:
        self.w = {name: value.clone().requires_grad_() for name, value in tensors.items()}
        starts = {"adagrad": ["square"], "sgd": [], "adam": ["mean", "square"]}[config.optimizer.optimizer]
        self.slots = {name: {slot: torch.zeros_like(w) for slot in [*starts, "v"]} for name, w in self.w.items()}
        self.log_count = torch.from_numpy(counts).double().clamp(min=1).log()
        self.config = config
        self.steps = 0
        self.states = [
            torch.zeros(config.train.batch_size, config.model.hidden_size, dtype=torch.float64)
            for _ in range(config.model.num_layers)
        ]

    def cell(self, layer: int, x: Tensor, h: Tensor) -> Tensor:
        """The GRU of torch.nn.GRUCell; x [3H] instead of [D] where the layer has no input weights (one-hot)."""
        weights = self.w.get(f"gru.{layer}.w_input")
        gi = (x if weights is None else weights @ x) + self.w[f"gru.{layer}.b_input"]
        gh = self.w[f"gru.{layer}.w_hidden"] @ h + self.w[f"gru.{layer}.b_hidden"]
        (ir, iz, i_n), (hr, hz, hn) = gi.chunk(3), gh.chunk(3)
        r, z = torch.sigmoid(ir + hr), torch.sigmoid(iz + hz)
        return (1 - z) * torch.tanh(i_n + r * hn) + z * h

    def step(
        self,
        inputs: Tensor,
        targets: Tensor,
        first: Tensor,
        weight: Tensor,
        masks: dict[str, Tensor],
        negatives: Tensor,
    ) -> float:
        """One update from k steps of B lanes, all [k, B]; inputs -1 in an empty lane. Returns the summed loss."""
        embedding = self.w["input.weight" if "input.weight" in self.w else "output.weight"]
        lanes = [(t, b) for t in range(len(inputs)) for b in range(inputs.shape[1]) if inputs[t, b] >= 0]
        states = [list(state.detach()) for state in self.states]
        tops = []
        for t, b in lanes:
            x = embedding[inputs[t, b]]
            x = x * masks["embedding"][t, b] if "embedding" in masks else x
            for layer in range(self.config.model.num_layers):
                h = torch.zeros_like(states[layer][b]) if first[t, b] else states[layer][b]
                x = self.cell(layer, x, h)
                x = x * masks["hidden"][layer, t, b] if "hidden" in masks else x
                states[layer][b] = x
            tops.append(x)
        columns = torch.cat([torch.stack([targets[t, b] for t, b in lanes]), negatives])
        log_q = self.log_count[columns].clone()
        log_q[len(lanes) :] *= self.config.negatives.sample_alpha
        scores = self.scores(torch.stack(tops), columns)
        losses = [
            weight[t, b] * loss_of_row(scores[row], row, log_q, self.config.loss) for row, (t, b) in enumerate(lanes)
        ]
        loss = torch.stack(losses).sum()
        (loss / inputs.numel()).backward()
        self.states = [torch.stack(state).detach() for state in states]
        self.update(torch.cat([inputs[inputs >= 0], columns]).unique(), inputs[inputs >= 0].unique(), columns.unique())
        return float(loss.detach())

    def scores(self, tops: Tensor, columns: Tensor) -> Tensor:
        """h·w + b, or s·cos(h, w)."""
        weights, bias = self.w["output.weight"][columns], self.w["output.bias"][columns]
        if not self.config.model.cosine:
            return tops @ weights.T + bias
        return self.config.model.cosine * direction(tops) @ direction(weights).T + 0.0 * bias

    def update(self, both: Tensor, inputs: Tensor, columns: Tensor) -> None:
        """The optimizer on the rows that the step touched."""
        touched = {"output.bias": columns, "input.weight": inputs}
        touched["output.weight"] = columns if "input.weight" in self.w else both
        self.steps += 1
        limit = self.config.optimizer.clip_norm
        norm = torch.sqrt(sum((w.grad**2).sum() for w in self.w.values()))
        scale = min(1.0, limit / (float(norm) + 1e-6)) if limit else 1.0
        with torch.no_grad():
            for name, w in self.w.items():
                rows = touched.get(name, torch.arange(len(w)))
                slots = {slot: value[rows] for slot, value in self.slots[name].items()}
                w[rows] += self.change(w.grad[rows] * scale, slots)
                for slot, value in slots.items():
                    self.slots[name][slot][rows] = value
                w.grad = None

    def change(self, g: Tensor, slots: dict[str, Tensor]) -> Tensor:
        """What to add to rows with gradient g; their slots are replaced."""
        rate, mu = self.config.optimizer.learning_rate, self.config.optimizer.momentum
        kind = self.config.optimizer.optimizer
        if kind == "adam":
            slots["mean"] = 0.9 * slots["mean"] + 0.1 * g
            slots["square"] = 0.999 * slots["square"] + 0.001 * g**2
            mean, square = slots["mean"] / (1 - 0.9**self.steps), slots["square"] / (1 - 0.999**self.steps)
            return -rate * mean / (square.sqrt() + 1e-8)
        if kind == "adagrad":
            slots["square"] = slots["square"] + g**2
            g = g / torch.sqrt(slots["square"] + 1e-6)
        slots["v"] = mu * slots["v"] - rate * g
        return slots["v"]


def walk(sessions: Sessions, lanes: int) -> list[tuple[list[int], list[int], list[bool]]]:
    """Session-parallel batches the slow way: (inputs, targets, first) of each step, -1 in an empty lane."""
    waiting = [
        list(sessions.items[a:b]) for a, b in zip(sessions.offsets[:-1], sessions.offsets[1:], strict=True) if b - a > 1
    ]
    running: list[list[int]] = [[] for _ in range(lanes)]
    batches = []
    while True:
        first = [False] * lanes
        for lane in range(lanes):
            if len(running[lane]) < 2:
                running[lane], first[lane] = (waiting.pop(0), True) if waiting else ([], False)
        if not any(running):
            return batches
        inputs = [int(session[0]) if session else -1 for session in running]
        targets = [int(session[1]) if session else -1 for session in running]
        batches.append((inputs, targets, first))
        running = [session[1:] for session in running]
