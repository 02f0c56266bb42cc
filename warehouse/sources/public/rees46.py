"""Rees46 (eCommerce behaviour, one csv or csv.gz a month): views, carts and purchases with users and sessions."""

from pathlib import Path

from warehouse.engine.duckdb_engine import Engine
from warehouse.engine.scans import Source
from warehouse.engine.text_files import Delimited
from warehouse.layout import Layout
from warehouse.sources.feed.write import Feed, ImportReport, files_in, items_of, write_events, write_items


def import_rees46(engine: Engine, layout: Layout, path: Path, *, progress: bool = False) -> ImportReport:
    """Write the events of all months in a folder (or of one file), and every item as it was last seen."""
    files = files_in(path, "*.csv", "*.csv.gz")
    item, time = Source("product_id", "int64"), Source("event_time", "time")
    events = Feed(
        files,
        {
            "user_id": Source("user_id", "int64"),
            "item_id": item,
            "timestamp": time,
            "session_id": Source("user_session"),
            "event_type": Source("event_type"),
        },
        Delimited(),
    )
    described = {
        "item_id": item,
        "timestamp": time,
        "category": Source("category_code"),
        "brand": Source("brand"),
        "price": Source("price"),
    }
    report = write_events(engine, layout, events, progress=progress)
    items = write_items(layout, items_of(engine, {"seen": Feed(files, described, Delimited())}, "rees46_items"))
    return ImportReport(report.events, items, report.first_day, report.last_day, report.timeless)
