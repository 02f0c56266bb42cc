"""train(): one model, epoch after epoch, readable top to bottom."""

import dataclasses
import time
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import torch

from gru4rec.config.options import Config
from gru4rec.data.dataset import Dataset
from gru4rec.data.histories import last_events
from gru4rec.data.sessions import Sessions
from gru4rec.evaluation.metrics import RANK_METRICS
from gru4rec.evaluation.ranking import ranks
from gru4rec.network.build import build_model
from gru4rec.network.model import GRU4Rec
from gru4rec.network.warm_start import copy_known
from gru4rec.storage import checkpoint
from gru4rec.storage.training_state import Run, TrainingState, fingerprint, load_training, save_training
from gru4rec.training.processes.leader import Crew
from gru4rec.training.progress import with_bar
from gru4rec.training.stopping import EarlyStopping
from gru4rec.training.trainer import Trainer


@dataclass(frozen=True)
class EpochReport:
    """One pass of one member. Epochs and members count from 1; loss: the mean over all events; seconds: without the
    validation, and shared with the members that train at the same time; validation: the monitored metric, recall@20 and
    mrr@20 on the validation sessions; members: how many are trained, more than the model has where the first one is too
    sure; epochs: how many passes this member makes at most."""

    epoch: int
    loss: float
    seconds: float
    events_per_second: float
    validation: dict[str, float] | None = None
    member: int = 1
    members: int = 1
    epochs: int = 0


@dataclass(frozen=True)
class FitOptions:
    """What goes with a training beside data and recipe: sessions to watch, a model to start from, the machine."""

    validation: Dataset | None = None
    """Sessions that are looked at after each epoch: `monitor` decides on early stopping and on what keep=best keeps."""
    device: torch.device | str = "auto"
    """auto (a GPU where there is one), cpu, cuda, cuda:1, .."""
    threads: int | None = None
    """torch's threads during the call; None takes as many as pay and are free (training/threads.py). Sums of another
    number of threads may round in another way: name one where a run must be equal to the bit on any machine."""
    processes: int = 1
    """How many processes of this machine make the updates together: each takes some of the lanes (batch_size) of every
    window. It pays for very many lanes alone (docs/scale.md). `threads` are those of each."""
    on_epoch: Callable[[EpochReport], None] | None = None
    """Called with the report of each epoch."""
    progress: bool = False
    """Whether a bar is shown on standard error."""
    checkpoint_dir: str | Path | None = None
    """Where the model kept so far is saved after every epoch, and beside it what `resume` needs. Several members keep
    theirs in folders below it; the whole model is saved last."""
    resume: bool = False
    """Whether to go on, to the bit, with the run that is in checkpoint_dir; where there is none it starts anew."""
    warm_start: GRU4Rec | None = None
    """An older model whose known items keep their rows."""


@dataclass(frozen=True)
class FitResult:
    """The model and how it came to be.

    history: reports member by member. best_epoch: of the last member, the epoch whose weights it has (the best one with
    keep=best, else the last). seconds: of all epochs.
    """

    model: GRU4Rec
    history: list[EpochReport] = field(default_factory=list)
    best_epoch: int = 0
    seconds: float = 0.0
    events_per_second: float = 0.0

    def history_table(self) -> pa.Table:
        """One row an epoch: member, epoch, loss, seconds, events_per_second, and a column for each validation metric.

        Without validation sessions there is no such column. `.to_pandas().plot(x="epoch", y="loss")` draws a
        training curve where pandas and matplotlib are installed.
        """
        rows = []
        for report in self.history:
            row = dataclasses.asdict(report)
            figures = row.pop("validation") or {}
            del row["members"], row["epochs"]
            rows.append({"member": row.pop("member"), **row, **figures})
        numbers = ("loss", "seconds", "events_per_second")
        every = dict.fromkeys(name for row in rows for name in row)  # a run may have gone on with other metrics
        metrics = [name for name in every if name not in ("member", "epoch", *numbers)]
        fields = [
            ("member", pa.int32()),
            ("epoch", pa.int32()),
            *((name, pa.float64()) for name in (*numbers, *metrics)),
        ]
        return pa.Table.from_pylist(rows, schema=pa.schema(fields))


class Member(NamedTuple):
    """Which of a model's members is trained, from 1, how many there are, and on which line its bar is drawn."""

    number: int = 1
    of: int = 1
    line: int = 0


