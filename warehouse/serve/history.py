"""What a user did lately, for people who look at a list: read from the events when it is asked for."""

from __future__ import annotations

import datetime as dt

from duckdb import ColumnExpression, ConstantExpression

from warehouse.engine.duckdb_engine import DuckDBEngine
from warehouse.engine.errors import engine_sentences
from warehouse.layout import Layout
from warehouse.tables import IN_TIME

DAYS = 366  # days of events that are looked through, the night's own and those before it
MEMORY_LIMIT = "500MB"


def latest_events(layout: Layout, run_date: dt.date, user: int | str, n: int) -> list[tuple[int | str, dt.datetime]]:
    """The user's last n events (item, time) up to the night, newest first; [] where no event of theirs is kept.

    Those of one time are in the order of sessions: by `sequence`, where the log has it, and by item.

    Raises:
        DataError: a file of events cannot be read.
    """
    days = [day for day in layout.days("events") if day <= run_date][-DAYS:]
    files = [str(file) for day in days for file in layout.files("events", day)]
    if not files:
        return []
    with engine_sentences(), DuckDBEngine(MEMORY_LIMIT, threads=1).connect() as con:
        rows = con.read_parquet(files, union_by_name=True, hive_partitioning=False)
        theirs = rows.filter(ColumnExpression("user_id") == ConstantExpression(user))
        order = [name for name in IN_TIME if name in rows.columns]
        latest = theirs.order(", ".join(f"{name} DESC NULLS FIRST" for name in order)).limit(n)
        return latest.select("item_id", "timestamp").fetchall()
