"""What changed since the night before: the mix of the events, the catalogue, the lists."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

from warehouse.days import first_of_window, midnight
from warehouse.engine.protocol import Engine
from warehouse.engine.statements import statement
from warehouse.layout import Layout
from warehouse.recommendations.errors import NoNight
from warehouse.recommendations.reading.comparison import compare
from warehouse.recommendations.reading.snapshots import Night, snapshot
from warehouse.recommendations.table import nights, open_table

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Drift:
    """How a day's events differ from those before.

    mix: total variation distance between the items' shares of the day and of `before`, in [0, 1]; usual: the same of
    the two days before that, None where there are none. new_items, new_users: shares of the day's events.
    """

    before: date
    mix: float
    usual: float | None
    new_items: float
    new_users: float


@dataclass(frozen=True)
class Catalogue:
    """The items table beside the one of `night`."""

    night: date
    items: int
    before: int
    come: int
    gone: int


@dataclass(frozen=True)
class Lists:
    """A night's lists as a whole; scores are logits, probabilities those of the first item."""

    night: date
    model_version: int | None
    mlflow_run_id: str | None
    users: int
    score: float
    score_deviation: float
    first_probability: float
    context_length: float


def drift(engine: Engine, layout: Layout, day: date, window_days: int) -> Drift | None:
    """The day's events beside those of the newest day before it; None without one, or without an event on either."""
    first = first_of_window(day, window_days)
    earlier = [one for one in layout.days("events") if first <= one < day]
    today = layout.files("events", day)
    if not earlier or not today:
        return None
    days = [layout.files("events", one) for one in earlier]
    mix = _mix(engine, today, days[-1])
    with engine.open() as db:
        db.view("arrived", today)
        db.view("earlier", [file for files in days for file in files])
        ((events, *_),) = db.rows(statement("account_day", first=midnight(day)))
        ((items, users),) = db.rows(statement("account_new"))
    if mix is None or not events:
        return None
    usual = _mix(engine, days[-1], days[-2]) if len(days) > 1 else None
    return Drift(earlier[-1], mix, usual, items / events, users / events)


def drift_by_day(engine: Engine, layout: Layout, days: Sequence[date]) -> list[float | None]:
    """The mix of each day's items beside that of the day before it in `days`.

    None for the first day, where one of the two has no event, and, with a warning, where one cannot be read.
    """
    found: list[float | None] = [None]
    for past, now in pairwise(days):
        try:
            found.append(_mix(engine, layout.files("events", now), layout.files("events", past)))
        except ValueError as error:
            _log.warning("the events of %s and %s are not compared: %s", past, now, error)
            found.append(None)
    return found[: len(days)]


def catalogue(engine: Engine, layout: Layout, night: date) -> Catalogue | None:
    """The night's items beside those of the newest night before it; None where one of the two is missing."""
    earlier = [one for one in layout.days("items") if one < night]
    now = layout.files("items", night)
    if not earlier or not now:
        return None
    with engine.open() as db:
        db.view("items", now)
        db.view("earlier", layout.files("items", earlier[-1]))
        (counts,) = db.rows(statement("account_catalogue"))
    return Catalogue(earlier[-1], *map(int, counts))


def published(layout: Layout, night: date) -> Night | None:
    """The night as the table shows it now; None where it is not in it."""
    try:
        return snapshot(open_table(layout.recommendations), layout.recommendations, night, None)
    except NoNight:
        return None


def night_before(layout: Layout, night: date) -> date | None:
    """The newest published night before this one."""
    try:
        return max((one for one in nights(open_table(layout.recommendations)) if one < night), default=None)
    except NoNight:
        return None


def lists(engine: Engine, night: Night) -> Lists:
    """A published night's lists in a few figures."""
    with engine.open() as db:
        db.view("lists", [Path(file) for file in night.files])
        ((users, *figures),) = db.rows(statement("account_scores"))
    return Lists(
        night.run_date,
        night.model_version,
        night.mlflow_run_id,
        int(users),
        *(float(figure or 0) for figure in figures),
    )


def compared(layout: Layout, night: date, before: date, k: int) -> dict[str, Any]:
    """The top k of both nights side by side (columns: `tables.COMPARISON`).

    Raises:
        RecommendationsError: the files of one of them cannot be read.
    """
    return dict(compare(layout, before, night, [k]).to_pylist()[0])


def _mix(engine: Engine, today: Sequence[Path], before: Sequence[Path]) -> float | None:
    with engine.open() as db:
        db.view("arrived", today)
        db.view("before", before)
        ((mix,),) = db.rows(statement("account_mix"))
    return None if mix is None else float(mix)
