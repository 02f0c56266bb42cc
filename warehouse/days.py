"""Days, all of them UTC: read from text, their first moment, the days between two of them, and days as text."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta

from warehouse.sentences import shown


def as_day(day: date | str) -> date:
    """A day given as a date or as text like 2026-01-31; ValueError names what was given instead.

    It is one of the years 1900 to 2199: a window before it, or the day after it, is a date too.
    """
    try:
        found = date.fromisoformat(day) if isinstance(day, str) else date(day.year, day.month, day.day)
    except (ValueError, AttributeError):
        raise ValueError(f"{shown(day)} is not a day: write it as YYYY-MM-DD") from None
    if not 1900 <= found.year < 2200:
        raise ValueError(f"{found} is no day that data can have: use one of the years 1900 to 2199")
    return found


def midnight(day: date) -> datetime:
    """The first moment of a day, UTC."""
    return datetime.combine(day, time(), UTC)


def days_between(first: date, last: date) -> list[date]:
    """Every day from `first` to `last`, both included; empty when `last` is earlier."""
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


def first_of_window(last: date, days: int) -> date:
    """The first day of a window of `days` days that ends with `last`."""
    return last - timedelta(days=days - 1)


def spans(days: Iterable[date], most: int = 8) -> str:
    """Ascending days for people, neighbours as one span: "2026-01-09 to 2026-01-11, 2026-01-14"; at most `most`."""
    found: list[list[date]] = []
    for day in days:
        if found and day - found[-1][-1] == timedelta(days=1):
            found[-1].append(day)
        else:
            found.append([day])
    said = [str(span[0]) if len(span) == 1 else f"{span[0]} to {span[-1]}" for span in found[:most]]
    left = sum(map(len, found[most:]))
    return ", ".join(said) + (f" and {left} more days" if left else "")
