"""RetailRocket: events.csv (milliseconds, visitors) and item_properties_part1.csv, ..._part2.csv."""

from pathlib import Path

from warehouse.engine.duckdb_engine import Engine
from warehouse.engine.scans import Source
from warehouse.engine.text_files import Delimited
from warehouse.layout import Layout
from warehouse.sources.feed.write import Feed, ImportReport, files_in, items_of, write_events, write_items


def import_retailrocket(engine: Engine, layout: Layout, path: Path, *, progress: bool = False) -> ImportReport:
    """Write the events (view, addtocart, transaction) and, where the properties are there, the items' categories."""
    events = Feed(
        files_in(path, "events.csv*"),
        {
            "user_id": Source("visitorid", "int64"),
            "item_id": Source("itemid", "int64"),
            "timestamp": Source("timestamp", "time", "ms"),
            "event_type": Source("event"),
        },
        Delimited(),
    )
    properties = tuple(sorted(path.glob("item_properties*.csv*"))) if path.is_dir() else ()
    report = write_events(engine, layout, events, progress=progress)
    if not properties:
        return report
    columns = {
        "item_id": Source("itemid", "int64"),
        "property": Source("property"),
        "value": Source("value"),
        "timestamp": Source("timestamp", "time", "ms"),
    }
    feed = Feed(properties, columns, Delimited())
    items = write_items(layout, items_of(engine, {"properties": feed}, "retailrocket_items"))
    return ImportReport(report.events, items, report.first_day, report.last_day, report.timeless)
