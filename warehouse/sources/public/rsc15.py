"""RSC15 (RecSys Challenge 2015, Yoochoose): yoochoose-clicks.dat and yoochoose-buys.dat, comma-separated, no header.

The log knows sessions and no users, so a session is its own user. Clocks are ISO text with milliseconds, UTC.
"""

from dataclasses import replace
from pathlib import Path

from warehouse.engine.protocol import FileColumn, LocalEngine
from warehouse.engine.text_files import Delimited
from warehouse.layout import Layout
from warehouse.sources.raw.events import ImportReport, write_events
from warehouse.sources.raw.files import files_in
from warehouse.sources.raw.items import items_of, write_items
from warehouse.sources.raw.log import LogFiles, require_columns
from warehouse.sources.raw.unit import alone, unit_of

CLICKS = Delimited(",", ("session", "time", "item", "category"))
BUYS = Delimited(",", ("session", "time", "item", "price", "quantity"))


@alone
def import_rsc15(
    engine: LocalEngine, layout: Layout, path: Path, *, unit: str = "", progress: bool = False
) -> ImportReport:
    """Write the clicks, the buys if their file exists, and the items' categories."""
    clicks = files_in(path, "yoochoose-clicks.dat*")
    buys = tuple(sorted(path.glob("yoochoose-buys.dat*"))) if path.is_dir() else ()
    categories = LogFiles(clicks, {"item_id": FileColumn("item", "int64"), "category": FileColumn("category")}, CLICKS)
    items = items_of(engine, {"clicks": categories}, "rsc15_items")
    logs = [_log(clicks, CLICKS, "click", "clicks"), *([_log(buys, BUYS, "buy", "buys")] if buys else [])]
    for log in logs:  # judged before the first of them is written
        require_columns(log)
    name = unit_of(path, unit)
    report = write_events(engine, layout, logs[0], unit=name, progress=progress)
    more = [write_events(engine, layout, log, unit=name, fill=False, progress=progress) for log in logs[1:]]
    events = sum(one.events for one in (report, *more))
    return replace(report, events=events, items=write_items(layout, items))


def _log(files: tuple[Path, ...], form: Delimited, event_type: str, name: str) -> LogFiles:
    columns = {
        "user_id": FileColumn("session", "int64"),
        "item_id": FileColumn("item", "int64"),
        "timestamp": FileColumn("time", "time"),
        "session_id": FileColumn("session", "int64"),
        "event_type": FileColumn(event_type, "constant"),
    }
    return LogFiles(files, columns, form, name)
