"""Values of settings: is a value what its field may hold? And text from the command line as a field's type."""

import difflib
import json
import math
import re
from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType
from typing import Any, Literal, get_args, get_origin

from gru4rec.config.sentences import shown

RANK_METRIC = re.compile(r"(recall|mrr|ndcg)@[1-9][0-9]{0,4}")
WHOLE = re.compile(r"[+-]?[0-9]{1,30}")
Alternating = Mapping[str, Any] | tuple[Mapping[str, Any], ...]  # settings by name, or a list of such
LARGEST = 2**31 - 1  # of a whole number that nothing else limits
HIGHEST = 1e6  # of a number likewise
WANTED = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}


class ConfigError(ValueError):
    """A configuration that cannot be used; the message says which field and what it may be."""


def unknown_setting(names: Iterable[str], known: Collection[str]) -> ConfigError:
    """The error for names that no setting has: it proposes the nearest names, or lists all where none is near."""
    names = sorted(str(name)[:100] for name in names)[:5]
    near = [match for name in names for match in difflib.get_close_matches(name, known, n=3, cutoff=0.5)]
    hint = f"did you mean {' or '.join(dict.fromkeys(near))}?" if near else f"known are {', '.join(sorted(known))}"
    return ConfigError(f"unknown setting {', '.join(names)}; {hint}")


def rank_metric(name: str, value: str) -> None:
    """Refuse a value that is no metric over ranks with the length of a list, such as recall@20."""
    if not RANK_METRIC.fullmatch(value):
        raise ConfigError(f"{name} is {shown(value)}; use recall@k, mrr@k or ndcg@k, such as recall@20")


def whole(name: str, value: int, low: int, high: int = LARGEST) -> None:
    """Refuse a value outside [low, high]."""
    if value < low:
        raise ConfigError(f"{name} is {shown(value)}; use a whole number of at least {low}")
    if value > high:
        raise ConfigError(f"{name} is {shown(value)}; use a whole number of at most {high}")


def number(name: str, value: float, low: float, high: float = HIGHEST, *, below: bool = False) -> None:
    """Refuse a value outside [low, high], or outside [low, high) where `below` is set; NaN and infinity always."""
    if not math.isfinite(value):
        raise ConfigError(f"{name} is {shown(value)}; give a finite number")
    if not (low <= value < high if below else low <= value <= high):
        raise ConfigError(
            f"{name} is {shown(value)}; use a number with {low} <= {name} {'<' if below else '<='} {high}"
        )


def typed(name: str, value: Any, kind: Any) -> Any:
    """The value as its field's type; a whole number may stand for a number.

    Args:
        name: of the field, for the sentence.
        value: from Python, JSON, TOML or YAML.
        kind: the field's type: int, float, bool, str, a Literal of texts, a Mapping or Alternating.

    Raises:
        ConfigError: the value is of another type, or none of the choices.
    """
    if get_origin(kind) is Literal:
        if value not in get_args(kind):
            raise ConfigError(f"{name} is {shown(value)}; use one of {', '.join(get_args(kind))}")
        return value
    if kind == Alternating and isinstance(value, (list, tuple)):
        return tuple(_settings(name, own) for own in value)
    if kind == Alternating or get_origin(kind) in (Mapping, dict):
        return _settings(name, value)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        whole(name, value, -LARGEST)
        return float(value)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise ConfigError(f"{name} is {shown(value)}; give {WANTED[kind]}")
    return value


def _settings(name: str, value: Any) -> Mapping[str, Any]:
    """Settings by name, as a mapping that cannot be changed."""
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise ConfigError(f'{name} is {shown(value)}; use settings by name, such as {{"loss": "bpr-max"}}')
    return MappingProxyType(dict(value))


def from_text(name: str, text: str, kind: Any) -> Any:
    """A word of the command line as its field's type; the caller judges the value.

    Settings by name are written [loss=bpr-max,batch_size=8] or as JSON, a list of them as JSON. Raises ConfigError.
    """
    if kind == Alternating and re.match(r"\s*\[\s*\{", text):
        return _json(name, text)
    if kind == Alternating or get_origin(kind) in (Mapping, dict):
        return _pairs(name, text)
    try:
        if kind is bool:
            return {"true": True, "false": False, "1": True, "0": False}[text.lower()]
        if kind is int and not WHOLE.fullmatch(text):
            raise ValueError
        return kind(text) if kind in (int, float) else text
    except (KeyError, ValueError):
        raise ConfigError(f"{name} is {shown(text)}; give {WANTED[kind]}") from None


def features_from_text(text: str) -> Any:
    """Columns as the command line spells them, [genres,price:binned] or JSON, by name with their kinds."""
    if text.lstrip().startswith("{"):
        return _pairs("selected_features", text)
    parts = [word.rpartition(":") for word in _words(text)]
    named = [(name, kind) if colon else (kind, "auto") for name, colon, kind in parts]
    if len(dict(named)) < len(named):
        raise ConfigError(f"selected_features is {shown(text)}; name every column once")
    return dict(named)


def _words(text: str) -> list[str]:
    inside = text.strip().removeprefix("[").removesuffix("]")
    return [word.strip().strip("\"'") for word in inside.split(",")] if inside.strip() else []


def _json(name: str, text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{name} is {shown(text)}, which is not JSON: {error}") from None


def _pairs(name: str, text: str) -> dict[str, Any]:
    """{"loss": "bpr-max"} of JSON as it is; of name=value pairs the values are text still."""
    if text.lstrip().startswith("{"):
        return dict(_json(name, text))
    pairs = [word.partition("=") for word in _words(text)]
    wrong = [key for key, equals, _ in pairs if not equals]
    if wrong:
        raise ConfigError(f"{name} has {shown(wrong[0])}; write name=value")
    return {key.strip(): value.strip() for key, _, value in pairs}
