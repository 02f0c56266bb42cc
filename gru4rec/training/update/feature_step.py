"""The update of a model with item features, forward and backward by hand, and p-RNN's ways of training its subnets.

simultaneous: every update moves both subnets. alternating: the id subnet moves in odd epochs, the feature subnet in
even ones. interleaving: they take turns window by window. residual: the id subnet alone for the first half of the
epochs (rounded up), then the feature subnet on what the fixed ids leave unexplained. The subnet whose turn it is
not takes part in the scores but keeps its weights. The id subnet is the items' rows and biases and the id layers, the
feature subnet all else.
"""

import torch
from torch import Tensor

from gru4rec.config.options import Config
from gru4rec.network import gru
from gru4rec.network.feature_model import FeatureGRU4Rec
from gru4rec.network.feature_tower import Vectors
from gru4rec.training.step import Step, Window


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
        """Which of the window's R items are seen without their own row, int64 [D]; None while features do not move."""
        share = self.config.features.id_dropout
        if not share or not self._turns()[1]:
            return None
        return torch.nonzero(torch.rand(rows, generator=self._generator) < share).squeeze(1).to(self.model.device)

    def run(self, window: Window) -> Tensor:
        """Make one update; returns the sum of the rows' weighted losses, a scalar on the device."""
        model, fold, size = self.model, window.fold, self.model.config.hidden_size
        self._windows += 1
        rows = self.output.gather(fold.rows)  # [R, W]: w, b and zeros
        hidden = self.hide(len(rows))
        if hidden is not None:
            own = rows.index_select(0, hidden)
            rows[hidden, : size + 1] = model.cold_of(model.dense)
        table = model.table_of(model.dense)
        vectors = model.tower.of_window(table, fold.rows, fold.inputs, len(fold.weight), self._product)
        inputs = torch.cat([rows[:, :size].index_select(0, fold.inputs), vectors.inputs], dim=1)
        inputs = inputs.view(*window.keep.shape[:2], 2 * size)
        if window.embedding_mask is not None:
            inputs.mul_(window.embedding_mask)
        tops, tapes = self._forward(window, inputs)

        loss, d_tops, d_rows = self._score(window, rows, vectors, tops)

        d_inputs = self._backward(window, tapes, d_tops)
        if window.embedding_mask is not None:
            d_inputs = d_inputs * window.embedding_mask
        d_inputs = d_inputs.reshape(-1, 2 * size)
        d_rows[:, :size].index_add_(0, fold.inputs, d_inputs[:, :size])
        vectors.finish(d_inputs[:, size:], model.table_of(self._dense_gradient))
        if hidden is not None:
            torch.sum(d_rows.index_select(0, hidden)[:, : size + 1], 0, out=model.cold_of(self._dense_gradient))
            d_rows.index_fill_(0, hidden, 0.0)
            rows.index_copy_(0, hidden, own)
        self._move(window, rows, d_rows)
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
        self, window: Window, rows: Tensor, vectors: Vectors, tops: list[Tensor]
    ) -> tuple[Tensor, list[Tensor], Tensor]:
        """Loss, and the gradients of the tops [k, B, H] and of the rows [R, W]; that of the vectors stays there."""
        fold, size = window.fold, self.model.config.hidden_size
        n_columns = len(fold.weight)
        columns = rows[:n_columns]
        for_ids, for_features = (query.reshape(-1, size) for query in self.model.queries(tops))
        self._augmented[:, :size] = for_ids
        scores = self._product(self._augmented, columns.t(), self._buffers.get("scores", len(for_ids), n_columns))
        scores.add_(vectors.scores(for_features))
        losses, d_scores = self._loss(scores, fold.own, fold.weight, fold.own_weight)
        share = window.row_weight * (1.0 / len(for_ids))
        d_ids = self._product(d_scores, columns[:, :size], for_ids.new_empty(for_ids.shape)).mul_(share)
        d_features = vectors.scores_backward(d_scores, for_features * share).mul_(share)
        d_rows = self._buffers.get("gradient", len(rows), rows.shape[1])
        d_rows[n_columns:].zero_()
        self._product(d_scores.t(), self._augmented * share, d_rows[:n_columns])
        loss = torch.dot(losses, window.row_weight.squeeze(1))
        return loss, self._split_queries(d_ids.view_as(tops[0]), d_features.view_as(tops[0]), tops), d_rows

    def _split_queries(self, d_ids: Tensor, d_features: Tensor, tops: list[Tensor]) -> list[Tensor]:
        """Gradient of the subnets' outputs from that of the queries; that of a₀ and a₁ goes into the dense gradient."""
        architecture = self.model.feature_config.architecture
        if architecture == "parallel":
            return [d_ids, d_features]
        if architecture == "interaction":
            return [d_ids + d_features * tops[1], d_features * tops[0]]
        both = d_ids + d_features
        if architecture == "concatenated":
            return [both]
        mix = self.model.mix_of(self.model.dense)
        gradient = self.model.mix_of(self._dense_gradient)
        for number, top in enumerate(tops):
            gradient[number] = (both * top).sum()
        return [both * mix[0], both * mix[1]]

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
