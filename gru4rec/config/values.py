"""Values of settings: refuse what a field cannot hold, read text as a field's type. Nothing here imports torch."""

import difflib
import math
import re
from collections.abc import Collection, Iterable
from typing import Any

RANK_METRIC = re.compile(r"(recall|mrr|ndcg)@[1-9]\d*")
WANTED = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}


class ConfigError(ValueError):
    """A configuration that cannot be used; the message says which field and what it may be."""


def unknown_setting(names: Iterable[str], known: Collection[str]) -> ConfigError:
    """The error for settings that there are not: with the names that are near, or all where none is."""
    names = sorted(names)
    near = [match for name in names for match in difflib.get_close_matches(name, known, n=3, cutoff=0.5)]
    hint = f"did you mean {' or '.join(dict.fromkeys(near))}?" if near else f"known are {', '.join(sorted(known))}"
    return ConfigError(f"unknown setting {', '.join(names)}; {hint}")


def choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    """Refuse what is none of the choices."""
    if value not in choices:
        raise ConfigError(f"{name} is {value!r}; use one of {', '.join(choices)}")


def rank_metric(name: str, value: str) -> None:
    """Refuse what is no metric over ranks at a list length."""
    if not RANK_METRIC.fullmatch(value):
        raise ConfigError(f"{name} is {value!r}; use recall@k, mrr@k or ndcg@k, such as recall@20")


def whole(name: str, value: int, low: int) -> None:
    """Refuse what is no whole number of at least `low`."""
    if isinstance(value, bool) or not isinstance(value, int) or value < low:
        raise ConfigError(f"{name} is {value!r}; use a whole number of at least {low}")


def number(name: str, value: float, low: float, high: float = float("inf"), *, below: bool = False) -> None:
    """Refuse what is not in [low, high], or not in [low, high) when `below`; NaN and infinity never are."""
    if isinstance(value, float) and not math.isfinite(value):
        raise ConfigError(f"{name} is {value!r}; give a finite number")
    inside = low <= value < high if below or high == float("inf") else low <= value <= high
    if isinstance(value, bool) or not inside:
        limit = f"{low} <= {name}" + ("" if high == float("inf") else f" {'<' if below else '<='} {high}")
        raise ConfigError(f"{name} is {value!r}; use a number with {limit}")


def read_blocks(name: str, values: tuple[str, ...], width: int) -> list[tuple[int, float]]:
    """Widths and numbers of "number", which is for all of `width`, or of several "width:number" that make it up."""
    pairs = [value.rpartition(":") for value in values]
    try:
        found = [(int(size) if size else width, float(value)) for size, _, value in pairs]
    except ValueError:
        found = [(0, -1.0)]
    if found and (sum(size for size, _ in found) != width or not all(0 <= value < math.inf for _, value in found)):
        raise ConfigError(f"{name} is {','.join(values)!r}; use one number of at least 0")
    return found


def read(name: str, value: Any, kind: Any) -> Any:
    """A value as its field's type: text is parsed, a whole number may stand for a float; anything else is refused."""
    if kind == tuple[str, ...]:
        return _read_names(name, value)
    try:
        if kind is bool and isinstance(value, str):
            return {"true": True, "false": False, "1": True, "0": False}[value.lower()]
        if kind is int and isinstance(value, str):
            return int(value)
        if kind is float and isinstance(value, (str, int)) and not isinstance(value, bool):
            return float(value)
    except (KeyError, ValueError):
        raise ConfigError(f"{name} is {value!r}; give {WANTED[kind]}") from None
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise ConfigError(f"{name} is {value!r}; give {WANTED[kind]}")
    return value


def _read_names(name: str, value: Any) -> tuple[str, ...]:
    """A list of names; text is "[a,b]", "a,b" or JSON."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        value = str(value)
    if isinstance(value, str):
        value = [word.strip().strip("\"'") for word in value.strip().removeprefix("[").removesuffix("]").split(",")]
        value = [] if value == [""] else value
    if not isinstance(value, (list, tuple)) or not all(isinstance(word, str) for word in value):
        raise ConfigError(f"{name} is {value!r}; use a list of names such as [genres]")
    return tuple(value)
