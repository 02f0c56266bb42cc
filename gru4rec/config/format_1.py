"""Configurations as versions before 1.0 wrote them, in which recipe and outcome stood together.

There `cosine` was a list of texts ("12", or "width:scale" for each member of a merged model), `alternate` a list of
"name=value", and after merging `hidden_size` was the width of all members together and `mix` what had been chosen.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from gru4rec.config.values import ConfigError, from_text

KINDS = ("categorical", "multi", "numeric", "binned", "text")  # of features, written "name:kind"


class Converted(NamedTuple):
    """recipe: parts and options as they are named now. widths, scales, mix: of the members that were merged, if any."""

    recipe: dict[str, Any]
    widths: tuple[int, ...] = ()
    scales: tuple[float, ...] = ()
    mix: float = 1.0


def is_it(config: Mapping[str, Any]) -> bool:
    """Whether a configuration, part by part, was written before version 1.0."""
    model = config.get("model")
    return isinstance(model, dict) and "mix" in model


def convert(config: Mapping[str, Any]) -> Converted:
    """Take recipe and outcome apart; the caller judges the recipe's values. ConfigError for what is no longer known."""
    model, train = dict(config["model"]), dict(config.get("train", {}))
    alternate = dict(pair.split("=", 1) for pair in train.get("alternate", ()))
    if model.pop("skip", False):
        raise ConfigError("skip=true is an option of version 0.1 alone, which brought nothing; train again without it")
    mix, blocks = float(model.pop("mix")), [block.rpartition(":") for block in model.get("cosine", ())]
    scales = tuple(float(scale) for _, _, scale in blocks)
    members = int(train.get("members", 1))
    # Only a merged model has a mix beside members; a recipe that was never trained has the widths of one member.
    merged = members > 1 and mix > 0
    widths: tuple[int, ...] = ()
    if merged:
        widths = tuple(int(width) for width, _, _ in blocks) or _widths(model["hidden_size"], members, alternate)
        scales = scales or (0.0,) * members
        model["hidden_size"] = widths[0]
    model["cosine"] = scales[0] if scales else 0.0
    train["alternate"] = _typed(alternate)
    features = dict(config.get("features", {}))
    chosen = [name.rpartition(":") for name in features.get("selected_features", ())]
    features["selected_features"] = {
        name if kind in KINDS else name + colon + kind: kind if kind in KINDS and colon else "auto"
        for name, colon, kind in chosen
    }
    recipe = {**config, "model": model, "train": train, "features": features}
    return Converted(recipe, widths, scales, mix) if merged else Converted(recipe)


def _widths(together: int, members: int, alternate: Mapping[str, str]) -> tuple[int, ...]:
    """The members' widths, of which only every second one's may be named."""
    seconds = members // 2
    if "hidden_size" not in alternate:
        return (together // members,) * members
    second = int(alternate["hidden_size"])
    first = (together - seconds * second) // (members - seconds)
    return tuple(second if order % 2 else first for order in range(members))


def _typed(alternate: Mapping[str, str]) -> dict[str, Any]:
    whole, texts = {"hidden_size", "batch_size", "n_sample"}, {"loss", "optimizer"}
    return {
        name: from_text(name, value, int if name in whole else str if name in texts else float)
        for name, value in alternate.items()
    }
