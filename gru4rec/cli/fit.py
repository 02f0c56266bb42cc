"""`gru4rec fit`: everything that can be wrong is looked at before the training starts, then train, measure, write."""

import argparse
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from gru4rec.cli.console import columns_of, say, set_threads
from gru4rec.cli.epochs import Epochs, as_json
from gru4rec.cli.files import held_out_data, training_data
from gru4rec.cli.model_folder import ModelFolder
from gru4rec.cli.settings import asked_for, configured
from gru4rec.cli.targets import of_all_targets
from gru4rec.config import presets
from gru4rec.config.options import Config
from gru4rec.config.threads import cores
from gru4rec.data.dataset import Dataset
from gru4rec.data.frames import ColumnNames
from gru4rec.evaluation.evaluate import evaluate
from gru4rec.network.model import GRU4Rec
from gru4rec.scoring.calibration import fit_temperature
from gru4rec.storage import checkpoint
from gru4rec.training.fit import FitOptions, FitResult, fit
from gru4rec.training.rounding import rounded_to
from gru4rec.training.threads import paying_threads

RANK_METRICS = [f"{metric}@{k}" for metric in ("recall", "mrr", "ndcg") for k in (5, 10, 20)]


def fit_command(arguments: argparse.Namespace) -> None:
    """Train as the arguments say, write the model folder, print the figures as one JSON line."""
    columns, changes = columns_of(arguments), asked_for(arguments)
    named = configured(arguments, changes)
    device = checkpoint.resolve_device(arguments.device)
    with ModelFolder.open(arguments.model_dir, go_on=arguments.resume, overwrite=arguments.overwrite) as folder:
        older = None if arguments.warm_start is None else checkpoint.load(arguments.warm_start).model
        train = training_data(arguments.train, columns, arguments.items)
        say(f"train: {len(train.sessions)} sessions, {len(train.sessions.items)} events, {len(train.vocabulary)} items")
        _check_ids(arguments, train, older)
        config = named or presets.resolve(arguments.preset, train.statistics(), changes)
        train = _with_features(arguments.items, train, config)
        validation = _held_out("validation", arguments.validation, train, columns)
        test = _held_out("test", arguments.test, train, columns)
        say("settings: " + " ".join(f"{key}={value}" for key, value in config.flat().items()))
        threads = _threads(arguments, config, device)
        say(f"products of an update: {rounded_to(config, device, arguments.processes)}")
        machine = FitOptions(device=device, threads=threads, processes=arguments.processes)
        set_threads(threads)
        result = Run(train, config, validation, older, machine).train(folder, go_on=arguments.resume)
        say(f"model written to {arguments.model_dir}")
    measured: dict[str, Any] = {}
    try:
        if test is not None:
            measured = rank_metrics(result.model, test, "test")
        elif validation is not None:
            measured = rank_metrics(result.model, validation, "validation")
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"the model is whole; `gru4rec evaluate {arguments.model_dir}` measures it") from None
    print(json.dumps(measured | summary(result)), flush=True)


@dataclass(frozen=True)
class Run:
    """What goes into one training, read and found good."""

    dataset: Dataset
    config: Config
    validation: Dataset | None
    older: GRU4Rec | None
    machine: FitOptions

    def train(self, folder: ModelFolder, *, go_on: bool) -> FitResult:
        """Train into a folder and leave the whole model there; KeyboardInterrupt says what is kept."""
        train, epochs = self.config.train, Epochs(self.config.train)
        if train.members > 1:
            more = "; more, and longer, where they are too sure of themselves" if train.mend_sureness else ""
            say(f"{train.members} members are trained in turn and merged, each up to {train.epochs} epochs{more}")
        self._note_lanes()
        resumed = folder.begin(self.config, go_on)
        if go_on and not resumed:
            say(f"nothing to resume in {folder.work}: training from the beginning")
        options = replace(
            self.machine,
            validation=self.validation,
            on_epoch=epochs,
            progress=True,
            checkpoint_dir=folder.work,
            resume=resumed,
            warm_start=self.older,
        )
        try:
            result = fit(self.dataset, self.config, options)
            folder.finish(result.model, self.config, _temperature(result.model, self.validation))
        except KeyboardInterrupt:
            raise KeyboardInterrupt(folder.kept(epochs.last, resumed)) from None
        return result

    def _note_lanes(self) -> None:
        """Say where there are more lanes than sessions: fewer would train another model, as an update is their mean."""
        sessions = len(self.dataset.sessions)
        lanes = max(self.config.member(order).train.batch_size for order in range(self.config.train.members))
        if lanes > sessions:
            say(
                f"batch_size={lanes}, but there are only {sessions} sessions: the other lanes stay empty and "
                f"make every update smaller and slower; try --set batch_size={max(1, sessions // 20)}"
            )


