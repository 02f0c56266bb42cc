"""`gru4rec fit`: everything that can be wrong is looked at before the training starts, then train, measure, write."""

import argparse
import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from gru4rec.cli.epochs import Epochs, numbered
from gru4rec.cli.files import Columns, held_out_sessions, read_items, training_sessions
from gru4rec.cli.model_folder import ModelFolder
from gru4rec.config import presets
from gru4rec.config.options import Config
from gru4rec.config.values import unknown_setting
from gru4rec.data.features import ItemFeatures, Prepared, prepare
from gru4rec.data.sessions import Sessions
from gru4rec.data.vocabulary import Vocabulary
from gru4rec.evaluation.evaluate import Evaluation, HeldOut, evaluate
from gru4rec.network.model import GRU4Rec
from gru4rec.scoring.calibration import fit_temperature
from gru4rec.storage import checkpoint
from gru4rec.training.fit import FitResult, fit

RANK_METRICS = [f"{metric}@{k}" for metric in ("recall", "mrr", "ndcg") for k in (5, 10, 20)]


def fit_command(arguments: argparse.Namespace) -> None:
    """Train as the arguments say, write the model folder, print the figures as one JSON line."""
    columns = columns_of(arguments)
    set_threads(arguments.threads)
    changes = parse_settings(arguments.set)
    if arguments.seed is not None:
        changes["seed"] = str(arguments.seed)
    named = configured(arguments, changes)
    device = checkpoint.resolve_device(arguments.device)
    folder = ModelFolder.open(arguments.model_dir, go_on=arguments.resume, overwrite=arguments.overwrite)
    older = None if arguments.warm_start is None else checkpoint.load(arguments.warm_start).model
    train, vocabulary = training_sessions(arguments.train, columns)
    say(f"train: {len(train)} sessions, {len(train.items)} events, {len(vocabulary)} items")
    if older is not None and older.vocabulary.id_type != vocabulary.id_type:
        raise ValueError(
            f"{arguments.train}: column {columns.item} holds {vocabulary.id_type} ids, but the model of --warm-start "
            f"{arguments.warm_start} knows {older.vocabulary.id_type} ids; give ids of the type it was trained with"
        )
    config = named or presets.resolve(arguments.preset, train, vocabulary, changes)
    features = None
    if arguments.items is not None or config.features.selected_features:
        train, vocabulary, features = with_features(arguments.items, train, vocabulary, config, columns)
    validation = _held_out("validation", arguments.validation, vocabulary, columns)
    test = _held_out("test", arguments.test, vocabulary, columns)
    say("settings: " + " ".join(f"{key}={value}" for key, value in config.flat().items()))
    run = Run(train, vocabulary, config, validation, features, older, device, arguments.threads)
    result = run.train(folder, go_on=arguments.resume)
    say(f"model written to {arguments.model_dir}")
    measured = "test" if test is not None else "validation" if validation is not None else None
    held_out = test if test is not None else validation
    try:
        measured_on = None if held_out is None else HeldOut(held_out, vocabulary)
        evaluation = None if measured_on is None else evaluate(result.model, measured_on, bootstrap=0)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"the model is whole; `gru4rec evaluate {arguments.model_dir}` measures it") from None
    print(json.dumps(summary(result, config, evaluation, measured)), flush=True)


@dataclass(frozen=True)
class Run:
    """What goes into one training, read and found good."""

    sessions: Sessions
    vocabulary: Vocabulary
    config: Config
    validation: Sessions | None
    features: ItemFeatures | None
    older: GRU4Rec | None
    device: torch.device
    threads: int | None

    def train(self, folder: ModelFolder, *, go_on: bool) -> FitResult:
        """Train into a folder and leave the whole model there; KeyboardInterrupt says what is kept."""
        members, epochs = self.config.train.members, Epochs(self.config)
        if members > 1:
            say(f"{members} members are trained in turn and merged, each up to {self.config.train.epochs} epochs")
        self._note_lanes()
        resumed = folder.begin(self.config, go_on)
        if go_on and not resumed:
            say(f"nothing to resume in {folder.work}: training from the beginning")
        try:
            result = fit(
                self.sessions,
                self.vocabulary,
                self.config,
                validation=self.validation,
                device=self.device,
                threads=self.threads,
                on_epoch=epochs,
                progress=True,
                checkpoint_dir=folder.work,
                resume=resumed,
                warm_start=self.older,
                features=self.features,
            )
            folder.finish(result.model, self.config, self.vocabulary, _extra(result, self.validation))
        except KeyboardInterrupt:
            raise KeyboardInterrupt(folder.kept(epochs.last, resumed)) from None
        return result

    def _note_lanes(self) -> None:
        """Say where there are more lanes than sessions: fewer would train another model, as an update is their mean."""
        lanes = max(self.config.member(order).train.batch_size for order in range(self.config.train.members))
        if lanes > len(self.sessions):
            say(
                f"batch_size={lanes}, but there are only {len(self.sessions)} sessions: the other lanes stay empty and "
                f"make every update smaller and slower; try --set batch_size={max(1, len(self.sessions) // 20)}"
            )


