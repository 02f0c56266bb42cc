"""Popularity against exposure: how often items of each popularity are met, and how often readers are shown them.

The popularity of an item is the number of its events; its exposure the number of places that it has in lists.
"""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from warehouse.days import first_of_window
from warehouse.engine.protocol import Engine
from warehouse.engine.statements import statement
from warehouse.layout import Layout
from warehouse.recommendations.reading.snapshots import Night


@dataclass(frozen=True)
class Tenth:
    """A tenth of the items, in order of popularity; events and places as shares of all, in [0, 1]."""

    items: int
    events: float
    places: float


def exposure(engine: Engine, layout: Layout, night: Night, window_days: int, k: int) -> list[Tenth]:
    """The tenths, the most popular items first; of a catalogue below ten items, as many parts as items.

    Args:
        night: the published lists.
        window_days: popularity is counted in the events of so many days up to the night.
        k: exposure is counted in so many first places of each list.

    Returns:
        Nothing where no event of the window was read.
    """
    first = first_of_window(night.run_date, window_days)
    days = [first + timedelta(days=number) for number in range(window_days)]
    events = [file for day in days for file in layout.files("events", day)]
    if not events:
        return []
    with engine.open() as db:
        db.view("arrived", events)
        db.view("lists", [Path(file) for file in night.files])
        found = [tuple(map(int, row)) for row in db.rows(statement("account_exposure", k=k))]
    met, shown = (sum(row[place] for row in found) or 1 for place in (2, 3))
    return [Tenth(items, events / met, places / shown) for _, items, events, places in found]
