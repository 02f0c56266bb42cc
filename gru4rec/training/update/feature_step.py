"""The update of a model with item features, and p-RNN's ways of training its two subnets.

The id subnet is the items' rows and biases and the id layers; the feature subnet is all the rest. Both always take part
in the scores, but an update moves only the subnets whose turn it is:

simultaneous: both, in every update.
alternating: the id subnet in odd epochs, the feature subnet in even ones.
interleaving: they take turns window by window, the id subnet first.
residual: the id subnet for the first half of the epochs (rounded up), then the feature subnet, which learns what the
fixed ids leave unexplained.

Whose turn it is, and which ids are dropped, is settled before an update begins. A static update then runs through the
same operations on tensors of the same shapes, whatever was drawn, so that it can be captured; one that is not static
works on the rows that were drawn alone.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from gru4rec.config.options import Config
from gru4rec.network.feature_model import FeatureGRU4Rec
from gru4rec.network.feature_tower import Tower, Vectors
from gru4rec.training.update.output_layer import Scored
from gru4rec.training.update.padded_bags import StaticTower
from gru4rec.training.update.step import BOTH, Step, Turn
from gru4rec.training.update.tables import Rows
from gru4rec.training.windows.window import Stack, Window, WindowItems


class FeatureStep(Step):
    """The update of one FeatureGRU4Rec: Step with an item's vector φ beside its row w, and with id dropout."""

    model: FeatureGRU4Rec

    def __init__(self, model: FeatureGRU4Rec, config: Config, *, static: bool = False) -> None:
        """static: whether updates have static shapes; their windows must have them too."""
        super().__init__(model, config)
        self._static = static
        self._tower: Tower | StaticTower = model.tower
        if static and StaticTower.fits(model.tower):
            self._tower = StaticTower(model.tower)
        self._epoch = 1
        self._windows = 0
        self._generator = torch.Generator(model.device if static else "cpu")
        # Of the update in progress: φ of the window's items; which are cold; items without their id, and their rows.
        self._vectors: Vectors
        self._cold: Tensor | None = None
        self._dropped: tuple[Tensor, Tensor] | None = None

    @property
    def capturable(self) -> bool:
        """As Step.capturable: where shapes are static, and no item has more values than are padded."""
        return isinstance(self._tower, StaticTower)

    def begin_epoch(self, epoch: int) -> None:
        """As Step.begin_epoch; residual training draws the features' table when their turn comes."""
        super().begin_epoch(epoch)
        self._epoch = epoch
        self._windows = 0
        self._generator.manual_seed(self.config.train.seed + epoch)  # so that a resumed run draws the same
        if self.config.features.training == "residual" and epoch == self._id_epochs + 1:
            self.model.draw_table(self.config.train.seed)

    def begin_windows(self, windows: Sequence[Window]) -> tuple[Sequence[Window], tuple[Turn, ...]]:
        """As Step.begin_windows: counts the windows, and draws for a static update which ids are dropped."""
        turns = tuple(self._turn(self._windows + number) for number in range(1, len(windows) + 1))
        self._windows += len(windows)
        return self.drawn(windows), turns

    def drawn(self, windows: Sequence[Window]) -> Sequence[Window]:
        """Windows that say which items a static update sees without their id; those that say so already stay."""
        if not self._static or not self.config.features.id_dropout:
            return windows
        if isinstance(windows, Stack):
            return Stack(self._with_cold(windows.parts))
        return [self._with_cold(window) for window in windows]

    def _with_cold(self, window: Window) -> Window:
        if window.cold is not None:
            return window
        drawn = torch.rand(window.items.rows.shape, generator=self._generator, device=self._generator.device)
        return window._replace(cold=drawn < self.config.features.id_dropout)

    def update(self, window: Window) -> Tensor:
        """As Step.update."""
        self._cold = window.cold
        return super().update(window)

    @property
    def _id_epochs(self) -> int:
        """Epochs of residual training that belong to the id subnet."""
        return (self.config.train.epochs + 1) // 2

    def _turn(self, number: int) -> Turn:
        """What the update of the epoch's window `number`, counted from 1, moves."""
        training = self.config.features.training
        if training == "simultaneous":
            return BOTH
        if training == "residual":
            ids = self._epoch <= self._id_epochs
        else:
            ids = (self._epoch if training == "alternating" else number) % 2 == 1
        return Turn(ids, not ids)

    def _moving(self) -> tuple[bool, slice]:
        ids, features = self.turn
        return ids, slice(0 if ids else self.model.id_size, None if features else self.model.id_size)

    def choose_dropped(self, n_items: int) -> Tensor | None:
        """Which of the window's R items this update sees without their id, int64 [n]; None while features stay still.

        Such an item is seen like a cold one: by its features and the row that all cold items share.
        """
        share = self.config.features.id_dropout
        if not share or not self.turn.features:
            return None
        return torch.nonzero(torch.rand(n_items, generator=self._generator) < share).squeeze(1).to(self.model.device)

    def _inputs(self, items: WindowItems, rows: Rows) -> Tensor:
        """w and φ of the inputs side by side [N, 2H]; drops ids first, so that candidates are seen without them too."""
        size = self.model.config.hidden_size
        self._drop_ids(rows)
        table = self.model.table_of(self.model.dense)
        n_candidates = len(items.weight)
        self._vectors = self._tower.of_window(table, items.rows, items.inputs, n_candidates, self._product)
        return torch.cat([rows.values[:, :size].index_select(0, items.inputs), self._vectors.inputs], dim=1)

    def _inputs_backward(self, items: WindowItems, rows: Rows, d_inputs: Tensor) -> None:
        size = self.model.config.hidden_size
        rows.gradient[:, :size].index_add_(0, items.inputs, d_inputs[:, :size])
        self._vectors.finish(d_inputs[:, size:], self.model.table_of(self._dense_gradient))
        self._drop_ids_backward(rows)

    def _drop_ids(self, rows: Rows) -> None:
        """Put the cold items' row in the place of some rows."""
        cold_row = self.model.cold_row_of(self.model.dense)
        self._dropped = None
        if self._static:
            if self._cold is not None and self.turn.features:
                which, own = self._cold[:, None], rows.values[:, : len(cold_row)]
                self._dropped = which, own.clone()
                own.copy_(torch.where(which, cold_row, own))
            return
        dropped = self.choose_dropped(len(rows.values))
        if dropped is not None:
            self._dropped = dropped, rows.values.index_select(0, dropped)
            rows.values[dropped, : len(cold_row)] = cold_row

    def _drop_ids_backward(self, rows: Rows) -> None:
        """Give the dropped rows' gradient to the cold items' row, and their own values back to the rows."""
        if self._dropped is None:
            return
        dropped, values = self._dropped
        d_cold = self.model.cold_row_of(self._dense_gradient)
        if self._static:
            own = rows.gradient[:, : len(d_cold)]
            d_cold.copy_(torch.where(dropped, own, 0.0).sum(0))
            own.masked_fill_(dropped, 0.0)
            rows.values[:, : len(d_cold)] = values
            return
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
