"""RetailRocket: events.csv (milliseconds, visitors) and item_properties_part1.csv, ..._part2.csv."""

from dataclasses import replace
from pathlib import Path

from warehouse.engine.protocol import Engine, FileColumn
from warehouse.engine.text_files import Delimited
from warehouse.layout import Layout
from warehouse.sources.raw.events import ImportReport, write_events
from warehouse.sources.raw.items import items_of, write_items
from warehouse.sources.raw.log import LogFiles, files_in


def import_retailrocket(engine: Engine, layout: Layout, path: Path, *, progress: bool = False) -> ImportReport:
    """Write the events (view, addtocart, transaction) and, if the files of properties exist, the items' categories."""
    events = LogFiles(
        files_in(path, "events.csv*"),
        {
            "user_id": FileColumn("visitorid", "int64"),
            "item_id": FileColumn("itemid", "int64"),
            "timestamp": FileColumn("timestamp", "time", "ms"),
            "event_type": FileColumn("event"),
        },
        Delimited(),
    )
    properties = tuple(sorted(path.glob("item_properties*.csv*"))) if path.is_dir() else ()
    report = write_events(engine, layout, events, progress=progress)
    if not properties:
        return report
    columns = {
        "item_id": FileColumn("itemid", "int64"),
        "property": FileColumn("property"),
        "value": FileColumn("value"),
        "timestamp": FileColumn("timestamp", "time", "ms"),
    }
    log = LogFiles(properties, columns, Delimited())
    items = write_items(layout, items_of(engine, {"properties": log}, "retailrocket_items"))
    return replace(report, items=items)
