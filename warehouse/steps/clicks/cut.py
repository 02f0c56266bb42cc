"""events of a window -> clicks: each event with the start of its session, one range of users after the other."""

import math
from collections.abc import Collection
from datetime import date, timedelta
from typing import NamedTuple

from warehouse.config import ContextConfig, SessionsConfig
from warehouse.days import first_of_window, midnight
from warehouse.engine import parquet_files
from warehouse.engine.errors import DataError
from warehouse.engine.protocol import Database, FileColumn
from warehouse.engine.ranges import Users
from warehouse.engine.statements import ColumnList, Value, statement
from warehouse.layout import Layout
from warehouse.tables import EVENTS, SESSIONS


class Events(NamedTuple):
    """What the view `events` holds: its users in ranges, and the optional columns that its sessions take over."""

    users: tuple[Users, ...]
    columns: tuple[str, ...]


def define_events(
    db: Database,
    layout: Layout,
    run_date: date,
    config: SessionsConfig | ContextConfig,
    *,
    with_dwell: bool = False,
) -> Events:
    """Define the view `events`: the window, and enough before it to know which sessions began earlier.

    Raises:
        FileNotFoundError: `run_date` has no events.
        DataError: the window has no rows, its partitions have ids of different types, or sessions are "given" and no
            event names one.
    """
    if not layout.files("events", run_date):
        place = layout.place("events", run_date)
        raise FileNotFoundError(f"the events of {run_date} are missing ({place}): materialise events of that day first")
    first_day, lookback = first_of_window(run_date, config.window_days), first_read(run_date, config)
    days = [day for day in layout.days("events") if lookback <= day <= run_date]
    schemas = parquet_files.same_id_types(file for day in days for file in layout.files("events", day))
    if not schemas:
        raise DataError(f"the events of {first_day} to {run_date} hold no rows: raise window_days, or deliver events")
    there = {name for schema in schemas.values() for name in schema.names}
    given = config.sessions == "given"
    if given and "session_id" not in there:
        raise DataError(
            f"sessions is 'given', but the events of {first_day} to {run_date} have no session_id: "
            f"set sessions to 'gap', or name the raw column in session_column"
        )
    columns = _columns(there, given=given, with_dwell=with_dwell)
    db.view("arrived", list(schemas), columns)
    names, end = ColumnList(tuple(columns)), midnight(run_date) + timedelta(days=1)
    db.define("events", statement("events_window", columns=names, first=midnight(lookback), end=end))
    return Events(db.ranges(list(schemas)), tuple(name for name in ("sequence", "dwell") if name in columns))


def first_read(run_date: date, config: SessionsConfig | ContextConfig) -> date:
    """The first day whose events tell which sessions of the window began before it."""
    return first_of_window(run_date, config.window_days) - timedelta(days=max(1, math.ceil(config.gap_minutes / 1440)))


def _columns(there: set[str], *, given: bool, with_dwell: bool) -> dict[str, FileColumn | None]:
    """The columns of the view `events`; `there`: those that some partition has."""
    columns: dict[str, FileColumn | None] = {name: FileColumn(name) for name in EVENTS.required}
    columns["micros"] = FileColumn("timestamp", "micros")
    if "sequence" in there:
        columns["sequence"] = FileColumn("sequence")
    if given:
        columns["session_id"] = FileColumn("session_id")
    if with_dwell:
        columns["dwell"] = FileColumn("dwell") if "dwell" in there else None
    return columns


def cut_clicks(db: Database, config: SessionsConfig | ContextConfig, events: Events) -> tuple[str, ...]:
    """Cut the view `events` into sessions: `clicks` on disk, not sorted. Returns its columns.

    They are those of the table, with dwell also `next_time`. Events that name no session where the log names them make
    none to train on, but they are context: every user with an event gets a list.
    """
    dwell = ("dwell",) if "dwell" in events.columns else ()
    names = (*SESSIONS.required, *events.columns, *(("next_time",) if dwell else ()))
    values: dict[str, Value] = {
        "event_columns": ColumnList(("user_id", "item_id", "micros", *events.columns)),
        "event_order": in_order(events.columns, "micros", "item_id", *dwell),
        "click_columns": ColumnList(names),
        "keep_repeats": config.repeats == "keep",
    }
    if config.sessions == "gap":
        name, values["gap_microseconds"] = "clicks_by_gap", round(config.gap_minutes * 60e6)
    else:
        name, values["keep_unnamed"] = "clicks_given", isinstance(config, ContextConfig)
    times = {"session_start", "timestamp", "next_time"}
    columns = {name: FileColumn(name, "time", "us") if name in times else FileColumn(name) for name in names}
    for low, high in events.users:
        db.spool("clicks", statement(name, low=low, high=high, **values), columns, more=True)
    return names


def in_order(columns: Collection[str], *names: str, suffix: str = "NULLS LAST") -> ColumnList:
    """What clicks are sorted by: columns with the sequence, where there is one, before the item.

    So items of one time come in the order of their ids only where nothing says how they came.
    """
    sequence = ("sequence",) if "sequence" in columns else ()
    place = names.index("item_id")
    return ColumnList((*names[:place], *sequence, *names[place:]), suffix)
