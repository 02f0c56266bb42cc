"""One night's training: the model that is measured, and the model that serves.

The measured model never sees the held-out days; its validation days choose the epoch and fit the temperature. The model
that serves is then trained on the whole window with the epochs found (`refit`), so that it knows the last day.
"""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from pipelines.policy import parts
from pipelines.settings.kinds import Refit
from pipelines.training.data import Data

if TYPE_CHECKING:
    from gru4rec.config.options import Config
    from gru4rec.data.vocabulary import Vocabulary
    from gru4rec.network.model import GRU4Rec
    from gru4rec.training.fit import EpochReport, FitResult

    OnEpoch = Callable[[str, EpochReport], None]


@dataclass(frozen=True)
class Trained:
    """The measured model with its fit and temperature, and the model that serves."""

    config: "Config"
    fit: "FitResult"
    temperature: float
    served: "GRU4Rec"
    served_config: "Config"
    served_vocabulary: "Vocabulary"


def train(
    data: Data, config: "Config", *, refit: Refit, device: str, threads: int | None, on_epoch: "OnEpoch"
) -> Trained:
    """Fit the measured model, then the one that serves.

    Args:
        data: the night's sessions.
        config: the night's parameters.
        refit: what serves: "full", "continue" or "none", see [model] in default.toml.
        device: "cpu", "cuda" or "auto".
        threads: of a processor; None: as many as there are cores.
        on_epoch: is told after every epoch which model it belongs to, "measured" or "served", and its report.

    Raises:
        ValueError: an unknown `refit`, or a training that diverged.
    """
    from gru4rec.scoring.calibration import fit_temperature
    from gru4rec.training.fit import fit

    if refit not in get_args(Refit):
        raise ValueError(f"refit is {refit!r}; use one of {', '.join(get_args(Refit))}")
    machine: dict[str, Any] = {"device": device, "threads": threads, "progress": sys.stderr.isatty()}
    validation = data.validation if len(data.validation) else None
    first: dict[str, Any] = {"validation": validation, "on_epoch": partial(on_epoch, "measured")}
    measured = fit(data.train, data.vocabulary, config, features=data.features, **first, **machine)
    temperature = fit_temperature(measured.model, data.validation) if validation else 1.0
    if refit == "none":
        return Trained(config, measured, temperature, measured.model, config, data.vocabulary)
    last = served_config(measured, config, refit)
    served = fit(
        data.everything if refit == "full" else parts.encode(data.held_out, data.full_vocabulary, weighted=True),
        data.full_vocabulary,
        last,
        warm_start=measured.model if refit == "continue" else None,
        features=data.full_features,
        on_epoch=partial(on_epoch, "served"),
        **machine,
    )
    return Trained(config, measured, temperature, served.model, last, data.full_vocabulary)


def served_config(measured: "FitResult", config: "Config", refit: Refit) -> "Config":
    """The parameters of the model that serves, which has no validation days to stop by.

    With "full" it trains as many epochs as the measured model kept, with "continue" one. Several members number their
    epochs on, one member after another; here an epoch counts within its member.
    """
    last = measured.best_epoch if config.train.keep == "best" else measured.history[-1].epoch
    found = (last - 1) % config.train.epochs + 1
    return config.override({"patience": 0, "keep": "last", "epochs": found if refit == "full" else 1})


def save(trained: Trained, data: Data, folder: Path, extra: Mapping[str, Any]) -> None:
    """Write both checkpoints below `folder`: evaluated/ and checkpoint/."""
    from gru4rec.storage.checkpoint import save as save_checkpoint

    notes = {**extra, "temperature": trained.temperature}
    save_checkpoint(folder / "evaluated", trained.fit.model, trained.config, data.vocabulary, notes)
    save_checkpoint(folder / "checkpoint", trained.served, trained.served_config, trained.served_vocabulary, notes)
