"""Diginetica (CIKM Cup 2016): train-item-views.csv, products.csv, product-categories.csv, separated by semicolons.

Most users are "NA", so a session is its own user. A view's time is its day and the milliseconds since the session's
first query: the hour of the day is not published. Copies differ in the spelling of the header (sessionId, session_id).
"""

from dataclasses import replace
from pathlib import Path

from warehouse.engine.errors import DataError
from warehouse.engine.protocol import FileColumn, LocalEngine
from warehouse.engine.text_files import Delimited, column_names
from warehouse.layout import Layout
from warehouse.sources.raw.events import ImportReport, write_events
from warehouse.sources.raw.files import files_in
from warehouse.sources.raw.items import items_of, write_items
from warehouse.sources.raw.log import LogFiles
from warehouse.sources.raw.unit import alone, unit_of

FORM = Delimited(";")


@alone
def import_diginetica(
    engine: LocalEngine, layout: Layout, path: Path, *, unit: str = "", progress: bool = False
) -> ImportReport:
    """Write the views of items and, if their files exist, the products with price (log2), name tokens and category."""
    views = files_in(path, "train-item-views.csv*")
    session, item, timeframe, day = _spelled(views[0], "sessionid", "itemid", "timeframe", "eventdate")
    log = LogFiles(
        views,
        {
            "session_id": FileColumn(session, "int64"),
            "item_id": FileColumn(item, "int64"),
            "timeframe": FileColumn(timeframe, "int64"),
            "day": FileColumn(day, "time"),
            "timeframe_found": FileColumn(timeframe),
            "day_found": FileColumn(day),
        },
        FORM,
        through="diginetica_views",
        names=("user_id", "item_id", "timestamp", "session_id"),
    )
    catalogue = _catalogue(path) if path.is_dir() else {}
    items = items_of(engine, catalogue, "diginetica_items") if catalogue else None  # read first, as it may be broken
    report = write_events(engine, layout, log, unit=unit_of(path, unit), progress=progress)
    return report if items is None else replace(report, items=write_items(layout, items))


def _catalogue(folder: Path) -> dict[str, LogFiles]:
    """The product files; empty unless both are there."""
    products, categories = folder / "products.csv", folder / "product-categories.csv"
    if not (products.is_file() and categories.is_file()):
        return {}
    item, price, tokens = _spelled(products, "itemid", "pricelog2", "product.name.tokens")
    of, category = _spelled(categories, "itemid", "categoryid")
    described = {
        "item_id": FileColumn(item, "int64"),
        "price_log2": FileColumn(price, "double"),
        "name_tokens": FileColumn(tokens),
    }
    filed = {"item_id": FileColumn(of, "int64"), "category": FileColumn(category)}
    return {"products": LogFiles((products,), described, FORM), "categories": LogFiles((categories,), filed, FORM)}


def _spelled(path: Path, *wanted: str) -> list[str]:
    """The file's own spelling of some columns."""
    spelling = {name.lower().replace("_", ""): name for name in column_names(path, FORM)}
    missing = [name for name in wanted if name not in spelling]
    if missing:
        raise DataError(f"{path} has no column {', '.join(missing)} (it has {', '.join(spelling.values())})")
    return [spelling[name] for name in wanted]
