"""What a user did lately, for people who look at a list: read from the events when it is asked for."""

from __future__ import annotations

import datetime as dt

from warehouse.engine.duckdb_engine import DuckDBEngine
from warehouse.layout import Layout

DAYS = 366  # days of events that are looked through, the night's own and those before it
MEMORY_LIMIT = "500MB"
_LATEST = """
SELECT item_id, timestamp FROM read_parquet($files, union_by_name = true, hive_partitioning = false)
WHERE user_id = $user ORDER BY timestamp DESC, item_id LIMIT $n
"""


def latest_events(layout: Layout, run_date: dt.date, user: int | str, n: int) -> list[tuple[int | str, dt.datetime]]:
    """The user's last n events (item, time) up to the night, newest first; [] where no event of theirs is kept."""
    days = [day for day in layout.days("events") if day <= run_date][-DAYS:]
    files = [str(file) for day in days for file in layout.files("events", day)]
    if not files:
        return []
    with DuckDBEngine(MEMORY_LIMIT, threads=1).connect() as con:
        return con.execute(_LATEST, {"files": files, "user": user, "n": n}).fetchall()
