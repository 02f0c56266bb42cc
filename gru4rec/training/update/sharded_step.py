"""The update of a table too large for one device: each process keeps some of the items' rows, and their columns.

Row i belongs to process i modulo the number of processes, so that popular items are spread. The recurrent layers are in
every process, and each makes the same states. What has to be exchanged in an update: the inputs' rows [N, D], which
their owners send; the scores [N, C], of which each process makes those of its own candidates; the gradient of the
queries [N, H]; one number where gradients are clipped. The loss is then the same everywhere. During an epoch a process
holds its own rows and what the optimizer keeps beside them; between epochs the whole is put together in the model.
"""

import torch
from torch import Tensor

from gru4rec.config.options import Config
from gru4rec.network.model import GRU4Rec
from gru4rec.training.update import group
from gru4rec.training.update.output_layer import Scored
from gru4rec.training.update.step import Step
from gru4rec.training.update.tables import Rows, Table
from gru4rec.training.windows.window import Window, WindowItems


class ShardedStep(Step):
    """Step on this process's rows of the item table, which inputs and outputs share."""

    def __init__(self, model: GRU4Rec, config: Config) -> None:
        super().__init__(model, config)
        self._whole = self.output
        self._group = group.current()
        own = self._slice(model.output)
        self.output = Table(
            torch.zeros_like(own), self.optimizer, self._buffers, "shard", bias=model.config.hidden_size
        )
        self.exchanged = 0  # bytes of the last update
        self._items: WindowItems  # of the update in progress
        self._own: Tensor  # where this process's items stand among the rows of the window
        self._own_candidates: Tensor  # and which candidates are its own

    @property
    def capturable(self) -> bool:
        """No: the exchange is launched by the host, and each window has its own number of own rows."""
        return False

    def begin_epoch(self, epoch: int) -> None:
        """As Step.begin_epoch; takes this process's rows out of the whole."""
        super().begin_epoch(epoch)
        for whole, own in zip(self._parts(self._whole), self._parts(self.output), strict=True):
            own.copy_(self._slice(whole))

    def end_epoch(self) -> None:
        """Put the rows of all processes together in the model, in every process."""
        for whole, own in zip(self._parts(self._whole), self._parts(self.output), strict=True):
            for rank in range(self._group.size):
                rows = self._slice(whole, rank)
                part = own.clone() if rank == self._group.rank else torch.empty_like(rows)
                group.share([part], rank)
                rows.copy_(part)

    def tensors(self) -> dict[str, Tensor]:
        """As Step.tensors, of the whole."""
        own, self.output = self.output, self._whole
        try:
            return super().tensors()
        finally:
            self.output = own

    def update(self, window: Window) -> Tensor:
        """As Step.update."""
        self.exchanged = 0
        items = window.items
        mine = items.rows % self._group.size == self._group.rank
        self._items, self._own = items, mine.nonzero().squeeze(1)
        self._own_candidates = self._own[self._own < len(items.weight)]
        return super().update(window)

    def _gather(self, items: WindowItems) -> tuple[Rows, int]:
        """The window's own rows, and how many of them are candidates."""
        return self.output.gather(items.rows[self._own] // self._group.size), len(self._own_candidates)

    def _inputs(self, items: WindowItems, rows: Rows) -> Tensor:
        """As Step._inputs: each process fills in the rows of its own items."""
        inputs = rows.values.new_zeros(len(items.inputs), self.model.input_size)
        at, own = self._own_inputs(items)
        inputs[own] = rows.values[at, : self.model.input_size]
        return self._summed(inputs)

    def _inputs_backward(self, items: WindowItems, rows: Rows, d_inputs: Tensor) -> None:
        """As Step._inputs_backward, for the rows of its own items."""
        at, own = self._own_inputs(items)
        rows.gradient[:, : self.model.input_size].index_add_(0, at, d_inputs[own])

    def _own_inputs(self, items: WindowItems) -> tuple[Tensor, Tensor]:
        """Of the inputs that read an own row: where it stands among the own rows, and which inputs [N] they are."""
        at = torch.searchsorted(self._own, items.inputs).clamp_(max=max(len(self._own) - 1, 0))
        if not len(self._own):
            return at[:0], at[:0].bool()
        own = self._own[at] == items.inputs
        return at[own], own

    def _scores(self, queries: list[Tensor], candidates: Tensor) -> tuple[Tensor, Scored]:
        """As Step._scores: each process makes the columns of its own candidates [N, C]."""
        own, scored = super()._scores(queries, candidates)
        scores = own.new_zeros(len(own), len(self._items.weight))
        scores[:, self._own_candidates] = own
        return self._summed(scores), scored

    def _scores_backward(
        self,
        queries: list[Tensor],
        candidates: Tensor,
        scored: Scored,
        d_scores: Tensor,
        share: Tensor,
        d_candidates: Tensor,
    ) -> list[Tensor]:
        """As Step._scores_backward, from its own columns; the queries' gradient is summed over all."""
        d_own = d_scores[:, self._own_candidates]
        return [
            self._summed(part)
            for part in super()._scores_backward(queries, candidates, scored, d_own, share, d_candidates)
        ]

    def _clip(self, gradients: list[Tensor]) -> None:
        """As Step._clip: the squares of all processes' rows are summed; the dense part is the same in each."""
        limit = self.config.optimizer.clip_norm
        if limit <= 0:
            return
        rows, dense = gradients
        squares = self._summed(rows.pow(2).sum().reshape(1)) + dense.pow(2).sum()
        scale = (limit / (squares.sqrt() + 1e-6)).clamp(max=1.0)
        for gradient in gradients:
            gradient.mul_(scale)

    def _summed(self, tensor: Tensor) -> Tensor:
        self.exchanged += group.add_up([tensor])
        return tensor

    def _slice(self, whole: Tensor, rank: int | None = None) -> Tensor:
        """The rows of a process: a view of every size-th row."""
        return whole[self._group.rank if rank is None else rank :: self._group.size]

    @staticmethod
    def _parts(table: Table) -> list[Tensor]:
        return [table.weight, *table.slots]
