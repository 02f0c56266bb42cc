"""OTTO (RecSys data set 2022): JSON lines, a session a line, its events (clicks, carts, orders) in a list.

The log knows sessions and no users, so a session is its own user. Clocks are milliseconds, UTC.
"""

from pathlib import Path

from warehouse.engine.duckdb_engine import Engine
from warehouse.engine.scans import Source
from warehouse.engine.text_files import JsonLines
from warehouse.layout import Layout
from warehouse.sources.feed.write import Feed, ImportReport, files_in, write_events


def import_otto(engine: Engine, layout: Layout, path: Path, *, progress: bool = False) -> ImportReport:
    """Write the events of one jsonl file, or of all in a folder. The set has no catalogue."""
    columns = {
        "user_id": Source("session", "int64"),
        "item_id": Source("aid", "int64"),
        "timestamp": Source("ts", "time", "ms"),
        "session_id": Source("session", "int64"),
        "event_type": Source("type"),
    }
    feed = Feed(files_in(path, "*.jsonl", "*.jsonl.gz"), columns, JsonLines("events"))
    return write_events(engine, layout, feed, progress=progress)
