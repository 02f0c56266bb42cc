"""Rees46 (eCommerce behaviour, one csv or csv.gz a month): views, carts and purchases with users and sessions."""

from dataclasses import replace
from pathlib import Path

from warehouse.engine.protocol import FileColumn, LocalEngine
from warehouse.engine.text_files import Delimited
from warehouse.layout import Layout
from warehouse.sources.raw.events import ImportReport, write_events
from warehouse.sources.raw.files import files_in
from warehouse.sources.raw.items import items_of, write_items
from warehouse.sources.raw.log import LogFiles
from warehouse.sources.raw.unit import alone, unit_of


@alone
def import_rees46(
    engine: LocalEngine, layout: Layout, path: Path, *, unit: str = "", progress: bool = False
) -> ImportReport:
    """Write the events of all months in a folder (or of one file), and every item as it was last seen."""
    files = files_in(path, "*.csv", "*.csv.gz")
    item, time = FileColumn("product_id", "int64"), FileColumn("event_time", "time")
    events = LogFiles(
        files,
        {
            "user_id": FileColumn("user_id", "int64"),
            "item_id": item,
            "timestamp": time,
            "session_id": FileColumn("user_session"),
            "event_type": FileColumn("event_type"),
        },
        Delimited(),
    )
    described = {
        "item_id": item,
        "timestamp": time,
        "category": FileColumn("category_code"),
        "brand": FileColumn("brand"),
        "price": FileColumn("price"),
    }
    items = items_of(engine, {"seen": LogFiles(files, described, Delimited())}, "rees46_items")
    report = write_events(engine, layout, events, unit=unit_of(path, unit), progress=progress)
    return replace(report, items=write_items(layout, items))
