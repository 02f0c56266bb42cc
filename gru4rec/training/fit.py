"""fit(): the training loop, readable top to bottom."""

import dataclasses
import functools
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from gru4rec.config.options import Config, ConfigError, TrainConfig
from gru4rec.data.histories import last_events
from gru4rec.data.sessions import Sessions
from gru4rec.data.vocabulary import Vocabulary
from gru4rec.evaluation.metrics import RANK_METRICS
from gru4rec.evaluation.ranking import ranks
from gru4rec.network.build import build_model
from gru4rec.network.model import GRU4Rec
from gru4rec.network.warm_start import copy_known
from gru4rec.storage import checkpoint
from gru4rec.storage.training_state import TrainingState, fingerprint, load_training, save_training
from gru4rec.training.members import fit_members, member_folder, sweep_members
from gru4rec.training.stopping import EarlyStopping
from gru4rec.training.trainer import DivergenceError, Trainer

if TYPE_CHECKING:
    from gru4rec.data.features import ItemFeatures

__all__ = ["DivergenceError", "EpochReport", "FitResult", "fit"]


@dataclass(frozen=True)
class EpochReport:
    """One pass: epochs count from 1; loss is the mean over all events; seconds leave the validation out."""

    epoch: int
    loss: float
    seconds: float
    events_per_second: float
    validation: dict[str, float] | None = None


@dataclass(frozen=True)
class FitResult:
    """The model and how it came to be. best_epoch: the epoch whose weights it has under keep=best, else the last."""

    model: GRU4Rec
    history: list[EpochReport] = field(default_factory=list)
    best_epoch: int = 0
    seconds: float = 0.0
    events_per_second: float = 0.0


def fit(
    train: Sessions,
    vocabulary: Vocabulary,
    config: Config,
    *,
    validation: Sessions | None = None,
    device: torch.device | str = "auto",
    threads: int | None = None,
    on_epoch: Callable[[EpochReport], None] | None = None,
    progress: bool | str = False,
    checkpoint_dir: str | Path | None = None,
    resume: bool = False,
    warm_start: GRU4Rec | None = None,
    features: "ItemFeatures | None" = None,
) -> FitResult:
    """Train a model on sessions encoded with `vocabulary`.

    validation: looked at after each epoch (`monitor` decides on early stopping and on what keep=best keeps).
    threads: torch's threads during the call. progress: a bar on standard error, with this in front where it is text.
    checkpoint_dir: after every epoch the model kept so far is saved there, and beside it what `resume` needs to go on
    to the bit (where nothing is yet, it starts at the beginning); several members keep theirs in folders below it; the
    model is saved last, then folders of members that it has not go. warm_start: an older model whose known items keep
    their rows. features: of all items of the vocabulary, where config.features selects some (features.prepare).

    Raises ConfigError: validation is asked for but not given; ValueError: nothing to train on, or another run is there;
    DivergenceError: the loss is no number any more or far above its beginning (the last good checkpoint stays).
    """
    _check(train, vocabulary, config, validation)
    if config.train.members > 1 or config.model.repeats:
        return _fit_members(
            train, vocabulary, config, validation, warm_start, checkpoint_dir, on_epoch,
            device=device, threads=threads, progress=progress, resume=resume, features=features,
        )  # fmt: skip
    folder = None if checkpoint_dir is None else Path(checkpoint_dir)
    with _threads(threads):
        model = _initial_model(vocabulary, config, features, device, warm_start)
        train = last_events(train, config.train.max_length) if config.train.max_length else train
        trainer = Trainer(model, train, config)
        sample = None if validation is None else _sample(validation, config)
        stopping = EarlyStopping(config.train, model)
        data = fingerprint(train, model) if folder is not None else ""
        history = _resumed(folder, config, data, trainer, stopping) if folder is not None and resume else []
        for report in _epochs(config.train, trainer, stopping, history, sample, progress):
            if folder is not None:
                _save(folder, config, data, trainer, stopping, history)
            if on_epoch is not None:
                on_epoch(report)
        stopping.leave_kept(model)
    seconds = sum(report.seconds for report in history)
    return FitResult(model, history, stopping.best_epoch, seconds, trainer.events * len(history) / max(seconds, 1e-9))


def _epochs(
    settings: TrainConfig,
    trainer: Trainer,
    stopping: EarlyStopping,
    history: list[EpochReport],
    sample: Sessions | None,
    progress: bool | str,
) -> Iterator[EpochReport]:
    """Train to the last epoch or an early stop; each report is added to `history` before it is handed on."""
    while len(history) < settings.epochs and not stopping.stop:
        report = _epoch(trainer, len(history) + 1, progress)
        if sample is not None:
            report = dataclasses.replace(report, validation=_validate(trainer.model, sample, settings.monitor))
        history.append(report)
        stopping.after_epoch(report.epoch, report.validation)
        yield report


def _initial_model(
    vocabulary: Vocabulary,
    config: Config,
    features: "ItemFeatures | None",
    device: torch.device | str,
    warm_start: GRU4Rec | None,
) -> GRU4Rec:
    model = build_model(config, vocabulary, features, device=checkpoint.resolve_device(device))
    model.initialise(config.train.seed)
    if warm_start is not None:
        copy_known(warm_start, model)
    return model


