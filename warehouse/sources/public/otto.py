"""OTTO (RecSys data set 2022): JSON lines, a session a line, its events (clicks, carts, orders) in a list.

The log knows sessions and no users, so a session is its own user. Clocks are milliseconds, UTC.
"""

from pathlib import Path

from warehouse.engine.protocol import FileColumn, LocalEngine
from warehouse.engine.text_files import JsonLines
from warehouse.layout import Layout
from warehouse.sources.raw.events import ImportReport, write_events
from warehouse.sources.raw.files import files_in
from warehouse.sources.raw.log import LogFiles
from warehouse.sources.raw.unit import alone, unit_of


@alone
def import_otto(
    engine: LocalEngine, layout: Layout, path: Path, *, unit: str = "", progress: bool = False
) -> ImportReport:
    """Write the events of one jsonl file, or of all in a folder. The set has no catalogue."""
    columns = {
        "user_id": FileColumn("session", "int64"),
        "item_id": FileColumn("aid", "int64"),
        "timestamp": FileColumn("ts", "time", "ms"),
        "session_id": FileColumn("session", "int64"),
        "event_type": FileColumn("type"),
    }
    log = LogFiles(files_in(path, "*.jsonl", "*.jsonl.gz"), columns, JsonLines("events"))
    return write_events(engine, layout, log, unit=unit_of(path, unit), progress=progress)
