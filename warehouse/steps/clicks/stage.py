"""events of a window -> clicks: each event with the start of its session, range by range of users."""

import math
from dataclasses import dataclass
from datetime import date, timedelta

from warehouse.config import ContextConfig, SessionsConfig
from warehouse.engine import raw_files as rawfiles
from warehouse.engine.duckdb_engine import Database, DataError, Source
from warehouse.engine.ranges import Users, user_ranges
from warehouse.engine.statements import Columns, Value, statement
from warehouse.layout import Layout, days_between, midnight


@dataclass(frozen=True)
class Window:
    """What the view `events` holds: its users in ranges, and the days that have no events."""

    users: tuple[Users, ...]
    missing_days: tuple[date, ...]


def define_events(
    db: Database,
    layout: Layout,
    run_date: date,
    config: SessionsConfig | ContextConfig,
    *,
    with_dwell: bool = False,
) -> Window:
    """Define the view `events` of a window and enough before it to know which sessions began earlier.

    Missing days are counted from the first partition on. FileNotFoundError if `run_date` has none.
    """
    path = layout.partition("events", run_date)
    if not path.is_file():
        raise FileNotFoundError(f"the events of {run_date} are missing ({path}): materialise events of that day first")
    first_day = run_date - timedelta(days=config.window_days - 1)
    lookback = first_day - timedelta(days=max(1, math.ceil(config.gap_minutes / 1440)))
    days = [day for day in layout.days("events") if lookback <= day <= run_date]
    schemas = rawfiles.same_id_types(layout.partition("events", day) for day in days)
    if not schemas:
        raise DataError(f"the events of {first_day} to {run_date} hold no rows: raise window_days, or deliver events")
    sources: dict[str, Source | None] = {name: Source(name) for name in ("user_id", "item_id", "timestamp")}
    sources["micros"] = Source("timestamp", "micros")
    if config.sessions == "given":
        if not any("session_id" in schema.names for schema in schemas.values()):
            raise DataError(
                f"sessions is 'given', but the events of {first_day} to {run_date} have no session_id: "
                f"set sessions to 'gap', or name the raw column in session_column"
            )
        sources["session_id"] = Source("session_id")
    if with_dwell:
        measured = any("dwell" in schema.names for schema in schemas.values())
        sources["dwell"] = Source("dwell") if measured else None
    db.view("arrived", list(schemas), sources)
    end = midnight(run_date) + timedelta(days=1)
    db.define("events", statement("events_window", columns=Columns(tuple(sources)), first=midnight(lookback), end=end))
    there = set(days)
    missing = tuple(day for day in days_between(max(first_day, min(there)), run_date) if day not in there)
    return Window(tuple(user_ranges(schemas)), missing)


def stage_clicks(
    db: Database, config: SessionsConfig | ContextConfig, users: tuple[Users, ...], *, with_dwell: bool = False
) -> None:
    """Cut the view `events` into sessions: stages `clicks` (user_id, session_start, item_id, timestamp), unsorted."""
    measured = ("dwell",) if with_dwell else ()
    next_time = ("next_time",) if with_dwell else ()
    names = ("user_id", "session_start", "item_id", "timestamp", *measured, *next_time)
    values: dict[str, Value] = {
        "event_columns": Columns(("user_id", "item_id", "micros", *measured)),
        "event_order": Columns(("micros", "item_id", *measured), "NULLS LAST"),
        "click_columns": Columns(names),
        "keep_repeats": config.repeats == "keep",
    }
    name = "sessions_given" if config.sessions == "given" else "sessions_by_gap"
    if config.sessions == "gap":
        values["gap_microseconds"] = round(config.gap_minutes * 60e6)
    times = {"session_start", "timestamp", "next_time"}
    columns = {name: Source(name, "time", "us") if name in times else Source(name) for name in names}
    for low, high in users:
        db.stage("clicks", statement(name, low=low, high=high, **values), columns, more=True)
