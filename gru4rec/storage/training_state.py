"""The state of a run between two epochs, on disk: all that is needed to go on to the bit as if it had never stopped."""

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor

from gru4rec.config.options import Config
from gru4rec.data.sessions import Sessions
from gru4rec.network.model import GRU4Rec
from gru4rec.storage.files import CheckpointError, read_state, write_state

MANIFEST = "training.json"
KIND = "gru4rec training state"
FILES = ("training",)
PIECE = 1 << 20  # events that are summed at a time


@dataclass(frozen=True)
class TrainingState:
    """tensors: weights, optimizer slots, random generator, best weights, by name; progress: JSON of the rest."""

    tensors: dict[str, Tensor]
    progress: dict[str, Any]


class Run(NamedTuple):
    """What a run goes on with or not: where it is kept, its recipe, and sums (`fingerprint`) over its sessions.

    data: over what it is trained on. watched: over the validation sessions that decide; "" where none do.
    """

    folder: Path
    config: Config
    data: str
    watched: str = ""


def fingerprint(sessions: Sessions, model: GRU4Rec) -> str:
    """A sum over the training data: another one means that a run cannot be continued with it."""
    digest = hashlib.sha256()
    for begin in range(0, len(sessions.items), PIECE):
        digest.update(sessions.items[begin : begin + PIECE].astype(np.int64).data)
    for array in (sessions.offsets, sessions.weights, model.vocabulary.counts):
        if array is not None:
            digest.update(np.ascontiguousarray(array).data)
    for data in model.files().values():
        digest.update(data)
    return digest.hexdigest()


def save_training(run: Run, state: TrainingState) -> None:
    """Write the state of a run."""
    sums = {"data": run.data, "watched": run.watched}
    content = {"config": json.loads(run.config.to_json()), **sums, "progress": state.progress}
    tensors = {name: value.detach().cpu().contiguous() for name, value in state.tensors.items()}
    write_state(run.folder, MANIFEST, KIND, content, {"training.safetensors": save_tensors(tensors)})


def load_training(run: Run) -> TrainingState | None:
    """The state of a stopped run, or None where none was begun.

    Raises ValueError when it was trained with another configuration (`patience` may differ, and `epochs` but for
    residual training, whose turns follow from them, and a falling learning rate), on other data or for more epochs, or
    was watched on other validation sessions, CheckpointError when its files cannot be used.
    """
    folder, config = run.folder, run.config
    if not (folder / MANIFEST).exists():
        return None
    content, files = read_state(folder, MANIFEST, KIND)
    before, now = _fixed(Config.from_dict(content["config"])), _fixed(config)
    differing = sorted(name for name in now if now[name] != before[name])
    if differing:
        was = ", ".join(f"{name} was {before[name]} and is {now[name]}" for name in differing)
        raise ValueError(f"the run in {folder} cannot be resumed: {was}; use its settings or another folder")
    if content["data"] != run.data:
        raise ValueError(f"the run in {folder} was trained on other data; give the same events or another folder")
    watched = content.get("watched", "")  # which runs of older versions do not say
    if watched and run.watched and watched != run.watched:
        raise ValueError(
            f"the run in {folder} chose its best epoch on other validation sessions; give the same ones "
            "or another folder"
        )
    try:
        made = len(content["progress"]["history"])
        if made > config.train.epochs:
            raise ValueError(
                f"the run in {folder} has made {made} epochs, more than epochs={config.train.epochs}; use at least "
                f"{made}, or another folder"
            )
        return TrainingState(load_tensors(files["training.safetensors"]), content["progress"])
    except KeyError as error:
        raise CheckpointError(f"the training state in {folder} lacks {error}; start again without resume") from error


def _fixed(config: Config) -> dict[str, Any]:
    follows = config.features.training == "residual" or config.optimizer.falling > 0
    epochs = config.train.epochs if follows else 2
    train = dataclasses.replace(config.train, epochs=epochs, patience=0)
    return dataclasses.replace(config, train=train).flat()
