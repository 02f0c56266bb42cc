"""One update, forward and backward by hand: gather rows, GRU, scores, loss, and back; then the optimizer.

A window is k steps of B lanes, N = k·B rows: its targets are each other's in-batch negatives and share the K drawn
ones. Every array has N, R or C rows (columns.py), big ones live in buffers that are allocated once, and nothing waits
for the device.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from gru4rec.config.options import Config
from gru4rec.network import cosine, gru
from gru4rec.network.model import GRU4Rec
from gru4rec.network.pages import filled
from gru4rec.training.folding import Fold
from gru4rec.training.losses import make_loss
from gru4rec.training.optimizer import Optimizer


class Window(NamedTuple):
    """What one update reads.

    keep [k, B, 1]: 0 where a lane starts a session. row_weight [N, 1]: 0 for an empty lane, else the event's weight in
    the loss. embedding_mask [k, B, D] and hidden_masks [layers, k, B, H]: dropout, already divided by the probability
    of keeping, or None.
    """

    fold: Fold
    keep: Tensor
    row_weight: Tensor
    embedding_mask: Tensor | None
    hidden_masks: Tensor | None


class Buffers:
    """Named scratch tensors that grow to the largest size asked for and are then reused."""

    def __init__(self, like: Tensor) -> None:
        self._like = like
        self._flat: dict[str, Tensor] = {}

    def get(self, name: str, rows: int, cols: int) -> Tensor:
        """A contiguous [rows, cols] tensor with the content of no promise."""
        if torch.compiler.is_compiling():
            return self._like.new_empty(rows, cols)  # the compiler plans its own buffers
        size = rows * cols
        flat = self._flat.get(name)
        if flat is None or flat.numel() < size:
            flat = self._flat[name] = self._like.new_empty(size + size // 8)
        return flat[:size].view(rows, cols)


class Table:
    """A table's rows with what the optimizer keeps beside them."""

    def __init__(
        self, weight: Tensor, optimizer: Optimizer, buffers: Buffers, name: str, bias: int | None = None
    ) -> None:
        """bias: the column that holds the items' biases."""
        self.weight = weight
        self._bias = bias
        shape = (weight.shape[0], weight.shape[1])
        starts = optimizer.slots.values()
        self.slots = [filled(*shape, start, weight.dtype, weight.device) for start in starts]
        self._optimizer = optimizer
        self._buffers = buffers
        self._name = name

    def gather(self, rows: Tensor, which: int = -1) -> Tensor:
        """Rows of the weights, or of slot `which`, in a buffer of their own [R, W]."""
        table = self.weight if which < 0 else self.slots[which]
        out = self._buffers.get(f"{self._name}.{which}", len(rows), table.shape[1])
        return torch.index_select(table, 0, rows, out=out)

    def update(self, rows: Tensor, values: Tensor, gradient: Tensor, n_columns: int = 0) -> None:
        """Update gathered rows and put them back.

        Rows from `n_columns` on are inputs only: their bias took no part and stays as it is.
        """
        slots = [self.gather(rows, which) for which in range(len(self.slots))]
        held = []
        if self._bias is not None and self._optimizer.moves_without_gradient:
            held = [(part[n_columns:, self._bias], part[n_columns:, self._bias].clone()) for part in (values, *slots)]
        self._optimizer.update(values, gradient, slots)
        for place, value in held:
            place.copy_(value)
        _put(self.weight, rows, values)
        for table, part in zip(self.slots, slots, strict=True):
            _put(table, rows, part)


def _put(table: Tensor, rows: Tensor, values: Tensor) -> None:
    """table[rows] = values, for distinct rows."""
    if table.is_cpu and not torch.compiler.is_compiling():
        table.numpy()[rows.numpy()] = values.numpy()  # copies whole rows: twice as fast as index_copy_
    else:
        table.index_copy_(0, rows, values)


def _leave_across(gradient: Tensor, rows: Tensor, inverse_length: Tensor) -> Tensor:
    """Take the part along the rows off their gradient [R, H], in place; inverse_length: of the rows, [R, 1]."""
    along = torch.linalg.vecdot(gradient, rows)[:, None] * inverse_length**2
    return gradient.addcmul_(rows, along, value=-1.0)


