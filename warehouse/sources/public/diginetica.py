"""Diginetica (CIKM Cup 2016): train-item-views.csv, products.csv, product-categories.csv, separated by semicolons.

Most users are "NA", so a session is its own user. A view's time is its day and the milliseconds since the session's
first query: the hour of the day is not published. Copies differ in the spelling of the header (sessionId, session_id).
"""

from pathlib import Path

from warehouse.engine.duckdb_engine import DataError, Engine
from warehouse.engine.scans import Source
from warehouse.engine.text_files import Delimited, column_names
from warehouse.layout import Layout
from warehouse.sources.feed.write import Feed, ImportReport, files_in, items_of, write_events, write_items

FORM = Delimited(";")


def import_diginetica(engine: Engine, layout: Layout, path: Path, *, progress: bool = False) -> ImportReport:
    """Write the item views and, where they are there, the products with price (log2), name tokens and category."""
    views = files_in(path, "train-item-views.csv*")
    session, item, timeframe, day = _spelled(views[0], "sessionid", "itemid", "timeframe", "eventdate")
    feed = Feed(
        views,
        {
            "session_id": Source(session, "int64"),
            "item_id": Source(item, "int64"),
            "timeframe": Source(timeframe, "int64"),
            "day": Source(day, "time"),
        },
        FORM,
        through="diginetica_views",
        names=("user_id", "item_id", "timestamp", "session_id"),
    )
    catalogue = _catalogue(path) if path.is_dir() else {}
    report = write_events(engine, layout, feed, progress=progress)
    if not catalogue:
        return report
    items = write_items(layout, items_of(engine, catalogue, "diginetica_items"))
    return ImportReport(report.events, items, report.first_day, report.last_day, report.timeless)


def _catalogue(folder: Path) -> dict[str, Feed]:
    """The product files; empty unless both are there."""
    products, categories = folder / "products.csv", folder / "product-categories.csv"
    if not (products.is_file() and categories.is_file()):
        return {}
    item, price, tokens = _spelled(products, "itemid", "pricelog2", "product.name.tokens")
    of, category = _spelled(categories, "itemid", "categoryid")
    named = {"item_id": Source(item, "int64"), "price_log2": Source(price, "double"), "name_tokens": Source(tokens)}
    return {
        "products": Feed((products,), named, FORM),
        "categories": Feed((categories,), {"item_id": Source(of, "int64"), "category": Source(category)}, FORM),
    }


def _spelled(path: Path, *wanted: str) -> list[str]:
    """The file's own spelling of some columns."""
    spelling = {name.lower().replace("_", ""): name for name in column_names(path, FORM)}
    missing = [name for name in wanted if name not in spelling]
    if missing:
        raise DataError(f"{path} has no column {', '.join(missing)} (it has {', '.join(spelling.values())})")
    return [spelling[name] for name in wanted]
