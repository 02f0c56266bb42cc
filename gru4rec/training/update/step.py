"""One update, forward and backward by hand: gather rows, GRU, scores, loss, all the way back, then the optimizer.

Step.update reads top to bottom; FeatureStep (feature_step.py) replaces the parts that differ with item features.
Shapes: a window (windows/window.py) has k steps of B lanes and N = k·B predictions, C candidates, and R distinct items;
D and H are the widths of input and state, W that of a row of the output table. Large arrays live in buffers that are
allocated once, and nothing waits for the device.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from gru4rec.config.options import Config
from gru4rec.network import gru
from gru4rec.network.model import GRU4Rec
from gru4rec.network.precision import cpu_has_bf16, internal, product_of
from gru4rec.training.update.losses import make_loss
from gru4rec.training.update.operations import operations
from gru4rec.training.update.optimizer import Optimizer, clip
from gru4rec.training.update.output_layer import Cosines, Products, Scored
from gru4rec.training.update.tables import Buffers, Rows, Table
from gru4rec.training.windows.window import Window, WindowItems, part_of


class Turn(NamedTuple):
    """Which subnets an update moves; updates of one turn run through the same operations."""

    ids: bool
    features: bool


BOTH = Turn(True, True)


class Step:
    """The update of one model: holds the lanes' states, what the optimizer keeps, and the buffers."""

    turn = BOTH  # of the update in progress

    def __init__(self, model: GRU4Rec, config: Config, *, lanes: int | None = None) -> None:
        """lanes: how many of a window's lanes this step works on; None for all."""
        self.model = model
        self.config = config
        train, size = config.train, model.config.hidden_size
        lanes = train.batch_size if lanes is None else lanes
        self.optimizer = Optimizer(config.optimizer, model.device, model.output.dtype)
        self._buffers = Buffers(model.output)
        self.output = Table(model.output, self.optimizer, self._buffers, "output", bias=size)
        self.input = None if model.input is None else Table(model.input, self.optimizer, self._buffers, "input")
        self.dense_slots = [torch.full_like(model.dense, start) for start in self.optimizer.slots.values()]
        self._dense_gradient = torch.zeros_like(model.dense)
        self._layer_gradients = model.layers_of(self._dense_gradient)
        self.states = [model.output.new_zeros(lanes, size) for _ in model.layers]
        self._product = product_of(train.precision)
        own = operations(config) * lanes / train.batch_size
        self.rounding = internal(train.precision, model.device.type, own, bf16=cpu_has_bf16())
        output_layer = Cosines if model.config.cosine else Products
        self._output_layer = output_layer(model, lanes * train.bptt, self._product, self._buffers)
        self._loss = make_loss(config.loss)

    def begin_epoch(self, epoch: int) -> None:
        """Zero the lanes' states, and set the learning rate; epochs count from 1."""
        self.optimizer.begin_epoch(epoch, self.config.train.epochs)
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

    @property
    def capturable(self) -> bool:
        """Whether the updates of one turn run through the same operations, and nothing in them waits for the device."""
        return True

    def begin_windows(self, windows: Sequence[Window]) -> tuple[Sequence[Window], tuple[Turn, ...]]:
        """What the host has to do before the epoch's next updates: the windows with all that is drawn, and the turns.

        An update is then made by setting `turn` and calling `update`.
        """
        return self.drawn(windows), (BOTH,) * len(windows)

    def drawn(self, windows: Sequence[Window]) -> Sequence[Window]:
        """The windows with what the update itself draws: here nothing."""
        return windows

    def run(self, window: Window) -> Tensor:
        """Make the epoch's next update, all of it; returns what `update` does."""
        (window,), (self.turn,) = self.begin_windows([window])
        return self.update(window)

    def update(self, window: Window) -> Tensor:
        """Make one update, by the device alone.

        Returns:
            The sum of the predictions' weighted losses, a scalar on the device.
        """
        order = self._going_on_first(window)
        if order is not None:
            window = part_of(window, order)
        items, (steps, lanes, _) = window.items, window.keep.shape
        n_predictions = steps * lanes

        # Forward: rows -> inputs -> states -> queries -> scores -> losses.
        rows, n_candidates = self._gather(items)  # values and gradient [R, W]
        input_rows = rows if self.input is None or items.input_rows is None else self.input.gather(items.input_rows)
        inputs = self._inputs(items, input_rows).view(steps, lanes, -1)  # [k, B, D]
        if window.embedding_mask is not None:
            inputs.mul_(window.embedding_mask)
        tops, tapes = self._recurrent_forward(window, inputs, order)  # [k, B, H] of each subnet
        queries = self._queries(tops)  # [N, H] each
        candidates = rows.values[:n_candidates]  # [C, W]
        scores, scored = self._scores(queries, candidates)  # [N, C]
        losses, d_scores = self._loss(scores, items.target, items.weight, items.target_weight)  # [N], [N, C]

        # Backward: the same way back.
        share = window.row_weight * (1.0 / (steps * self.config.train.batch_size))  # [N, 1]; the mean is over all lanes
        d_queries = self._scores_backward(queries, candidates, scored, d_scores, share, rows.gradient[:n_candidates])
        d_tops = self._queries_backward(d_queries, tops)
        d_inputs = self._recurrent_backward(window, tapes, d_tops)  # [k, B, D]
        if window.embedding_mask is not None:
            d_inputs.mul_(window.embedding_mask)
        unwritten = n_candidates if input_rows is rows else 0  # rows from here on have no gradient from scores
        input_rows.gradient[unwritten:].zero_()
        self._inputs_backward(items, input_rows, d_inputs.reshape(n_predictions, -1))

        self._move(rows, input_rows, n_candidates)
        return torch.dot(losses, window.row_weight.squeeze(1))

    def whole(self, losses: Tensor) -> Tensor:
        """What updates lost in all [S], where several processes make them; here the same."""
        return losses

    def end_epoch(self) -> None:
        """Put the model together where it was spread over processes."""

    def _gather(self, items: WindowItems) -> tuple[Rows, int]:
        """The rows that the update reads, and how many of them, the first ones, are candidates."""
        return self.output.gather(items.rows), len(items.weight)

    def _inputs(self, items: WindowItems, rows: Rows) -> Tensor:
        """What the first layer reads [N, D]: the inputs' weights, without the bias of a shared embedding."""
        return rows.values[:, : self.model.input_size].index_select(0, items.inputs)

    def _inputs_backward(self, items: WindowItems, rows: Rows, d_inputs: Tensor) -> None:
        """Add the gradient of the inputs [N, D] to that of their rows."""
        rows.gradient[:, : self.model.input_size].index_add_(0, items.inputs, d_inputs)

    def _going_on_first(self, window: Window) -> Tensor | None:
        """An order of the lanes [B] in which those that start a session come last; None where it does not pay.

        It pays on a CPU in wide layers, and where the lanes take one step: their states are 0 and need no product.
        Products in bf16 take less time than the order.
        """
        wide = self.model.config.hidden_size >= gru.WIDE and self.rounding is None
        if not wide or not window.keep.is_cpu or len(window.keep) > 1:
            return None
        return None if torch.compiler.is_compiling() else window.keep.flatten().argsort(descending=True, stable=True)

    def _recurrent_forward(
        self, window: Window, inputs: Tensor, order: Tensor | None
    ) -> tuple[list[Tensor], list[list[gru.Tape]]]:
        """The last layer's states [k, B, H] of each subnet, and its tapes; the window's lanes stand in this order."""
        tops, tapes = [], []
        for layers, x in zip(self.model.subnets(), self.model.inputs_of(inputs), strict=True):
            masks = None if window.hidden_masks is None else window.hidden_masks[layers]
            top, tape = gru.forward(self.model.layers[layers], x, self.states[layers], window.keep, masks, order)
            tops.append(top)
            tapes.append(tape)
        return tops, tapes

    def _recurrent_backward(self, window: Window, tapes: list[list[gru.Tape]], d_tops: list[Tensor]) -> Tensor:
        """Gradient of the inputs [k, B, D]; that of the layers is written into the dense gradient."""
        d_inputs = []
        for layers, tape, d_top in zip(self.model.subnets(), tapes, d_tops, strict=True):
            masks = None if window.hidden_masks is None else window.hidden_masks[layers]
            weights, gradients = self.model.layers[layers], self._layer_gradients[layers]
            d_inputs.append(gru.backward(weights, gradients, tape, d_top, window.keep, masks))
        return d_inputs[0] if len(d_inputs) == 1 else torch.cat(d_inputs, dim=-1)

    def _queries(self, tops: list[Tensor]) -> list[Tensor]:
        """What candidates are multiplied with [N, H]: the last layer's states."""
        return [tops[0].reshape(-1, self.model.config.hidden_size)]

    def _queries_backward(self, d_queries: list[Tensor], tops: list[Tensor]) -> list[Tensor]:
        """Gradient of the tops [k, B, H]."""
        (d_query,) = d_queries
        return [d_query.view_as(tops[0])]

    def _scores(self, queries: list[Tensor], candidates: Tensor) -> tuple[Tensor, Scored]:
        """Scores [N, C], and what their backward pass needs."""
        return self._output_layer.forward(queries[0], candidates)

    def _scores_backward(
        self,
        queries: list[Tensor],
        candidates: Tensor,
        scored: Scored,
        d_scores: Tensor,
        share: Tensor,
        d_candidates: Tensor,
    ) -> list[Tensor]:
        """Gradient of the queries [N, H]; that of the candidates is written into `d_candidates` [C, W]."""
        return [self._output_layer.backward(scored, candidates, d_scores, share, d_candidates)]

    def _moving(self) -> tuple[bool, slice]:
        """Whether this update moves the items' rows, and which of the dense weights it moves."""
        return True, slice(None)

    def _move(self, rows: Rows, input_rows: Rows, n_candidates: int) -> None:
        """Clip the gradients and let the optimizer move what this update moves."""
        rows_move, dense = self._moving()
        gradients = [rows.gradient] if rows_move else []
        gradients.append(self._dense_gradient[dense])
        if input_rows is not rows:
            gradients.append(input_rows.gradient)
        self._clip(gradients)
        self.optimizer.begin_step()
        if rows_move:
            self.output.update(rows, n_candidates)
        if self.input is not None:
            self.input.update(input_rows)
        slots = [slot[dense] for slot in self.dense_slots]
        self.optimizer.update(self.model.dense[dense], self._dense_gradient[dense], slots)

    def _clip(self, gradients: list[Tensor]) -> None:
        """Scale all gradients so that their common norm is at most clip_norm."""
        clip(gradients, self.config.optimizer.clip_norm)