Training = Generator[None, None, FitResult]  # pauses whenever losses of some updates have been read


def fit_one(dataset: Dataset, config: Config, options: FitOptions) -> FitResult:
    """Train a single model on all sessions of a data set; see `fit`."""
    return whole(train(dataset, config, options, Member()))


def whole(training: Training) -> FitResult:
    """The result of a training that is run to its end without pauses."""
    while True:
        try:
            next(training)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]


def train(dataset: Dataset, config: Config, options: FitOptions, member: Member) -> Training:
    """As fit_one, with pauses in which other members get their turn (side_by_side.py)."""
    folder = None if options.checkpoint_dir is None else Path(options.checkpoint_dir)
    model = _initial_model(dataset, config, options)
    sessions = last_events(dataset.sessions, config.train.max_length) if config.train.max_length else dataset.sessions
    crew = Crew(model, sessions, config)
    trainer = Trainer(model, sessions, config, columns=crew.columns)
    stopping = EarlyStopping(config.train, model)
    run = (
        None if folder is None else Run(folder, config, fingerprint(sessions, model), _watched(options, config, model))
    )
    history = _resumed(run, trainer, stopping) if run is not None and options.resume else []
    sample = None if options.validation is None else _sample(options.validation.sessions, config)
    crew.begin(trainer)
    while len(history) < config.train.epochs and not stopping.stop:
        crew.epoch(len(history) + 1)
        report = yield from _epoch(trainer, len(history) + 1, member, progress=options.progress)
        report = dataclasses.replace(report, epochs=config.train.epochs)
        if sample is not None:
            report = dataclasses.replace(report, validation=_validate(model, sample, config.train.monitor))
        history.append(report)
        stopping.after_epoch(report.epoch, report.validation)
        if run is not None:
            _save(run, trainer, stopping, history)
        if options.on_epoch is not None:
            options.on_epoch(report)
    crew.end()
    stopping.leave_kept(model)
    dataset.sessions.forget()
    seconds = sum(report.seconds for report in history)
    return FitResult(model, history, stopping.best_epoch, seconds, trainer.events * len(history) / max(seconds, 1e-9))


def _initial_model(dataset: Dataset, config: Config, options: FitOptions) -> GRU4Rec:
    device = checkpoint.resolve_device(options.device)
    model = build_model(config, dataset.vocabulary, dataset.features, device=device)
    model.initialise(config.train.seed)
    if options.warm_start is not None:
        copy_known(options.warm_start, model)
    return model


def _watched(options: FitOptions, config: Config, model: GRU4Rec) -> str:
    """A sum over the validation sessions where they decide on the weights that remain; else ""."""
    decide = config.train.patience > 0 or config.train.keep == "best"
    return fingerprint(options.validation.sessions, model) if decide and options.validation is not None else ""


def _resumed(run: Run, trainer: Trainer, stopping: EarlyStopping) -> list[EpochReport]:
    """Take over the state of a stopped run where there is one; returns its history."""
    state = load_training(run)
    if state is None:
        return []
    trainer.restore(state.tensors)
    stopping.restore(state.tensors, state.progress)
    return [EpochReport(**report) for report in state.progress["history"]]


def _epoch(trainer: Trainer, number: int, member: Member, *, progress: bool) -> Generator[None, None, EpochReport]:
    """One pass over the sessions, with a bar on standard error when asked for."""
    chunks: Iterable[tuple[float, int]] = trainer.epoch(number)
    if progress:
        title = f"member {member.number}/{member.of}, epoch {number}" if member.of > 1 else f"epoch {number}"
        chunks = with_bar(chunks, trainer.events, title, member.line)
    begin = time.perf_counter()
    total, seen = 0.0, 0
    for loss, events in chunks:
        total, seen = total + loss, seen + events
        yield
    seconds = time.perf_counter() - begin
    return EpochReport(number, total / seen, seconds, seen / seconds, member=member.number, members=member.of)


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


def _save(run: Run, trainer: Trainer, stopping: EarlyStopping, history: list[EpochReport]) -> None:
    """The model first: a run that dies in between makes this epoch again, and the same model of it."""
    if stopping.kept_changed:
        checkpoint.save(run.folder, trainer.model, run.config, {"epoch": len(history)})
    tensors = {**trainer.tensors(), **stopping.tensors()}
    reports = [dataclasses.asdict(report) for report in history]
    save_training(run, TrainingState(tensors, {**stopping.progress(), "history": reports}))
