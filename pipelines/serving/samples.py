"""Some lists of a night as tables for the assets' pages, with titles: what a list was made for stands beside it."""

from collections.abc import Callable
from datetime import date
from itertools import zip_longest
from typing import TYPE_CHECKING

import dagster as dg

from pipelines.policy.resources import Warehouse

if TYPE_CHECKING:
    from pathlib import Path

    from warehouse.recommendations.reading.titles import ItemId

USERS, ITEMS, PLACES = 4, 4, 6
Cell = str | int | float | bool


def if_readable(sample: Callable[[], dg.TableMetadataValue]) -> dg.MetadataValue:
    """A sample, or why it cannot be read: the lists are published by then, and their step has not failed."""
    try:
        return sample()
    except (OSError, ValueError) as error:
        return dg.MetadataValue.text(f"No lists are shown here: {error}")


def some_users(warehouse: Warehouse, day: str, window_days: int) -> dg.TableMetadataValue:
    """What some users met last beside the list that was made of it; the night's report has these users and others.

    Args:
        warehouse: where the night is published.
        day: the night.
        window_days: what users met is shown so far back.
    """
    from warehouse.account.users.drawn import drawn
    from warehouse.recommendations import night

    found = night(warehouse.layout, date.fromisoformat(day))
    engine = warehouse.local_engine()
    rows: list[dict[str, Cell]] = []
    for user in drawn(engine, warehouse.layout, found, users=USERS, n=PLACES, window_days=window_days):
        for met, listed in zip_longest(user.history, user.listed):
            rows.append(
                {
                    "user_id": user.user_id,
                    "met last": _name(met.item_id, met.title) if met else "",
                    "listed": f"{listed.rank}. {_name(listed.item_id, listed.title)}" if listed else "",
                    "probability": f"{listed.probability:.4f}" if listed else "",
                }
            )
    return _table(rows)


def some_items(path: "Path", day: str) -> dg.TableMetadataValue:
    """What is like some items, chosen from the whole first row group of the night.

    Args:
        path: the folder of the table of similar items.
        day: the night.
    """
    from warehouse.recommendations import night
    from warehouse.recommendations.reading.titles import Titles, items_file

    found = night(path, date.fromisoformat(day))
    head = next(found.batches(["item_id", "rank", "similar_item_id", "score"]))
    there = head["item_id"].unique()
    chosen = {there[place * len(there) // ITEMS].as_py() for place in range(ITEMS)} if len(there) else set()
    rows = [row for row in head.to_pylist() if row["item_id"] in chosen and row["rank"] <= PLACES]
    file = items_file(path, found.run_date)
    named = chosen | {row["similar_item_id"] for row in rows}
    titles = {} if file is None else Titles().of(file, named)
    return _table(
        [
            {
                "item": _name(row["item_id"], titles.get(row["item_id"])),
                "similar": f"{row['rank']}. {_name(row['similar_item_id'], titles.get(row['similar_item_id']))}",
                "score": f"{row['score']:.4f}",
            }
            for row in rows
        ]
    )


def _name(item: "ItemId", title: str | None) -> str:
    """An item's title; its id where there is none. Both would not fit the page."""
    return title or str(item)


def _table(rows: list[dict[str, Cell]]) -> dg.TableMetadataValue:
    names = list(rows[0]) if rows else []
    kinds = {name: "string" if isinstance(rows[0][name], str) else "int" for name in names}
    schema = dg.TableSchema(columns=[dg.TableColumn(name, type=kinds[name]) for name in names])
    return dg.MetadataValue.table([dg.TableRecord(row) for row in rows], schema)
