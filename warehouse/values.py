"""What the value of a setting may be. Each function accepts a value, or raises ValueError naming field and value."""

import re
from collections.abc import Collection, Iterator
from datetime import date
from typing import TypeGuard

TIME_UNITS = ("s", "ms", "us", "ns")  # of numbers since 1970


def fields_of(owner: object, *names: str) -> Iterator[tuple[str, object]]:
    """Name and value of some fields of an object, to be judged one by one."""
    return ((name, getattr(owner, name)) for name in names)


def _is_number(value: object) -> TypeGuard[int | float]:
    """True and False are no numbers here."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def at_least(name: str, value: object, low: float, *, error: type[ValueError] = ValueError) -> None:
    """Accept a number from `low` on."""
    if not _is_number(value) or not value >= low:
        raise error(f"{name} is {value!r}: it must be a number of at least {low}")


def above_zero(name: str, value: object) -> None:
    """Accept a number above 0."""
    if not _is_number(value) or not value > 0:
        raise ValueError(f"{name} is {value!r}: it must be a number above 0")


def a_share(name: str, value: object, *, below_one: bool = False) -> None:
    """Accept a number from 0 to 1, or from 0 to below 1."""
    if not _is_number(value) or not 0 <= value <= 1 or (below_one and value == 1):
        raise ValueError(f"{name} is {value!r}: it is a share, from 0 to {'below ' if below_one else ''}1")


def one_of(name: str, value: object, allowed: Collection[str], *, error: type[ValueError] = ValueError) -> None:
    """Accept one of some texts."""
    if value not in allowed:
        raise error(f"{name} is {value!r}: choose one of {', '.join(map(repr, allowed))}")


def a_date(name: str, value: object) -> date:
    """The date that was given, or that text like 2026-01-31 means."""
    if type(value) is date:
        return value
    try:
        return date.fromisoformat(value if isinstance(value, str) else "")
    except ValueError:
        raise ValueError(f"{name} is {value!r}: it must be a date like 2026-01-31") from None


def a_memory_size(name: str, value: object) -> None:
    """Accept a size as DuckDB writes it: a number and a unit, or a percentage."""
    if not re.fullmatch(r"\d+(\.\d+)?\s*([KMGT]i?B|%)", str(value)):
        raise ValueError(f"{name} is {value!r}: write it like 2GB or 500MB")
