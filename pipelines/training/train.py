"""One night's training: the model that is measured, and the model that serves.

The measured model never sees the held-out days; its validation days choose the epoch and fit the temperature. The model
that serves is then trained on the whole window with the epochs found (`refit`), so that it knows the last day.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from pipelines.settings.kinds import Refit
from pipelines.training.data import Data

if TYPE_CHECKING:
    from gru4rec.config.options import Config
    from gru4rec.network.model import GRU4Rec
    from gru4rec.training.fit import EpochReport, FitOptions, FitResult

    OnEpoch = Callable[[str, EpochReport], None]


@dataclass(frozen=True)
class Trained:
    """The measured model with its fit and temperature, and the model that serves."""

    config: "Config"
    fit: "FitResult"
    temperature: float
    served: "GRU4Rec"
    served_config: "Config"


def train(data: Data, config: "Config", machine: "FitOptions", *, refit: Refit, on_epoch: "OnEpoch") -> Trained:
    """Fit the measured model, then the one that serves.

    Args:
        data: the night's sessions.
        config: the night's parameters.
        machine: the device, threads and processes that train.
        refit: what serves: "full", "continue" or "none", see [model] in default.toml.
        on_epoch: is told after every epoch which model it belongs to, "measured" or "served", and its report.

    Raises:
        ValueError: an unknown `refit`, processes that cannot share the training, or a training that diverged.
        ChildProcessError: one of several processes ended.
    """
    from gru4rec.config.threads import limited
    from gru4rec.scoring.calibration import fit_temperature
    from gru4rec.training.fit import fit

    if refit not in get_args(Refit):
        raise ValueError(f"refit is {refit!r}; use one of {', '.join(get_args(Refit))}")
    validation = data.validation if len(data.validation.sessions) else None
    measured = fit(data.train, config, replace(machine, validation=validation, on_epoch=partial(on_epoch, "measured")))
    with limited(machine.threads):
        temperature = fit_temperature(measured.model, validation.sessions) if validation else 1.0
    if refit == "none":
        return Trained(config, measured, temperature, measured.model, config)
    last, days = served_config(measured, config, refit), data.everything()
    if refit == "continue":
        days = replace(days, sessions=data.held_out(days.vocabulary))
    start = measured.model if refit == "continue" else None
    served = fit(days, last, replace(machine, warm_start=start, on_epoch=partial(on_epoch, "served")))
    return Trained(config, measured, temperature, served.model, last)


def served_config(measured: "FitResult", config: "Config", refit: Refit) -> "Config":
    """The parameters of the model that serves, which has no validation days to stop by.

    With "full" it trains as many epochs as the measured model kept, with "continue" one. Members that became less sure
    made more passes than the parameters say; they do so again.
    """
    epochs = min(measured.best_epoch, config.train.epochs) if refit == "full" else 1
    return config.override({"patience": 0, "keep": "last", "epochs": epochs})


def save(trained: Trained, folder: Path, extra: Mapping[str, Any]) -> None:
    """Write both checkpoints below `folder`: evaluated/ and checkpoint/."""
    from gru4rec.storage.checkpoint import save as save_checkpoint

    notes = {**extra, "temperature": trained.temperature}
    save_checkpoint(folder / "evaluated", trained.fit.model, trained.config, notes)
    save_checkpoint(folder / "checkpoint", trained.served, trained.served_config, notes)
