"""Early stopping: when a training stops, and which epoch's weights it keeps."""

from typing import Any

from torch import Tensor

from gru4rec.config.options import TrainConfig
from gru4rec.network.model import GRU4Rec


class EarlyStopping:
    """Follows the monitored metric, and with keep=best holds a copy of the best weights.

    An epoch is better than the best one so far if its metric is higher by more than min_delta. After `patience` epochs
    in a row that are not better the run stops; with patience 0 it never does.
    """

    def __init__(self, config: TrainConfig, model: GRU4Rec) -> None:
        self._config = config
        self._model = model
        self._best: float | None = None
        self._waited = 0
        self._kept: dict[str, Tensor] = {}
        self.best_epoch = 0
        self.kept_changed = False

    @property
    def stop(self) -> bool:
        """Whether patience has run out."""
        return 0 < self._config.patience <= self._waited

    def after_epoch(self, epoch: int, validation: dict[str, float] | None) -> None:
        """Take note of an epoch and of its validation metrics, if there are any."""
        value = None if validation is None else validation[self._config.monitor]
        better = value is not None and (self._best is None or value > self._best + self._config.min_delta)
        if better:
            self._best, self._waited = value, 0
        else:
            self._waited += 1
        self.kept_changed = better or self._config.keep == "last"
        if self.kept_changed:
            self.best_epoch = epoch
        if better and self._config.keep == "best":
            self._kept = {name: tensor.clone() for name, tensor in self._model.tensors().items()}

    def leave_kept(self, model: GRU4Rec) -> None:
        """Give the model the best weights, with keep=best; else leave it as it is."""
        for name, target in model.tensors().items():
            if self._kept:
                target.copy_(self._kept[name])

    def tensors(self) -> dict[str, Tensor]:
        """The best weights, for a training state."""
        return {f"best.{name}": tensor for name, tensor in self._kept.items()}

    def progress(self) -> dict[str, Any]:
        """The rest of the state, as JSON."""
        return {"best": self._best, "waited": self._waited, "best_epoch": self.best_epoch}

    def restore(self, tensors: dict[str, Tensor], progress: dict[str, Any]) -> None:
        """Go on from a training state."""
        self._best, self._waited, self.best_epoch = progress["best"], progress["waited"], progress["best_epoch"]
        self._kept = {
            name.removeprefix("best."): tensor.to(self._model.device)
            for name, tensor in tensors.items()
            if name.startswith("best.")
        }
