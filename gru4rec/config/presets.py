"""The best published parameters by data set (arXiv 2307.14956 and its parameter files), and how a name is resolved."""

from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from gru4rec.config.options import Config, ConfigError

if TYPE_CHECKING:
    from gru4rec.data.sessions import Sessions
    from gru4rec.data.vocabulary import Vocabulary

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


def preset(name: str) -> Config:
    """A published configuration by name; raises ConfigError for a name that is not known.

    "auto" is chosen from the data: see `resolve`.
    """
    if name == "auto":
        raise ConfigError("preset auto is chosen from the data; use resolve('auto', train, vocabulary)")
    if name not in PRESETS:
        raise ConfigError(f"preset {name!r} is not known; use one of auto, {', '.join(PRESETS)}")
    return PRESETS[name]


def judge(name: str, changes: Mapping[str, Any]) -> Config | None:
    """What is known of a named configuration with changes before there is data: all of it, or None for "auto".

    Raises ConfigError for what no data would make good: an unknown name or setting, a value that its setting cannot
    hold. `alternate` over auto is judged as for two members, which auto has where the data allow it.
    """
    if name != "auto":
        return preset(name).override(changes)
    several = {"members": 2} if "alternate" in changes else {}
    Config().override({**several, **_single(changes), **changes})
    return None


def resolve(
    name: str, train: "Sessions", vocabulary: "Vocabulary", changes: Mapping[str, Any] = MappingProxyType({})
) -> Config:
    """A configuration by name, with changes (Config.override); "auto" looks at the training sessions (auto.py).

    A model with item features is single: where `changes` select some, auto gives one member. What `changes` name holds
    for all members: where auto's second member would differ in it, it does not, and with one loss named or one member
    the members do not alternate at all. Another loss than cross-entropy does not score by cosines unless told to.
    """
    if name != "auto":
        return preset(name).override(changes)
    auto = import_module("gru4rec.config.auto")
    found = auto.statistics(train, vocabulary)
    chosen = auto.single(found) if changes.get("selected_features") else auto.auto(found)
    changes = {**_single(changes), **changes}
    alternate = [pair for pair in chosen.train.alternate if pair.partition("=")[0] not in changes]
    if "loss" in changes or str(changes.get("members", 2)) == "1":
        alternate = []
    other_loss = changes.get("loss", "cross-entropy") != "cross-entropy"
    return chosen.override({"alternate": alternate, **({"cosine": ()} if other_loss else {}), **changes})


def _single(changes: Mapping[str, Any]) -> dict[str, int]:
    return {"members": 1} if changes.get("selected_features") else {}
