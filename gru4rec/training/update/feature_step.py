"""The update of a model with item features, and p-RNN's ways of training its two subnets.

The id subnet is the items' rows and biases and the id layers; the feature subnet is all the rest. Both always take part
in the scores, but an update moves only the subnets whose turn it is:

simultaneous: both, in every update.
alternating: the id subnet in odd epochs, the feature subnet in even ones.
interleaving: they take turns window by window, the id subnet first.
residual: the id subnet for the first half of the epochs (rounded up), then the feature subnet, which learns what the
fixed ids leave unexplained.
"""

import torch
from torch import Tensor

from gru4rec.config.options import Config
from gru4rec.network.feature_model import FeatureGRU4Rec
from gru4rec.network.feature_tower import Vectors
from gru4rec.training.update.output_layer import Scored
from gru4rec.training.update.step import Step
from gru4rec.training.update.tables import Rows
from gru4rec.training.windows.window import Window, WindowItems


class FeatureStep(Step):
    """The update of one FeatureGRU4Rec: Step with an item's vector φ beside its row w, and with id dropout."""

    model: FeatureGRU4Rec
    capturable = False  # turns and dropped ids are chosen anew for every window

    def __init__(self, model: FeatureGRU4Rec, config: Config) -> None:
        super().__init__(model, config)
        self._epoch = 1
        self._windows = 0
        self._generator = torch.Generator()
        # Of the update in progress: φ of the window's items; items without their id, and the rows they had before.
        self._vectors: Vectors
        self._dropped: tuple[Tensor, Tensor] | None = None

    def begin_epoch(self, epoch: int) -> None:
        """As Step.begin_epoch; residual training draws the features' table when their turn comes."""
        super().begin_epoch(epoch)
        self._epoch = epoch
        self._windows = 0
        self._generator.manual_seed(self.config.train.seed + epoch)  # so that a resumed run draws the same
        if self.config.features.training == "residual" and epoch == self._id_epochs + 1:
            self.model.draw_table(self.config.train.seed)

    def run(self, window: Window) -> Tensor:
        """As Step.run."""
        self._windows += 1
        return super().run(window)

    @property
    def _id_epochs(self) -> int:
        """Epochs of residual training that belong to the id subnet."""
        return (self.config.train.epochs + 1) // 2

    def _turns(self) -> tuple[bool, bool]:
        """Whether this update moves the id subnet, and whether it moves the feature subnet."""
        training = self.config.features.training
        if training == "simultaneous":
            return True, True
        if training == "residual":
            ids = self._epoch <= self._id_epochs
        else:
            ids = (self._epoch if training == "alternating" else self._windows) % 2 == 1
        return ids, not ids

    def _moving(self) -> tuple[bool, slice]:
        ids, features = self._turns()
        return ids, slice(0 if ids else self.model.id_size, None if features else self.model.id_size)

    def choose_dropped(self, n_items: int) -> Tensor | None:
        """Which of the window's R items this update sees without their id, int64 [n]; None while features stay still.

        Such an item is seen like a cold one: by its features and the row that all cold items share.
        """
        share = self.config.features.id_dropout
        if not share or not self._turns()[1]:
            return None
        return torch.nonzero(torch.rand(n_items, generator=self._generator) < share).squeeze(1).to(self.model.device)

    def _inputs(self, items: WindowItems, rows: Rows) -> Tensor:
        """w and φ of the inputs side by side [N, 2H]; drops ids first, so that candidates are seen without them too."""
        size = self.model.config.hidden_size
        self._drop_ids(rows)
        table = self.model.table_of(self.model.dense)
        n_candidates = len(items.weight)
        self._vectors = self.model.tower.of_window(table, items.rows, items.inputs, n_candidates, self._product)
        return torch.cat([rows.values[:, :size].index_select(0, items.inputs), self._vectors.inputs], dim=1)

    def _inputs_backward(self, items: WindowItems, rows: Rows, d_inputs: Tensor) -> None:
        size = self.model.config.hidden_size
        rows.gradient[:, :size].index_add_(0, items.inputs, d_inputs[:, :size])
        self._vectors.finish(d_inputs[:, size:], self.model.table_of(self._dense_gradient))
        self._drop_ids_backward(rows)

    def _drop_ids(self, rows: Rows) -> None:
        """Put the cold items' row in the place of some rows."""
        dropped = self.choose_dropped(len(rows.values))
        self._dropped = None
        if dropped is not None:
            self._dropped = dropped, rows.values.index_select(0, dropped)
            rows.values[dropped, : self.model.config.hidden_size + 1] = self.model.cold_row_of(self.model.dense)

    def _drop_ids_backward(self, rows: Rows) -> None:
        """Give the dropped rows' gradient to the cold items' row, and their own values back to the rows."""
        if self._dropped is None:
            return
        dropped, values = self._dropped
        d_cold = self.model.cold_row_of(self._dense_gradient)
        torch.sum(rows.gradient.index_select(0, dropped)[:, : len(d_cold)], 0, out=d_cold)
        rows.gradient.index_fill_(0, dropped, 0.0)
        rows.values.index_copy_(0, dropped, values)

    def _queries(self, tops: list[Tensor]) -> list[Tensor]:
        """What w and what φ is multiplied with, [N, H] each."""
        return [query.reshape(-1, self.model.config.hidden_size) for query in self.model.queries(tops)]

    def _queries_backward(self, d_queries: list[Tensor], tops: list[Tensor]) -> list[Tensor]:
        """Gradient of the tops [k, B, H]; that of a₀ and a₁ is written into the dense gradient."""
        d_ids, d_features = (d_query.view_as(tops[0]) for d_query in d_queries)
        architecture = self.model.feature_config.architecture
        if architecture == "parallel":
            return [d_ids, d_features]
        if architecture == "interaction":
            return [d_ids + d_features * tops[1], d_features * tops[0]]
        both = d_ids + d_features
        if architecture == "concatenated":
            return [both]
        a, d_a = (self.model.state_weights_of(flat) for flat in (self.model.dense, self._dense_gradient))
        for number, top in enumerate(tops):
            d_a[number] = (both * top).sum()
        return [both * a[0], both * a[1]]

    def _scores(self, queries: list[Tensor], candidates: Tensor) -> tuple[Tensor, Scored]:
        """As Step._scores, and the products with φ added."""
        scores, scored = super()._scores(queries, candidates)
        return scores.add_(self._vectors.scores(queries[1])), scored

    def _scores_backward(
        self,
        queries: list[Tensor],
        candidates: Tensor,
        scored: Scored,
        d_scores: Tensor,
        share: Tensor,
        d_candidates: Tensor,
    ) -> list[Tensor]:
        """As Step._scores_backward; the gradient of φ waits in the vectors for that of the inputs."""
        d_ids = super()._scores_backward(queries, candidates, scored, d_scores, share, d_candidates)
        return [*d_ids, self._vectors.scores_backward(d_scores, queries[1] * share).mul_(share)]
