"""RetailRocket: events.csv (milliseconds, visitors) and item_properties_part1.csv, ..._part2.csv."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from warehouse.engine.protocol import FileColumn, LocalEngine
from warehouse.engine.text_files import Delimited
from warehouse.layout import Layout
from warehouse.sources.raw.events import ImportReport, write_events
from warehouse.sources.raw.files import files_in
from warehouse.sources.raw.items import items_of, write_items
from warehouse.sources.raw.log import LogFiles
from warehouse.sources.raw.unit import alone, unit_of

if TYPE_CHECKING:
    import pyarrow as pa


@alone
def import_retailrocket(
    engine: LocalEngine, layout: Layout, path: Path, *, unit: str = "", progress: bool = False
) -> ImportReport:
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
    items = _categories(engine, properties) if properties else None  # read first, as it may be broken
    report = write_events(engine, layout, events, unit=unit_of(path, unit), progress=progress)
    return report if items is None else replace(report, items=write_items(layout, items))


def _categories(engine: LocalEngine, properties: tuple[Path, ...]) -> "pa.Table":
    columns = {
        "item_id": FileColumn("itemid", "int64"),
        "property": FileColumn("property"),
        "value": FileColumn("value"),
        "timestamp": FileColumn("timestamp", "time", "ms"),
    }
    return items_of(engine, {"properties": LogFiles(properties, columns, Delimited())}, "retailrocket_items")
