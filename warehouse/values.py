"""What the value of a setting may be. Each function accepts a value, or raises ValueError naming field and value."""

import re
from collections.abc import Collection, Iterator, Mapping
from datetime import date
from typing import TypeGuard
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from warehouse.days import as_day
from warehouse.sentences import shown

_BYTES = {"K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}
_WHO = {"user_id", "user", "session_id", "session"}
TIME_UNITS = ("s", "ms", "us", "ns")  # of numbers since 1970


def fields_of(owner: object, *names: str) -> Iterator[tuple[str, object]]:
    """Name and value of some fields of an object, to be judged one by one."""
    return ((name, getattr(owner, name)) for name in names)


def _is_number(value: object) -> TypeGuard[int | float]:
    """True and False are no numbers here."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def whole(name: str, value: object, low: int, high: int = 2**31 - 1, *, error: type[ValueError] = ValueError) -> None:
    """Accept a whole number from `low` to `high`; by default one that 32 bits hold."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        bound = f"at most {high}" if isinstance(value, int) and value > high else f"at least {low}"
        raise error(f"{name} is {shown(value)}: it must be a whole number of {bound}")


def between(name: str, value: object, low: float, high: float) -> None:
    """Accept a number from `low` to `high`."""
    if not _is_number(value) or not low <= value <= high:
        raise ValueError(f"{name} is {shown(value)}: it must be a number from {low:g} to {high:g}")


def above_zero(name: str, value: object) -> None:
    """Accept a number above 0."""
    if not _is_number(value) or not value > 0:
        raise ValueError(f"{name} is {shown(value)}: it must be a number above 0")


def a_share(name: str, value: object, *, below_one: bool = False) -> None:
    """Accept a number from 0 to 1, or from 0 to below 1."""
    if not _is_number(value) or not 0 <= value <= 1 or (below_one and value == 1):
        raise ValueError(f"{name} is {shown(value)}: it is a share, from 0 to {'below ' if below_one else ''}1")


def one_of(name: str, value: object, allowed: Collection[str], *, error: type[ValueError] = ValueError) -> None:
    """Accept one of some texts."""
    if not isinstance(value, str) or value not in allowed:
        raise error(f"{name} is {shown(value)}: choose one of {', '.join(map(repr, allowed))}")


def a_date(name: str, value: object) -> date:
    """The date that was given, or that text like 2026-01-31 means."""
    try:
        return as_day(value if isinstance(value, str | date) else "")
    except ValueError:
        raise ValueError(f"{name} is {shown(value)}: it must be a date like 2026-01-31") from None


def a_text(name: str, value: object, *, error: type[ValueError] = ValueError) -> str:
    """The text that was given; empty is none, and a NUL character is in none."""
    if not isinstance(value, str) or not value or "\0" in value:
        raise error(f'{name} is {shown(value)}: text is expected, like "..."')
    return value


def texts(name: str, value: object, *, error: type[ValueError] = ValueError) -> list[str]:
    """The list of texts that was given, each of them once."""
    if not isinstance(value, list | tuple) or not all(isinstance(one, str) and one for one in value):
        raise error(f"{name} is {shown(value)}: a list of texts is expected")
    if len(set(value)) < len(value):
        raise error(f"{name} is {shown(value)}: name each of them once")
    return list(value)


def distinct_roles(columns: Mapping[str, str], where: str, *, error: type[ValueError] = ValueError) -> None:
    """Refuse one column for two roles (role -> column); a session may be named by its user."""
    taken: dict[str, str] = {}
    for role, column in columns.items():
        first = taken.setdefault(column, role)
        if first != role and not {first.removesuffix("_column"), role.removesuffix("_column")} <= _WHO:
            raise error(f"{where}: {first} and {role} both name {shown(column)}; name one column for each")


def a_zone(name: str, value: object, *, error: type[ValueError] = ValueError) -> str:
    """The name of a time zone that was given."""
    try:
        ZoneInfo(value if isinstance(value, str) else "")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise error(f"{name} is {shown(value)}: it must be a time zone like Europe/Berlin or UTC") from None
    return str(value)


def a_memory_size(name: str, value: object) -> None:
    """Accept a size as DuckDB writes it, of a megabyte at least: a number and a unit, or a share of all memory."""
    found = re.fullmatch(r"(\d{1,9}(?:\.\d{1,9})?)\s*(?:([KMGT])i?B|%)", str(value), re.ASCII)
    number, unit = (float(found[1]), found[2]) if found else (0.0, None)
    fits = 0 < number <= 100 if unit is None else 1e6 <= number * _BYTES[unit] <= 1e15
    if not fits:
        raise ValueError(f"{name} is {shown(value)}: write it like 2GB or 500MB, or like 50% for a share of the memory")
