"""Some users of a night, drawn by a seed: what each met last, beside the list that was made of it."""

from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path

from warehouse.days import first_of_window
from warehouse.engine.protocol import Engine
from warehouse.engine.statements import ColumnList, statement
from warehouse.layout import Layout
from warehouse.recommendations.reading.snapshots import Night
from warehouse.recommendations.reading.titles import ItemId, Titles, items_file
from warehouse.tables import IN_TIME


@dataclass(frozen=True)
class Met:
    """An item that a user met."""

    item_id: ItemId
    title: str | None
    at: datetime


@dataclass(frozen=True)
class Listed:
    """An item of a user's list."""

    rank: int
    item_id: ItemId
    title: str | None
    score: float
    probability: float


@dataclass
class User:
    """A user: what was met, newest first; the list, best first, and how many events it was made from."""

    user_id: int | str
    model: str = ""
    context_length: int = 0
    history: list[Met] = field(default_factory=list)
    listed: list[Listed] = field(default_factory=list)


def drawn(
    engine: Engine, layout: Layout, night: Night, *, users: int = 20, seed: int = 0, n: int = 10, window_days: int = 30
) -> list[User]:
    """Draw users with a list; the same night and seed draw the same users.

    Args:
        night: whose lists are shown.
        users: how many.
        seed: of the draw.
        n: items of the history, and of the list, that are shown.
        window_days: histories reach so far back.
    """
    first = first_of_window(night.run_date, window_days)
    days = [day for day in layout.days("events") if first <= day <= night.run_date]
    with engine.open() as db:
        db.view("lists", [Path(file) for file in night.files])
        # drawn anew each night: the night is part of the seed
        db.table("drawn", statement("account_drawn", seed=f"{seed} {night.run_date} ", users=users))
        listed = db.rows(statement("account_lists", n=n))
        met = []
        if days:
            db.view("met", [file for day in days for file in layout.files("events", day)])
            there = db.columns("SELECT * FROM met").names
            order = ColumnList(tuple(name for name in IN_TIME if name in there), "DESC NULLS FIRST")
            met = db.rows(statement("account_histories", n=n, order=order))
    titles = _titles(layout, night.run_date, {row[2] for row in listed} | {row[1] for row in met})
    found: dict[int | str, User] = {}
    for user, rank, item, score, probability, model, length in listed:
        one = found.setdefault(user, User(user, model, length))
        one.listed.append(Listed(rank, item, titles.get(item), score, probability))
    for user, item, at in met:
        found[user].history.append(Met(item, titles.get(item), at))
    return list(found.values())


def _titles(layout: Layout, night: date, items: set[ItemId]) -> dict[ItemId, str | None]:
    file = items_file(layout.recommendations, night)
    return {} if file is None else Titles().of(file, items)