def rank_metrics(model: GRU4Rec, held_out: Dataset, measured_on: str) -> dict[str, Any]:
    """The figures of the sessions held out, the first half of the object that `fit` prints last."""
    evaluation = evaluate(model, held_out, bootstrap=0)
    return {
        **{name: evaluation.metrics.get(name) for name in RANK_METRICS},
        **of_all_targets(evaluation, held_out),
        "measured_on": measured_on,
        "predictions": evaluation.events,
        "unknown_events": evaluation.unknown,
    }


def summary(result: FitResult) -> dict[str, Any]:
    """How the training went, the second half of that object.

    epochs: passes of one member; best_epoch: of the last member; history: every epoch, with the figures that were
    measured on the validation sessions after it.
    """
    return {
        "events_per_second": round(result.events_per_second, 1),
        "fit_seconds": round(result.seconds, 3),
        "epochs": -(-len(result.history) // len({report.member for report in result.history})),
        "best_epoch": result.best_epoch,
        "members": 1 if result.model.merged is None else len(result.model.merged.widths),
        "history": [as_json(report) for report in result.history],
    }


def _threads(arguments: argparse.Namespace, config: Config, device: torch.device) -> int:
    """Threads of each process: those that were asked for, or as many as pay."""
    threads = int(arguments.threads or paying_threads(config, arguments.processes))
    if device.type == "cpu":
        each = f" in each of {arguments.processes} processes" if arguments.processes > 1 else ""
        say(f"threads: {threads}{each} ({cores()} cores)")
    return threads


def _check_ids(arguments: argparse.Namespace, train: Dataset, older: GRU4Rec | None) -> None:
    if older is not None and older.vocabulary.id_type != train.vocabulary.id_type:
        raise ValueError(
            f"{arguments.train}: column {arguments.item_column} holds {train.vocabulary.id_type} ids, but the model of "
            f"--warm-start {arguments.warm_start} knows {older.vocabulary.id_type} ids; give ids of the type it was "
            "trained with"
        )


def _with_features(path: Path | None, train: Dataset, config: Config) -> Dataset:
    """The dataset with the features that the configuration selects from the file of --items.

    Raises ValueError where one of the two is missing, and what `Dataset.with_features` raises, naming the file.
    """
    selected = config.features.selected_features
    if train.items is None:
        if selected:
            raise ValueError(
                f"selected_features={list(selected)} needs --items ITEMS.parquet, the file with these columns"
            )
        return train
    if not selected:
        there = ", ".join(name for name in train.items.column_names if name != "item_id")
        raise ValueError(f"--items needs --set selected_features=[...] with columns of {path}; it has {there}")
    try:
        prepared = train.with_features(config.features)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    cold = len(prepared.vocabulary) - len(train.vocabulary)
    say(f"items: {train.items.num_rows} rows, {cold} of them without a click in training (cold)")
    return prepared


def _held_out(name: str, path: Path | None, train: Dataset, columns: ColumnNames) -> Dataset | None:
    if path is None:
        return None
    data = held_out_data(path, train.vocabulary, columns)
    found = data.sessions
    say(
        f"{name}: {len(found)} sessions, {len(found.items)} events "
        f"({found.unknown} of unknown items and then {found.short} sessions of one event left out)"
    )
    return data


def _temperature(model: GRU4Rec, validation: Dataset | None) -> dict[str, Any]:
    """What goes into the checkpoint beside the weights: the temperature of the probabilities."""
    if validation is None:
        say("no --validation: probabilities are not calibrated (temperature 1)")
        return {"temperature": 1.0}
    return {"temperature": fit_temperature(model, validation.sessions)}
