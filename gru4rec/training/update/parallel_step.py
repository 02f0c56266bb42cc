"""The update that several processes make together: each takes lanes of every window, and gradients are added up.

Windows, negatives and dropout masks come from the same generator state in every process, so nothing but the gathered
rows' gradients has to be exchanged: R rows of the table and the dense weights, once an update. The optimizer then makes
the same move everywhere. In float64 the result is that of one process up to rounding.
"""

from torch import Tensor

from gru4rec.config.options import Config
from gru4rec.network.model import GRU4Rec
from gru4rec.training.update import group
from gru4rec.training.update.step import Step
from gru4rec.training.update.tables import Rows
from gru4rec.training.windows.window import Window, part_of


class ParallelStep(Step):
    """Step on this process's lanes."""

    def __init__(self, model: GRU4Rec, config: Config) -> None:
        own = group.current().lanes(config.train.batch_size)
        super().__init__(model, config, lanes=own.stop - own.start)
        self._own = own
        self.exchanged = 0  # bytes of the last update

    @property
    def capturable(self) -> bool:
        """No: the exchange is launched by the host."""
        return False

    def update(self, window: Window) -> Tensor:
        """As Step.update, of all lanes; returns the loss of this process's own."""
        return super().update(part_of(window, self._own))

    def whole(self, losses: Tensor) -> Tensor:
        """As Step.whole: the sums over all processes."""
        losses = losses.clone()
        group.add_up([losses])
        return losses

    def _move(self, rows: Rows, input_rows: Rows, n_candidates: int) -> None:
        gradients = [rows.gradient, self._dense_gradient]
        if input_rows is not rows:
            gradients.append(input_rows.gradient)
        self.exchanged = group.add_up(gradients)
        super()._move(rows, input_rows, n_candidates)
