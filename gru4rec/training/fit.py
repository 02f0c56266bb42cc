"""fit(): a model from a data set, alone or merged of several; what can be wrong is looked at before training starts."""

import dataclasses
import tempfile
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import torch

from gru4rec.config.options import Config, ConfigError
from gru4rec.config.threads import limited
from gru4rec.data.dataset import Dataset
from gru4rec.storage.checkpoint import resolve_device
from gru4rec.training.epochs import EpochReport, FitOptions, FitResult, fit_one
from gru4rec.training.members import fit_members
from gru4rec.training.order import mended
from gru4rec.training.processes import leader
from gru4rec.training.runner import forget_compiled
from gru4rec.training.threads import paying_threads
from gru4rec.training.trainer import DivergenceError
from gru4rec.training.update import group

__all__ = ["DivergenceError", "EpochReport", "FitOptions", "FitResult", "fit"]


def fit(dataset: Dataset, config: Config, options: FitOptions | None = None) -> FitResult:
    """Train a model.

    Args:
        dataset: the training sessions; its items table where the configuration selects features.
        config: what to train; `gru4rec.resolve("auto", dataset.statistics())` chooses one from the data.
        options: validation sessions, a model to start from, the device, where the run is kept.

    Returns:
        The model, and how it came to be.

    Raises:
        ConfigError: the configuration asks for validation sessions, or for features, that are not given.
        ValueError: there is nothing to train on, or the folder holds another run.
        OSError: nothing can be written into the folder.
        ChildProcessError: one of several processes ended; the last good checkpoint stays.
        DivergenceError: the loss is no number any more, or far above its beginning; the last good checkpoint stays.
    """
    options = options or FitOptions()
    if dataset.features is None:
        dataset = dataset.with_features(config.features)
    if options.validation is not None:  # in the vocabulary of training, with its cold items
        options = dataclasses.replace(options, validation=_like(options.validation, dataset))
    _check(dataset, config, options.validation)
    if config.train.mend_order:
        dataset, config = mended(dataset, config)
    size = group.current().size
    device = resolve_device(options.device)
    leader.check(config, options.processes if size == 1 else size, device)
    if options.checkpoint_dir is not None:
        _check_folder(Path(options.checkpoint_dir))
    forget_compiled()
    threads = options.threads or paying_threads(config, options.processes)
    with limited(threads), _current(device), leader.workers(options.processes):
        if config.train.members > 1 or config.model.repeats:
            return fit_members(dataset, config, options)
        return fit_one(dataset, config, options)


def _like(validation: Dataset, train: Dataset) -> Dataset:
    same = validation.vocabulary.ids.equals(train.vocabulary.ids)
    return validation if same else train.reencode(validation)


def _check(dataset: Dataset, config: Config, validation: Dataset | None) -> None:
    dataset.sessions.check(len(dataset.vocabulary))
    if validation is None:
        if config.train.patience or config.train.keep == "best":
            raise ConfigError(
                "patience and keep=best need validation sessions; give some, or use patience=0 and keep=last"
            )
        return
    validation.sessions.check(len(validation.vocabulary))
    if not (validation.sessions.lengths > 1).any():
        raise ValueError("no validation session has two known items, so nothing can be measured; give longer sessions")


def _check_folder(folder: Path) -> None:
    """Make the folder where it is missing, and raise OSError where nothing can be written into it."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder):
        pass


def _current(device: torch.device) -> AbstractContextManager[object]:
    """Graphs are captured on the device that is current, the first one unless said."""
    return torch.cuda.device(device) if device.type == "cuda" else nullcontext()
