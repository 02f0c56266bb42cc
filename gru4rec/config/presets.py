"""The best published parameters by data set (arXiv 2307.14956 and its parameter files), and how a name is resolved."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from gru4rec.config import auto
from gru4rec.config.less_sure import LESS_SURE
from gru4rec.config.options import Config, ConfigError

_COLUMNS = (
    "loss", "hidden_size", "batch_size", "dropout_embedding", "dropout_hidden",
    "learning_rate", "momentum", "sample_alpha", "bpreg", "elu",
)  # fmt: skip
_PUBLISHED = {
    "rsc15": ("cross-entropy", 100, 32, 0.1, 0.0, 0.1, 0.0, 0.75, 0.0, 0.0),
    "yoochoose": ("cross-entropy", 480, 48, 0.0, 0.2, 0.07, 0.0, 0.2, 0.0, 0.0),
    "rees46": ("cross-entropy", 512, 240, 0.45, 0.0, 0.065, 0.0, 0.5, 0.0, 0.0),
    "coveo": ("bpr-max", 512, 144, 0.35, 0.0, 0.05, 0.4, 0.2, 1.85, 1.0),
    "retailrocket": ("bpr-max", 224, 80, 0.5, 0.05, 0.05, 0.4, 0.4, 1.95, 0.5),
    "diginetica": ("bpr-max", 512, 128, 0.5, 0.3, 0.05, 0.15, 0.3, 0.9, 1.0),
}

# All share: embedding shared, 2048 negatives, 10 epochs, logq 1 (cross-entropy only), adagrad.
PRESETS = MappingProxyType(
    {name: Config().override(dict(zip(_COLUMNS, row, strict=True))) for name, row in _PUBLISHED.items()}
)
NO_CHANGES: Mapping[str, Any] = MappingProxyType({})


def preset(name: str) -> Config:
    """A published configuration by name; raises ConfigError for an unknown name, and for "auto": see `resolve`."""
    if name == "auto":
        raise ConfigError("preset auto is chosen from the data; use resolve('auto', dataset.statistics())")
    if name not in PRESETS:
        raise ConfigError(f"preset {name!r} is not known; use one of auto, {', '.join(PRESETS)}")
    return PRESETS[name]


def judge(name: str, changes: Mapping[str, Any]) -> Config | None:
    """What can be known of a named configuration with changes before there is data: all of it, or None for "auto".

    Raises:
        ConfigError: the name or a setting is unknown, or a setting cannot hold its value, whatever the data may be.
    """
    if name != "auto":
        return preset(name).override(changes)
    # `alternate` over auto is judged as for two members: auto has several wherever the data allow it.
    several = {"members": 2} if "alternate" in changes else {}
    Config().override({**several, **_single(changes), **changes})
    return None


def resolve(name: str, statistics: auto.Statistics | None, changes: Mapping[str, Any] = NO_CHANGES) -> Config:
    """A configuration by name, with changes (`Config.override`).

    "auto" looks at the statistics of the training sessions (auto.py). A change to it holds for every member, so it
    leaves `alternate`, in which some members differ. Members do not alternate at all where `changes` name a loss, or
    one member, and become less sure only where they do not say how sure they are. A model with item features has one
    member. Scores are cosines with cross-entropy alone, unless `changes` say otherwise.

    Raises:
        ConfigError: see `judge`; or "auto" was given no statistics.
    """
    if name != "auto":
        return preset(name).override(changes)
    if statistics is None:
        raise ConfigError("preset auto is chosen from the data; give the statistics of the training sessions")
    chosen = auto.single(statistics) if changes.get("selected_features") else auto.auto(statistics)
    changes = {**_single(changes), **changes}
    own = [chosen.train.own(order) for order in range(chosen.train.members)]
    alternate = [{key: value for key, value in each.items() if key not in changes} for each in own]
    if "loss" in changes or changes.get("members") == 1 or not any(alternate):
        alternate = []
    told = {"mend_sureness": False} if LESS_SURE.keys() & changes.keys() else {}
    products = {"cosine": 0.0} if changes.get("loss", "cross-entropy") != "cross-entropy" else {}
    return chosen.override({"alternate": alternate, **told, **products, **changes})


def _single(changes: Mapping[str, Any]) -> dict[str, int]:
    return {"members": 1} if changes.get("selected_features") else {}
