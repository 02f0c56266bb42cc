"""One night's training: the model that is measured, the model that serves, and what MLflow keeps of both.

The measured model never sees the held-out days; its validation days choose the epoch and fit the temperature. The model
that serves is then trained on the whole window with the epochs found (`refit`), so that it knows the last day.
"""

import hashlib
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

    from gru4rec.config.options import Config
    from gru4rec.data.features import ItemFeatures
    from gru4rec.data.sessions import Sessions
    from gru4rec.data.vocabulary import Vocabulary
    from gru4rec.network.model import GRU4Rec
    from gru4rec.training.fit import EpochReport, FitResult

SESSION_KEY = ("user_id", "session_start")
REFITS = ("full", "continue", "none")


@dataclass(frozen=True)
class Data:
    """What a night trains on: sessions of the training days, of the validation days, and of all days.

    features, full_features: of the items of either vocabulary, where the night's configuration selects some.
    """

    train: "Sessions"
    validation: "Sessions"
    vocabulary: "Vocabulary"
    everything: "Sessions"
    full_vocabulary: "Vocabulary"
    held_out: "pa.Table"
    features: "ItemFeatures | None" = None
    full_features: "ItemFeatures | None" = None


@dataclass(frozen=True)
class Trained:
    """The measured model with its fit and temperature, and the model that serves."""

    config: "Config"
    fit: "FitResult"
    temperature: float
    served: "GRU4Rec"
    served_config: "Config"
    served_vocabulary: "Vocabulary"


def prepare(splits: "pa.Table", sessions: "pa.Table") -> Data:
    """Encode a night's splits and sessions; ValueError says when the training days hold no session."""
    import pyarrow.compute as pc

    from gru4rec.data.sessions import Sessions
    from gru4rec.data.vocabulary import Vocabulary

    def part(name: str) -> "pa.Table":
        return splits.filter(pc.equal(splits["split"], name))

    train = part("train")
    if train.num_rows == 0:
        raise ValueError("The training days hold no session: widen window_days, or hold out fewer days in [splits].")
    weight = _weight(splits)
    vocabulary = Vocabulary.build(train["item_id"])
    full_vocabulary = Vocabulary.build(sessions["item_id"])
    return Data(
        Sessions.from_table(train, vocabulary, session=SESSION_KEY, weight=weight),
        Sessions.from_table(part("validation"), vocabulary, session=SESSION_KEY),
        vocabulary,
        Sessions.from_table(sessions, full_vocabulary, session=SESSION_KEY, weight=weight),
        full_vocabulary,
        splits.filter(pc.not_equal(splits["split"], "train")),
    )


def configure(preset: str, overrides: Mapping[str, Any], data: Data, presets: Path) -> "Config":
    """A night's parameters: a preset by name ("auto" looks at the data; tuned ones lie in `presets`), then changes."""
    from gru4rec.config.presets import resolve

    found = tuned(preset, presets)
    return resolve(preset, data.train, data.vocabulary, overrides) if found is None else found.override(overrides)


def tuned(name: str, presets: Path) -> "Config | None":
    """The preset that tuning wrote under a name; None where there is none, ValueError for one that cannot be read."""
    from gru4rec.config.options import Config

    file = presets / f"{name}.json"
    if not file.is_file():
        return None
    try:
        return Config.from_json(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"the preset in {file}: {error}; remove it and tune again, or name another") from error


def add_features(data: Data, items: "pa.Table", config: "Config") -> Data:
    """The same data with the features of all items, cold ones too; as it is where the configuration selects none.

    items: the night's items table. ValueError says which selected column cannot be used.
    """
    if not config.features.selected_features:
        return data
    import pyarrow.compute as pc

    from gru4rec.data import features
    from gru4rec.data.sessions import Sessions

    train, vocabulary, known = features.prepare(data.train, data.vocabulary, items, config.features)
    everything, full, all_known = features.prepare(data.everything, data.full_vocabulary, items, config.features)
    validation = data.held_out.filter(pc.equal(data.held_out["split"], "validation"))
    encoded = Sessions.from_table(validation, vocabulary, session=SESSION_KEY)
    return Data(train, encoded, vocabulary, everything, full, data.held_out, known, all_known)


def train(
    data: Data,
    config: "Config",
    *,
    refit: str,
    device: str,
    threads: int | None,
    on_epoch: "Callable[[str, EpochReport], None]",
) -> Trained:
    """Fit the measured model, then the one that serves; `on_epoch` is told which of them an epoch belongs to."""
    from gru4rec.scoring.calibration import fit_temperature
    from gru4rec.training.fit import fit

    if refit not in REFITS:
        raise ValueError(f"[model] refit is {refit!r}; use one of {', '.join(REFITS)}.")
    shell: dict[str, Any] = {"device": device, "threads": threads, "progress": sys.stderr.isatty()}
    validation = data.validation if len(data.validation) else None
    measured = fit(
        data.train,
        data.vocabulary,
        config,
        validation=validation,
        features=data.features,
        on_epoch=lambda report: on_epoch("measured", report),
        **shell,
    )
    temperature = fit_temperature(measured.model, data.validation) if validation else 1.0
    if refit == "none":
        return Trained(config, measured, temperature, measured.model, config, data.vocabulary)
    epochs = epochs_found(measured, config)
    once = {"patience": 0, "keep": "last", "epochs": epochs if refit == "full" else 1}
    final = config.override(once)
    served = fit(
        data.everything if refit == "full" else _held_out(data),
        data.full_vocabulary,
        final,
        warm_start=measured.model if refit == "continue" else None,
        features=data.full_features,
        on_epoch=lambda report: on_epoch("served", report),
        **shell,
    )
    return Trained(config, measured, temperature, served.model, final, data.full_vocabulary)


def epochs_found(measured: "FitResult", config: "Config") -> int:
    """The passes that the measured model kept; several members count their epochs on, one after another."""
    last = measured.best_epoch if config.train.keep == "best" else measured.history[-1].epoch
    return (last - 1) % config.train.epochs + 1


def _held_out(data: Data) -> "Sessions":
    from gru4rec.data.sessions import Sessions

    return Sessions.from_table(data.held_out, data.full_vocabulary, session=SESSION_KEY, weight=_weight(data.held_out))


def _weight(splits: "pa.Table") -> str | None:
    """The column of the events' weights, where [sessions] dwell is "weight"."""
    return "weight" if "weight" in splits.column_names else None


def save(trained: Trained, data: Data, folder: Path, extra: Mapping[str, Any]) -> None:
    """Write both checkpoints below `folder`: evaluated/ and checkpoint/."""
    from gru4rec.storage.checkpoint import save as save_checkpoint

    notes = {**extra, "temperature": trained.temperature}
    save_checkpoint(folder / "evaluated", trained.fit.model, trained.config, data.vocabulary, notes)
    save_checkpoint(folder / "checkpoint", trained.served, trained.served_config, trained.served_vocabulary, notes)


def table_hash(table: "pa.Table") -> str:
    """SHA-256 of a table's schema and values, the same for the same rows in the same order however they are chunked."""
    import pyarrow as pa

    digest = hashlib.sha256(str(table.schema.remove_metadata()).encode())
    for column in table.itercolumns():
        sink = pa.BufferOutputStream()
        batch = pa.record_batch(
            [pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)], ["c"]
        )
        with pa.ipc.new_stream(sink, batch.schema) as stream:
            stream.write_batch(batch)
        digest.update(sink.getvalue())
    return digest.hexdigest()