def with_features(
    path: Path | None, train: Sessions, vocabulary: Vocabulary, config: Config, columns: Columns
) -> Prepared:
    """Sessions and vocabulary with the cold items of the items file, and all items' features.

    Raises ValueError where the file or the setting that selects its columns is missing, and what `read_items` and
    `prepare` raise.
    """
    selected = config.features.selected_features
    if path is None:
        raise ValueError(f"selected_features={list(selected)} needs --items ITEMS.parquet, the file with these columns")
    table = read_items(path, columns)
    if not selected:
        there = ", ".join(name for name in table.column_names if name != "item_id")
        raise ValueError(f"--items needs --set selected_features=[...] with columns of {path}; it has {there}")
    try:
        prepared = prepare(train, vocabulary, table, config.features)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    cold = len(prepared.vocabulary) - len(vocabulary)
    say(f"items: {table.num_rows} rows, {cold} of them without a click in training (cold)")
    return prepared


def summary(
    result: FitResult, config: Config, evaluation: Evaluation | None, measured_on: str | None
) -> dict[str, Any]:
    """The object that `fit` prints last; the rank metrics are null when there was nothing to measure on.

    epochs: passes of one member; best_epoch: of the last member; history: every epoch, with the figures that were
    measured on the validation sessions after it.
    """
    members = config.train.members
    figures = {} if evaluation is None else evaluation.metrics
    return {
        **{name: figures.get(name) for name in RANK_METRICS},
        "events_per_second": round(result.events_per_second, 1),
        "fit_seconds": round(result.seconds, 3),
        "epochs": -(-len(result.history) // members),
        "best_epoch": 1 + (result.best_epoch - 1) % config.train.epochs,
        "members": members,
        "measured_on": measured_on,
        "predictions": 0 if evaluation is None else evaluation.events,
        "unknown_events": 0 if evaluation is None else evaluation.unknown,
        "history": [numbered(report, config) for report in result.history],
    }


def parse_settings(pairs: list[str]) -> dict[str, str]:
    """`["epochs=5", ...]` as a dict; ValueError for a pair without `=` and for a name that no setting has."""
    known = Config().flat()
    changes: dict[str, str] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        key = key.strip()
        if not equals:
            raise ValueError(f"--set {pair!r} is not KEY=VALUE; write for example --set epochs=5")
        if key not in known:
            raise unknown_setting([key], known)
        changes[key] = value.strip()
    return changes


def configured(arguments: argparse.Namespace, changes: dict[str, str]) -> Config | None:
    """The configuration file or the preset, with changes; None for preset auto, which needs the data.

    Raises what `read_config` and `presets.judge` raise.
    """
    if arguments.config is not None:
        return read_config(arguments.config, changes)
    return presets.judge(arguments.preset, changes)


def read_config(path: Path, changes: dict[str, str]) -> Config:
    """The configuration in a JSON file, with changes; ValueError or FileNotFoundError says what is wrong with it."""
    if not path.is_file():
        raise FileNotFoundError(f"there is no configuration file {path}; check the path")
    try:
        return Config.from_json(path.read_text(encoding="utf-8")).override(changes)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def columns_of(arguments: argparse.Namespace) -> Columns:
    """The column names that the arguments give."""
    weight = getattr(arguments, "weight_column", None)  # of `fit` alone
    return Columns(arguments.session_column, arguments.item_column, arguments.time_column, weight)


def set_threads(threads: int | None) -> None:
    """Limit torch to some CPU threads; None leaves it as it is."""
    if threads is not None:
        torch.set_num_threads(threads)


def say(note: str) -> None:
    """One line of progress, on standard error."""
    print(note, file=sys.stderr, flush=True)


def _held_out(name: str, path: Path | None, vocabulary: Vocabulary, columns: Columns) -> Sessions | None:
    if path is None:
        return None
    sessions = held_out_sessions(path, vocabulary, columns)
    say(
        f"{name}: {len(sessions)} sessions, {len(sessions.items)} events "
        f"({sessions.unknown} of unknown items and then {sessions.short} sessions of one event left out)"
    )
    return sessions


def _extra(result: FitResult, validation: Sessions | None) -> dict[str, Any]:
    """What goes into the checkpoint beside the weights: the temperature of the probabilities."""
    if validation is None:
        say("no --validation: probabilities are not calibrated (temperature 1)")
        return {"temperature": 1.0}
    return {"temperature": fit_temperature(result.model, validation)}