def _resumed(folder: Path, config: Config, data: str, trainer: Trainer, stopping: EarlyStopping) -> list[EpochReport]:
    """Take over the state of a stopped run where there is one; returns its history."""
    state = load_training(folder, config, data)
    if state is None:
        return []
    trainer.restore(state.tensors)
    stopping.restore(state.tensors, state.progress)
    return [EpochReport(**report) for report in state.progress["history"]]


def _fit_members(
    train: Sessions,
    vocabulary: Vocabulary,
    config: Config,
    validation: Sessions | None,
    warm_start: GRU4Rec | None,
    checkpoint_dir: str | Path | None,
    on_epoch: Callable[[EpochReport], None] | None,
    **how: Any,
) -> FitResult:
    """fit() once a member; the reports one after another, epochs counted on."""
    passes, members, results = config.train.epochs, config.train.members, []

    def fit_one(number: int, seen: Sessions, own: Config, start: GRU4Rec | None) -> GRU4Rec:
        def counted_on(report: EpochReport) -> EpochReport:
            return dataclasses.replace(report, epoch=report.epoch + number * passes)

        bar = how["progress"]
        result = fit(
            seen,
            vocabulary,
            own,
            validation=validation,
            warm_start=start,
            checkpoint_dir=member_folder(checkpoint_dir, number, members),
            on_epoch=None if on_epoch is None else lambda report: on_epoch(counted_on(report)),
            **how | {"progress": f"member {number + 1}/{members}, " if bar and members > 1 else bar},
        )
        results.append(dataclasses.replace(result, history=[counted_on(report) for report in result.history]))
        return result.model

    with _threads(how["threads"]):
        model = fit_members(train, vocabulary, config, validation, warm_start, fit_one)
    if checkpoint_dir is not None:
        checkpoint.save(checkpoint_dir, model, config, vocabulary)
        sweep_members(checkpoint_dir, members)
    seconds = sum(result.seconds for result in results)
    events = sum(result.seconds * result.events_per_second for result in results)
    best = results[-1].best_epoch + (len(results) - 1) * passes
    history = [report for result in results for report in result.history]
    return FitResult(model, history, best, seconds, events / max(seconds, 1e-9))


def _epoch(trainer: Trainer, number: int, progress: bool | str) -> EpochReport:
    """One pass over the sessions, with a bar on standard error when asked for."""
    bar: Any = None
    if progress and (tqdm := _tqdm()):
        title = f"{progress if isinstance(progress, str) else ''}epoch {number}"
        bar = tqdm(total=trainer.events, unit="events", unit_scale=True, desc=title, leave=False)
    begin = time.perf_counter()
    total, seen = 0.0, 0
    try:
        for loss, events in trainer.epoch(number):
            total, seen = total + loss, seen + events
            if bar is not None:
                bar.set_postfix(loss=f"{total / seen:.4f}", refresh=False)
                bar.update(events)
        seconds = time.perf_counter() - begin
    finally:
        if bar is not None:  # a bar that stays open wipes out what is said after an interruption
            bar.close()
    return EpochReport(number, total / seen, seconds, seen / seconds)


@functools.cache
def _tqdm() -> Any:
    """Return the class of the bar; None where the package is missing, which is said once a process."""
    try:
        from tqdm import tqdm
    except ImportError:
        print("tqdm is not installed, so training shows no progress bar", file=sys.stderr)
        return None
    return tqdm


def _validate(model: GRU4Rec, sessions: Sessions, monitor: str) -> dict[str, float]:
    """The monitored metric, and recall@20 and mrr@20 beside it: means over events."""
    found = ranks(model, sessions)
    values = {}
    for name in dict.fromkeys([monitor, "recall@20", "mrr@20"]):
        metric, k = name.split("@")
        values[name] = float(RANK_METRICS[metric](found, int(k)).mean())
    return values


def _sample(validation: Sessions, config: Config) -> Sessions:
    """The validation sessions to look at: all, or the same random ones every epoch."""
    size = config.train.validation_sample
    if size == 0 or size >= len(validation):
        return validation
    chosen = np.random.default_rng(config.train.seed).choice(len(validation), size, replace=False)
    return validation.select(np.sort(chosen))


def _save(
    folder: Path, config: Config, data: str, trainer: Trainer, stopping: EarlyStopping, history: list[EpochReport]
) -> None:
    """The model first: a run that dies in between makes this epoch again, and the same model of it."""
    if stopping.kept_changed:
        checkpoint.save(folder, trainer.model, config, trainer.model.vocabulary, {"epoch": len(history)})
    tensors = {**trainer.tensors(), **stopping.tensors()}
    reports = [dataclasses.asdict(report) for report in history]
    save_training(folder, config, data, TrainingState(tensors, {**stopping.progress(), "history": reports}))


def _check(train: Sessions, vocabulary: Vocabulary, config: Config, validation: Sessions | None) -> None:
    if len(train.items) and int(train.items.max()) >= len(vocabulary):
        raise ValueError(
            f"the sessions name item {int(train.items.max())}, but the vocabulary has {len(vocabulary)} items; "
            "encode them with this vocabulary"
        )
    if validation is None and (config.train.patience or config.train.keep == "best"):
        raise ConfigError("patience and keep=best need validation sessions; give some, or use patience=0 and keep=last")
    if validation is not None and not (validation.lengths > 1).any():
        raise ValueError("no validation session has two known items, so nothing can be measured; give longer sessions")


@contextmanager
def _threads(threads: int | None) -> Iterator[None]:
    before = torch.get_num_threads()
    if threads is not None:
        torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)
