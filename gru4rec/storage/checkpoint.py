"""A model on disk: safetensors weights, vocabulary as parquet, configuration and extras as JSON. Nothing is pickled."""

import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors

from gru4rec.config import format_1
from gru4rec.config.options import Config
from gru4rec.config.sentences import shown
from gru4rec.data.vocabulary import Vocabulary
from gru4rec.network.added.habits import Habits
from gru4rec.network.added.neighbours import Neighbours
from gru4rec.network.added.past import LASTS, PLACES
from gru4rec.network.added.raises import Raises
from gru4rec.network.build import build_model, read_features
from gru4rec.network.merged import Merged, alternating
from gru4rec.network.model import GRU4Rec
from gru4rec.storage.files import CheckpointError, read_state, write_state

MANIFEST = "checkpoint.json"
KIND = "gru4rec checkpoint"
FILES = ("weights", "vocabulary", "features")


@dataclass(frozen=True)
class Checkpoint:
    """A model with the configuration and vocabulary that it was trained with; extra: what its maker added (JSON).

    config is the recipe: with the same sessions, validation sessions and warm start `fit` makes the same model again.
    What merging made of several members is `model.merged`.
    """

    model: GRU4Rec
    config: Config
    vocabulary: Vocabulary
    extra: dict[str, Any]


def save(folder: str | Path, model: GRU4Rec, config: Config, extra: dict[str, Any] | None = None) -> None:
    """Write a checkpoint into a folder (made where missing; what stood there is replaced as a whole).

    Raises TypeError when `extra` is not JSON.
    """
    found = {name: value.detach().cpu().contiguous() for name, value in model.tensors().items()}
    weights = {name: value.float() if value.is_floating_point() else value for name, value in found.items()}
    merged = None if model.merged is None else model.merged.to_json()
    content = {"config": json.loads(config.to_json()), "merged": merged, "extra": extra or {}}
    files = {"weights.safetensors": save_tensors(weights), "vocabulary.parquet": _vocabulary_bytes(model.vocabulary)}
    files |= model.files()
    write_state(Path(folder), MANIFEST, KIND, content, files)


def load(folder: str | Path, device: torch.device | str = "cpu") -> Checkpoint:
    """Read a checkpoint.

    Raises FileNotFoundError where there is none, CheckpointError (a ValueError) for one that is foreign, truncated,
    changed or of a newer format.
    """
    content, files = read_state(Path(folder), MANIFEST, KIND)
    try:
        config, merged = _recipe(content)
        vocabulary = _read_vocabulary(files["vocabulary.parquet"])
        weights = load_tensors(files["weights.safetensors"])
        if "repeat" in weights:
            weights["repeat"] = _seen_weights(weights["repeat"])
        extra = dict(content["extra"].items())
        features = read_features(files)
    except (
        LookupError,
        TypeError,
        ValueError,
        AttributeError,
        OverflowError,
        SafetensorError,
        pa.ArrowException,
    ) as error:
        raise CheckpointError(f"the checkpoint in {folder} cannot be used: {error}") from error
    model = build_model(config, vocabulary, features, merged=merged, device=resolve_device(device))
    if "habits.rates" in weights:  # whether training found some of these no configuration says
        model.habits = Habits.empty(model.output)
    if "neighbours.items" in weights:
        model.neighbours = Neighbours.empty(len(vocabulary), weights["neighbours.items"].shape[-1], model.output)
    if "raises.items" in weights:
        model.raises = Raises.empty(len(vocabulary), weights["raises.items"].shape[-1], model.output)
    copy_weights(model, weights, str(folder))
    return Checkpoint(model, config, vocabulary, extra)


def recipe_in(manifest: str) -> dict[str, Any] | None:
    """The configuration in the text of a checkpoint's manifest; None for a text that is none."""
    try:
        content = json.loads(manifest)
    except (ValueError, RecursionError):
        return None
    if not isinstance(content, dict) or content.get("kind") != KIND or not isinstance(content.get("config"), dict):
        return None
    return dict(content["config"])


def _recipe(content: dict[str, Any]) -> tuple[Config, Merged | None]:
    """The configuration and what merging made, of a manifest of any version up to this one."""
    if format_1.is_it(content["config"]):
        old = format_1.convert(content["config"])
        factors = alternating(old.mix, len(old.widths))
        merged = Merged(old.widths, old.scales, factors) if old.widths else None
        return Config.from_dict(old.recipe), merged
    merged = None if content["merged"] is None else Merged.from_json(content["merged"])
    return Config.from_dict(content["config"]), merged


def _seen_weights(found: torch.Tensor) -> torch.Tensor:
    """Weights of seen items as they are now [LASTS, PLACES], of any version.

    Version 0.1 had one weight of all items before the last, and the last event made no difference until 1.0.
    """
    if found.shape == (2,):
        found = found[[0, 1, 1]]
    return found.expand(LASTS, PLACES).clone() if found.shape == (PLACES,) else found


def copy_weights(model: GRU4Rec, weights: dict[str, torch.Tensor], where: str) -> None:
    """Fill a model from named tensors; raises CheckpointError unless names and shapes are exactly the model's."""
    mine = model.tensors()
    if set(mine) != set(weights):
        differing = ", ".join(sorted(set(mine) ^ set(weights)))
        raise CheckpointError(f"the weights in {where} do not fit their configuration: {differing} on one side only")
    for name, target in mine.items():
        if target.shape != weights[name].shape:
            raise CheckpointError(
                f"the weights in {where} do not fit their configuration: {name} is {list(weights[name].shape)}, "
                f"expected {list(target.shape)}"
            )
        target.copy_(weights[name])


def resolve_device(device: torch.device | str) -> torch.device:
    """ "auto" is a GPU where there is one, else the CPU. Raises ValueError for a device that is not there."""
    if str(device) == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        resolved = torch.device(device)
    except RuntimeError as error:
        raise ValueError(f"device {shown(device)} is not known; use auto, cpu or cuda") from error
    if resolved.type not in ("cpu", "cuda"):
        raise ValueError(f"device {shown(str(device))} cannot be used; use auto, cpu or cuda")
    there = torch.cuda.device_count() if resolved.type == "cuda" else 1
    if resolved.type == "cuda" and not there:
        raise ValueError("device cuda was asked for, but torch sees no GPU here; use auto or cpu")
    if (resolved.index or 0) >= there:
        raise ValueError(f"device {shown(str(device))} is not there; there are {there}, counted from 0")
    return resolved


def _vocabulary_bytes(vocabulary: Vocabulary) -> bytes:
    sink = io.BytesIO()
    table = pa.table({"item_id": vocabulary.ids, "count": pa.array(vocabulary.counts)})
    pq.write_table(table, sink, compression="zstd")
    return sink.getvalue()


def _read_vocabulary(data: bytes) -> Vocabulary:
    table = pq.read_table(io.BytesIO(data))
    counts: np.ndarray = table["count"].combine_chunks().to_numpy()
    return Vocabulary(table["item_id"].combine_chunks(), counts)
