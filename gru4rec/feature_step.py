"""The update of a model with item features, forward and backward by hand, and p-RNN's ways of training its subnets.

simultaneous: every update moves both subnets. alternating: the id subnet moves in odd epochs, the feature subnet in
even ones. interleaving: they take turns window by window. residual: the id subnet alone for the first half of the
epochs (rounded up), then the feature subnet on what the fixed ids leave unexplained. The subnet whose turn it is
not takes part in the scores but keeps its weights. The id subnet is the items' rows and biases and the id layers, the
feature subnet all else.
"""

import torch
from torch import Tensor

from gru4rec import gru
from gru4rec.config import Config
from gru4rec.feature_model import FeatureGRU4Rec
from gru4rec.step import Step, Window


class FeatureStep(Step):
    """The update of one FeatureGRU4Rec."""

    model: FeatureGRU4Rec
    capturable = False  # turns and hidden rows are chosen anew for every window

    def __init__(self, model: FeatureGRU4Rec, config: Config) -> None:
        self._epoch = 1
        self._windows = 0
        self._generator = torch.Generator()
        super().__init__(model, config)

    def begin_epoch(self, epoch: int) -> None:
        """As Step's; the features' table of residual training is drawn when its turn comes."""
        super().begin_epoch(epoch)
        self._epoch = epoch
        self._windows = 0
        self._generator.manual_seed(self.config.train.seed + epoch)  # so that a resumed run draws the same
        if self.config.features.training == "residual" and epoch == self._alone + 1:
            self.model.draw_table(self.config.train.seed)

    @property
    def _alone(self) -> int:
        """Epochs of residual training that belong to the id subnet."""
        return (self.config.train.epochs + 1) // 2

    def _turns(self) -> tuple[bool, bool]:
        """Whether this window moves the id subnet, and whether it moves the feature subnet."""
        training = self.config.features.training
        if training == "simultaneous":
            return True, True
        if training == "residual":
            ids = self._epoch <= self._alone
        else:
            ids = (self._epoch if training == "alternating" else self._windows) % 2 == 1
        return ids, not ids

    def hide(self, rows: int) -> Tensor | None:
        """Which of the window's items are seen without their own row, bool [R, 1]; None while features do not move."""
        share = self.config.features.id_dropout
        if not share or not self._turns()[1]:
            return None
        return (torch.rand(rows, 1, generator=self._generator) < share).to(self.model.device)

    def run(self, window: Window) -> Tensor:
        """Make one update; returns the sum of the rows' weighted losses, a scalar on the device."""
        model, fold = self.model, window.fold
        self._windows += 1
        own_rows = self.output.gather(fold.rows)  # [R, H+1]: w and b
        hidden = self.hide(len(own_rows))
        rows = own_rows if hidden is None else torch.where(hidden, model.cold_of(model.dense), own_rows)
        vectors, tape = model.tower.pool(model.table_of(model.dense), fold.rows)  # [R, H]: φ
        size = rows.shape[1] - 1
        inputs = torch.cat([rows[:, :size].index_select(0, fold.inputs), vectors.index_select(0, fold.inputs)], dim=1)
        inputs = inputs.view(*window.keep.shape[:2], 2 * size)
        if window.embedding_mask is not None:
            inputs.mul_(window.embedding_mask)
        tops, tapes = self._forward(window, inputs)

        loss, d_tops, d_rows, d_vectors = self._score(window, rows, vectors, tops)

        d_inputs = self._backward(window, tapes, d_tops)
        if window.embedding_mask is not None:
            d_inputs = d_inputs * window.embedding_mask
        d_inputs = d_inputs.reshape(-1, 2 * size)
        d_rows[:, :size].index_add_(0, fold.inputs, d_inputs[:, :size])
        d_vectors.index_add_(0, fold.inputs, d_inputs[:, size:])
        model.tower.backward(tape, d_vectors, model.table_of(self._dense_gradient))
        if hidden is not None:
            torch.sum(d_rows * hidden, 0, out=model.cold_of(self._dense_gradient))
            d_rows.masked_fill_(hidden, 0.0)
        self._move(window, own_rows, d_rows)
        return loss

    def _forward(self, window: Window, inputs: Tensor) -> tuple[list[Tensor], list[list[gru.Tape]]]:
        """Both subnets over the window: their outputs [k, B, H] and tapes."""
        tops, tapes = [], []
        for number, (layers, x) in enumerate(
            zip(self.model.stacks(self.model.layers), self.model.inputs_of(inputs), strict=True)
        ):
            own = slice(number * len(layers), (number + 1) * len(layers))
            masks = None if window.hidden_masks is None else window.hidden_masks[own]
            top, tape = gru.forward(layers, x, self.states[own], window.keep, masks)
            tops.append(top)
            tapes.append(tape)
        return tops, tapes

    def _backward(self, window: Window, tapes: list[list[gru.Tape]], d_tops: list[Tensor]) -> Tensor:
        """Gradient of the inputs [k, B, 2H]; that of the layers is written into the dense gradient."""
        d_inputs = []
        stacks = zip(self.model.stacks(self.model.layers), self.model.stacks(self._gradients), strict=True)
        for number, (layers, gradients) in enumerate(stacks):
            own = slice(number * len(layers), (number + 1) * len(layers))
            masks = None if window.hidden_masks is None else window.hidden_masks[own]
            d_inputs.append(gru.backward(layers, gradients, tapes[number], d_tops[number], window.keep, masks))
        return d_inputs[0] if len(d_inputs) == 1 else torch.cat(d_inputs, dim=-1)

    def _score(
        self, window: Window, rows: Tensor, vectors: Tensor, tops: list[Tensor]
    ) -> tuple[Tensor, list[Tensor], Tensor, Tensor]:
        """Loss, and the gradients of the tops [k, B, H], of the rows [R, H+1] and of the vectors [R, H]."""
        fold = window.fold
        n_columns, size = len(fold.weight), vectors.shape[1]
        keys = self.model.keys(rows[:n_columns], vectors[:n_columns])  # [C, W+1]
        queries = self.model.queries(tops).reshape(-1, keys.shape[1] - 1)
        queries = torch.cat([queries, queries.new_ones(len(queries), 1)], dim=1)  # ones multiply the bias
        scores = self._product(queries, keys.t(), self._buffers.get("scores", len(queries), n_columns))
        losses, d_scores = self._loss(scores, fold.own, fold.weight, fold.own_weight)
        share = window.row_weight * (1.0 / len(queries))
        d_queries = queries.new_empty(len(queries), keys.shape[1] - 1)
        d_queries = self._product(d_scores, keys[:, :-1], d_queries).mul_(share).view(*tops[0].shape[:2], -1)
        d_keys = self._buffers.get("keys gradient", *keys.shape)
        self._product(d_scores.t(), queries * share, d_keys)

        d_rows = self._buffers.get("gradient", len(rows), size + 1).zero_()
        d_rows[:n_columns] = d_keys[:, -(size + 1) :]
        d_vectors = self._buffers.get("vectors gradient", len(rows), size).zero_()
        d_vectors[:n_columns] = d_keys[:, :size]
        loss = torch.dot(losses, window.row_weight.squeeze(1))
        return loss, self._split_queries(d_queries, tops), d_rows, d_vectors

    def _split_queries(self, d_queries: Tensor, tops: list[Tensor]) -> list[Tensor]:
        """Gradient of the subnets' outputs from that of the queries; that of a₀ and a₁ goes into the dense gradient."""
        architecture, size = self.model.feature_config.architecture, tops[0].shape[-1]
        if architecture == "concatenated":
            return [d_queries]
        if architecture == "shared-output":
            mix = self.model.mix_of(self.model.dense)
            gradient = self.model.mix_of(self._dense_gradient)
            for number, top in enumerate(tops):
                gradient[number] = (d_queries * top).sum()
            return [d_queries * mix[0], d_queries * mix[1]]
        d_first, d_ids = d_queries.split(size, dim=-1)
        if architecture == "interaction":
            return [d_ids + d_first * tops[1], d_first * tops[0]]
        return [d_ids.contiguous(), d_first.contiguous()]

    def _move(self, window: Window, rows: Tensor, d_rows: Tensor) -> None:
        """Update the subnets whose turn it is."""
        ids, features = self._turns()
        begin = 0 if ids else self.model.id_size
        end = len(self.model.dense) if features else self.model.id_size
        self._clip([*([d_rows] if ids else []), self._dense_gradient[begin:end]])
        self.optimizer.begin_step()
        if ids:
            self.output.update(window.fold.rows, rows, d_rows, len(window.fold.weight))
        slots = [slot[begin:end] for slot in self.dense_slots]
        self.optimizer.update(self.model.dense[begin:end], self._dense_gradient[begin:end], slots)
