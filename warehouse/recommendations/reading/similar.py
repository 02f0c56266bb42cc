"""What is similar to an item, as the night's model has it: the table `similar_items`, read for one item."""

from __future__ import annotations

import datetime as dt
from contextlib import closing
from pathlib import Path
from typing import Protocol

from warehouse.recommendations.errors import RecommendationsError
from warehouse.recommendations.kinds import SIMILAR
from warehouse.recommendations.reading.asked import asked_ids
from warehouse.recommendations.reading.lookup import Lookup
from warehouse.recommendations.reading.snapshots import latest, night
from warehouse.recommendations.reading.titles import Titles, items_file
from warehouse.values import whole


class HasSimilarItems(Protocol):
    """Whatever knows where the table is: `warehouse.layout.Layout` does."""

    @property
    def similar_items(self) -> Path: ...  # noqa: D102


def similar_path(where: HasSimilarItems | str | Path) -> Path:
    """The folder of the table of similar items for a `Layout` or for the path of the table itself."""
    return Path(where) if isinstance(where, str | Path) else Path(where.similar_items)


def for_item(
    where: HasSimilarItems | str | Path,
    item_id: int | str,
    n: int = 10,
    *,
    run_date: dt.date | None = None,
    items: Path | None = None,
) -> list[dict[str, object]]:
    """The `n` items most like an item in a night (the newest by default), best first; [] for an unknown item.

    Args:
        where: a `Layout`, or the folder of the table.
        items: a parquet file of items; by default the items table beside the table says the titles.

    Returns:
        `{"item_id", "title", "score"}` each; the title is None where it is not known.

    Raises:
        NoNight: there is no such table, or no such night in it.
        RecommendationsError: n is below 1, or the id is text where the table has integers, or the other way round.
    """
    path = similar_path(where)
    whole("n", n, 1, 32_767, error=RecommendationsError)
    found = latest(path) if run_date is None else night(path, run_date)
    [item_id] = asked_ids(found, SIMILAR, [item_id])
    with closing(Lookup(found.files, SIMILAR)) as lookup:
        rows = lookup.best(item_id, n)
    known = items or items_file(path, found.run_date)
    titles = {} if known is None else Titles().of(known, [item for item, _ in rows])
    return [{"item_id": item, "title": titles.get(item), "score": score} for item, score in rows]