class Step:
    """The update of one model: holds the lanes' states, the optimizer's slots and the buffers."""

    capturable = True  # every window runs through the same operations

    def __init__(self, model: GRU4Rec, config: Config) -> None:
        self.model = model
        self.config = config
        self.optimizer = Optimizer(config.optimizer, model.device, model.output.dtype)
        self._loss = make_loss(config.loss)
        self._buffers = Buffers(model.output)
        self.output = Table(model.output, self.optimizer, self._buffers, "output", bias=model.config.hidden_size)
        self.input = None if model.input is None else Table(model.input, self.optimizer, self._buffers, "input")
        self.dense_slots = [torch.full_like(model.dense, start) for start in self.optimizer.slots.values()]
        self._dense_gradient = torch.zeros_like(model.dense)
        self._gradients = model.split(self._dense_gradient)
        self._skip_gradient = model.skip_of(self._dense_gradient)
        train, hidden = config.train, model.config.hidden_size
        self.states = [model.output.new_zeros(train.batch_size, hidden) for _ in model.layers]
        # The top layer's outputs, then a one that multiplies the bias, then zeros [N, W].
        self._augmented = model.output.new_zeros(train.batch_size * train.bptt, model.output.shape[1])
        self._cosine = cosine.scale(model.config)
        self._augmented[:, hidden] = 0.0 if self._cosine else 1.0  # cosines have no bias

    def begin_epoch(self, epoch: int) -> None:
        """Zero the lanes' states; epochs count from 1."""
        for state in self.states:
            state.zero_()

    def tensors(self) -> dict[str, Tensor]:
        """Weights and optimizer slots by name (views): what an interrupted run needs to go on."""
        named = {"dense": self.model.dense, "optimizer.steps": self.optimizer.steps}
        tables = {"output": self.output} if self.input is None else {"output": self.output, "input": self.input}
        for name, table in tables.items():
            named[name] = table.weight
            named |= {f"{name}.{slot}": value for slot, value in zip(self.optimizer.slots, table.slots, strict=True)}
        return named | {f"dense.{s}": value for s, value in zip(self.optimizer.slots, self.dense_slots, strict=True)}

    def run(self, window: Window) -> Tensor:
        """Make one update; returns the sum of the rows' weighted losses, a scalar on the device."""
        fold, hidden = window.fold, self.model.config.hidden_size
        steps, lanes = window.keep.shape[:2]
        output_rows = self.output.gather(fold.rows)  # [R, W]
        if self.input is None or fold.input_rows is None:
            inputs = output_rows[:, :hidden].index_select(0, fold.inputs)
        else:
            input_rows = self.input.gather(fold.input_rows)
            inputs = input_rows.index_select(0, fold.inputs)
        inputs = inputs.view(steps, lanes, -1)
        if window.embedding_mask is not None:
            inputs.mul_(window.embedding_mask)
        top, tapes = gru.forward(self.model.layers, inputs, self.states, window.keep, window.hidden_masks)

        top, flat_inputs = top.reshape(steps * lanes, hidden), inputs.view(steps * lanes, -1)
        if self.model.skip is not None:
            top = torch.addcmul(top, flat_inputs, self.model.skip)

        loss, d_top, gradient = self._output_layer(window, output_rows, top)

        d_inputs = gru.backward(
            self.model.layers,
            self._gradients,
            tapes,
            d_top.view(steps, lanes, hidden),
            window.keep,
            window.hidden_masks,
        ).reshape(steps * lanes, -1)
        if self.model.skip is not None and self._skip_gradient is not None:
            torch.sum(d_top * flat_inputs, 0, out=self._skip_gradient)
            d_inputs = torch.addcmul(d_inputs, d_top, self.model.skip)
        if window.embedding_mask is not None:
            d_inputs = d_inputs * window.embedding_mask.view(steps * lanes, -1)

        gradients = [gradient, self._dense_gradient]
        if self.input is None or fold.input_rows is None:
            gradient[:, :hidden].index_add_(0, fold.inputs, d_inputs)
        else:
            gradients.append(self._buffers.get("input gradient", len(fold.input_rows), d_inputs.shape[1]).zero_())
            gradients[-1].index_add_(0, fold.inputs, d_inputs)
        self._clip(gradients)

        self.optimizer.begin_step()
        self.output.update(fold.rows, output_rows, gradient, len(fold.weight))
        if self.input is not None and fold.input_rows is not None:
            self.input.update(fold.input_rows, input_rows, gradients[-1])
        self.optimizer.update(self.model.dense, self._dense_gradient, self.dense_slots)
        return loss

    def _output_layer(self, window: Window, rows: Tensor, top: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Scores, loss and their gradients: (loss, d_top [N, H], gradient of the gathered rows [R, W])."""
        fold, hidden = window.fold, self.model.config.hidden_size
        n_columns = len(fold.weight)
        columns = rows[:n_columns]
        if self._cosine:
            inverse, longer = cosine.inverse_length(columns[:, :hidden]), self._cosine * cosine.inverse_length(top)
            top = top * longer
        self._augmented[:, :hidden] = top
        scores = self._product(self._augmented, columns.t(), self._buffers.get("scores", len(top), n_columns))
        if self._cosine:
            scores.mul_(inverse.t())
        losses, d_scores = self._loss(scores, fold.own, fold.weight, fold.own_weight)
        if self._cosine:
            d_scores.mul_(inverse.t())
        # The rows' weights and the constant batch size go on the narrow side of the products: N x H, not N x C.
        share = window.row_weight * (1.0 / len(top))
        d_top = self._product(d_scores, columns[:, :hidden], top.new_empty(top.shape)).mul_(share)
        gradient = self._buffers.get("gradient", len(rows), rows.shape[1])
        gradient[n_columns:].zero_()
        self._product(d_scores.t(), self._augmented * share, gradient[:n_columns])
        if self._cosine:  # what would only change a length is taken off
            _leave_across(gradient[:n_columns, :hidden], columns[:, :hidden], inverse)
            d_top = _leave_across(d_top, top, torch.full_like(longer, 1.0 / self._cosine)).mul_(longer)
        return torch.dot(losses, window.row_weight.squeeze(1)), d_top, gradient

    def _product(self, a: Tensor, b: Tensor, out: Tensor) -> Tensor:
        """a @ b into `out`; with precision=bf16 of operands rounded to 8 bits of mantissa, summed in float32."""
        if self.config.train.precision == "bf16":
            return out.copy_(torch.mm(a.bfloat16(), b.bfloat16()))
        return torch.mm(a, b, out=out)

    def _clip(self, gradients: list[Tensor]) -> None:
        """Scale all gradients by min(1, clip_norm / their common norm)."""
        limit = self.config.optimizer.clip_norm
        if limit <= 0:
            return
        norm = torch.stack([g.pow(2).sum() for g in gradients]).sum().sqrt()
        scale = (limit / (norm + 1e-6)).clamp(max=1.0)
        for g in gradients:
            g.mul_(scale)
