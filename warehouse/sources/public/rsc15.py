"""RSC15 (RecSys Challenge 2015, Yoochoose): yoochoose-clicks.dat and yoochoose-buys.dat, comma-separated, no header.

The log knows sessions and no users, so a session is its own user. Clocks are ISO text with milliseconds, UTC.
"""

from pathlib import Path

from warehouse.engine.duckdb_engine import Engine
from warehouse.engine.scans import Source
from warehouse.engine.text_files import Delimited
from warehouse.layout import Layout
from warehouse.sources.feed.write import Feed, ImportReport, files_in, items_of, write_events, write_items

CLICKS = Delimited(",", ("session", "time", "item", "category"))
BUYS = Delimited(",", ("session", "time", "item", "price", "quantity"))


def import_rsc15(engine: Engine, layout: Layout, path: Path, *, progress: bool = False) -> ImportReport:
    """Write the clicks, the buys where they are there too, and the items' categories."""
    clicks = files_in(path, "yoochoose-clicks.dat*")
    buys = tuple(sorted(path.glob("yoochoose-buys.dat*"))) if path.is_dir() else ()
    categories = Feed(clicks, {"item_id": Source("item", "int64"), "category": Source("category")}, CLICKS)
    report = write_events(engine, layout, _feed(clicks, CLICKS, "click", "clicks"), progress=progress)
    events = report.events
    if buys:
        events += write_events(engine, layout, _feed(buys, BUYS, "buy", "buys"), fill=False, progress=progress).events
    items = write_items(layout, items_of(engine, {"clicks": categories}, "rsc15_items"))
    return ImportReport(events, items, report.first_day, report.last_day, report.timeless)


def _feed(files: tuple[Path, ...], form: Delimited, event_type: str, name: str) -> Feed:
    columns = {
        "user_id": Source("session", "int64"),
        "item_id": Source("item", "int64"),
        "timestamp": Source("time", "time"),
        "session_id": Source("session", "int64"),
        "event_type": Source(event_type, "constant"),
    }
    return Feed(files, columns, form, name)
