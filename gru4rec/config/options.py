"""The configuration: what was asked for, part by part.

Used again on the same sessions, with the same validation sessions and warm start, it trains the same model again.

Names of options are unique over all parts, so a configuration can be read and changed flat:
`config.override({"hidden_size": 256, "loss": "bpr-max"})`. What training found (widths and scales of merged members,
weights of seen items) is no option: it stands beside the weights (network/merged.py). Nothing here imports torch.
"""

import dataclasses
import itertools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Self

from gru4rec.config import format_1
from gru4rec.config.parts import (
    FeatureConfig,
    LossConfig,
    ModelConfig,
    NegativesConfig,
    OptimizerConfig,
    TrainConfig,
)
from gru4rec.config.sentences import shown
from gru4rec.config.values import ConfigError, features_from_text, from_text, unknown_setting

__all__ = [
    "Config", "ConfigError", "FeatureConfig", "LossConfig", "ModelConfig", "NegativesConfig", "OptimizerConfig",
    "TrainConfig", "read_settings",
]  # fmt: skip

# What a member may have of its own, beside loss, negatives and optimizer.
ALTERNATING = ("hidden_size", "dropout_embedding", "dropout_hidden", "cosine", "batch_size")


@dataclass(frozen=True)
class Config:
    """One of each part."""

    model: ModelConfig = field(default_factory=ModelConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    negatives: NegativesConfig = field(default_factory=NegativesConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    features: FeatureConfig = field(default_factory=FeatureConfig)

    def __post_init__(self) -> None:
        if self.train.members > 1 and self.model.embedding != "shared":
            raise ConfigError(f"members={self.train.members} needs embedding=shared, not {self.model.embedding}")
        if self.train.alternate:
            self._check_alternate()
        if self.features.selected_features:
            self._check_features()

    def member(self, order: int) -> Self:
        """What member `order` (from 0) is trained with: a seed of its own, and what `alternate` says of it."""
        alone = {"members": 1, "alternate": {}, "repeats": False, "seed": self.train.seed + order}
        return self.override({**self.train.own(order), **alone})

    def flat(self) -> dict[str, Any]:
        """All options of all parts, by their own names."""
        return {name: value for _, part in self._parts() for name, value in _values(part).items()}

    def override(self, changes: Mapping[str, Any]) -> Self:
        """A copy in which some options, given by their own names, have another value.

        Raises:
            ConfigError: there is no such option, it cannot hold the value, or values do not fit each other.
        """
        left = dict(changes)
        parts = {}
        for name, part in self._parts():
            mine = {f.name: left.pop(f.name) for f in fields(part) if f.name in left}
            parts[name] = dataclasses.replace(part, **mine)
        if left:
            raise unknown_setting(left, self.flat())
        return dataclasses.replace(self, **parts)

    def to_json(self) -> str:
        """The parts and their options as indented JSON."""
        return json.dumps({name: _values(part) for name, part in self._parts()}, indent=2)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read the form of `to_json`, or one flat object of options; an option that is absent keeps its default.

        Raises:
            ConfigError: the text is no JSON object, names an unknown option, or has a value out of range.
        """
        try:
            given = json.loads(text)
        except RecursionError:
            raise ConfigError("the configuration is nested too deep; use an object of settings") from None
        except ValueError as error:  # also of a number of thousands of digits
            raise ConfigError(f"the configuration is not JSON: {error}") from error
        if not isinstance(given, dict):
            raise ConfigError(f"the configuration is a JSON {type(given).__name__}; use an object of settings")
        return cls.from_dict(given)

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> Self:
        """As `from_json`, of the object that the JSON holds; one written before version 1.0 is read too."""
        if format_1.is_it(given):
            try:
                given = format_1.convert(given).recipe
            except (LookupError, TypeError, AttributeError, OverflowError) as error:
                raise ConfigError(f"the configuration of version 0.1 cannot be read: {error!r}") from error
        parts = {f.name for f in fields(cls)}
        flat: dict[str, Any] = {}
        for name, value in given.items():
            flat.update(value if name in parts and isinstance(value, dict) else {name: value})
        return cls().override(flat)

    def _parts(self) -> list[tuple[str, Any]]:
        return [(f.name, getattr(self, f.name)) for f in fields(self)]

    def _check_alternate(self) -> None:
        parts = (self.loss, self.negatives, self.optimizer)
        allowed = [f.name for part in parts for f in fields(part)] + list(ALTERNATING)
        alternate = self.train.alternate
        cycle = ({}, alternate) if isinstance(alternate, Mapping) else alternate
        for name in itertools.chain(*cycle):
            if name not in allowed:
                raise ConfigError(f"alternate has {shown(name)}; a member may differ in {', '.join(allowed)}")
        if cycle[0]:
            raise ConfigError("alternate is a list that begins with settings; begin it with {} for the first member")
        if self.train.members == 1:
            raise ConfigError("alternate is for several members: use members=2 or more, or leave it empty")
        for order in range(len(cycle)):
            self.member(order)

    def _check_features(self) -> None:
        if self.model.embedding != "shared":
            raise ConfigError(f"selected_features needs embedding=shared, not {self.model.embedding}")
        if self.train.members > 1:
            raise ConfigError("a model with selected_features is single: use members=1")
        if self.model.cosine:
            raise ConfigError("a model with selected_features does not score by cosines: use cosine=0")
        if self.train.compile:
            raise ConfigError("a model with selected_features is not compiled: use compile=false")
        if self.features.training == "residual" and self.train.epochs < 2:
            raise ConfigError("training=residual trains ids first and features then: use at least 2 epochs")


def _values(part: Any) -> dict[str, Any]:
    """A part's options by name; of read-only mappings, copies."""
    return {f.name: _copied(getattr(part, f.name)) for f in fields(part)}


def _copied(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_copied(each) for each in value]
    return dict(value) if isinstance(value, Mapping) else value


def read_settings(texts: Mapping[str, str]) -> dict[str, Any]:
    """Options as the command line spells them, by name, as values for `Config.override`; ConfigError where none is."""
    kinds = {f.name: f.type for _, part in Config()._parts() for f in fields(part)}
    if unknown := set(texts) - set(kinds):
        raise unknown_setting(unknown, kinds)
    values = {
        name: features_from_text(text) if name == "selected_features" else from_text(name, text, kinds[name])
        for name, text in texts.items()
    }
    if isinstance(alternate := values.get("alternate"), dict):
        values["alternate"] = {
            name: from_text(name, value, kinds.get(name, str)) if isinstance(value, str) else value
            for name, value in alternate.items()
        }
    return values
