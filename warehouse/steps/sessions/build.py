"""events of a window -> sessions: cut, freed of repeats and robots, and filtered until the minima hold.

`session_start` is the time of the session's first event; with the user it names the session. Only events before it
decide on it, so neither a longer history nor a moving window changes it: a session that began before the window is left
out whole rather than cut. Two given sessions of one user that start in the same microsecond have the same name and
become one; the report counts them.
"""

from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple

from warehouse.config import SessionsConfig
from warehouse.days import as_day, first_of_window, midnight
from warehouse.engine.errors import DataError
from warehouse.engine.protocol import Database, Engine
from warehouse.engine.ranges import Users
from warehouse.engine.statements import ColumnList, statement
from warehouse.layout import Layout
from warehouse.steps.clicks.cut import Events, cut_clicks, define_events
from warehouse.steps.events.calendar import Calendar, calendar
from warehouse.steps.sessions.dwell.stays import count_stays, define_stays, rows_by_stay
from warehouse.steps.sessions.filters.fixpoint import drop_until_stable
from warehouse.tables import SESSIONS

LAST = 2**63 - 1  # the sequence of an event that has none


@dataclass(frozen=True)
class SessionsReport:
    """What became of a window's events.

    Args:
        rows: of the table; likewise `sessions`, `items` and `users`.
        events: of the window.
        repeats: events that repeat the item before, or were delivered twice.
        found: sessions before any filter, `robots` among them; `robot_events` are the events of those.
        edge_events: events of sessions that began before the window.
        rounds: that the filters took.
        window: which of its days were delivered, read, missing.
        unnamed: with given sessions, events that name none.
        merged: with given sessions, those that share the start of another one.
        dwell_known: clicks of the table whose stay is known; `dwell_absurd`: clicks whose stay is absurd.
    """

    run_date: date
    first_day: date
    rows: int
    sessions: int
    items: int
    users: int
    events: int
    repeats: int
    found: int
    robots: int
    robot_events: int
    edge_events: int
    rounds: int
    window: Calendar
    unnamed: int = 0
    merged: int = 0
    dwell_known: int = 0
    dwell_absurd: int = 0


class _Seen(NamedTuple):
    """Events of the window, events that name no session, sessions that are named, and clicks of earlier sessions."""

    events: int
    unnamed: int
    named: int | None
    edge: int


class _Found(NamedTuple):
    """Sessions that start in the window, their events, robots among them, and the robots' events."""

    sessions: int
    events: int
    robots: int
    robot_events: int


def build_sessions(
    engine: Engine, layout: Layout, run_date: date | str, config: SessionsConfig | None = None
) -> SessionsReport:
    """Write the `sessions` of the window that ends with `run_date`, sorted by user, session, time, item.

    Raises:
        FileNotFoundError: the events of `run_date` are missing.
        DataError: no session passes the filters, the partitions do not fit together, or a day of the window is missing
            and `missing_days` is "fail". Nothing is changed then.
    """
    config = config or SessionsConfig()
    run_date = as_day(run_date)
    first_day = first_of_window(run_date, config.window_days)
    start = midnight(first_day)
    with_dwell = config.dwell != "off"
    window = calendar(layout, first_day, run_date)
    if config.missing_days == "fail" and (problem := window.problem()):
        raise DataError(f"{problem}: deliver them and read them, or set missing_days to 'warn'")
    with engine.open() as db:
        events = define_events(db, layout, run_date, config, with_dwell=with_dwell)
        names = cut_clicks(db, config, events)
        seen = _count(db, config, start)
        _define_inside(db, start, names)
        found = _find(db, config, events.users)
        rounds = drop_until_stable(db, config.min_session_length, config.min_item_support)
        with layout.replacing("sessions", run_date) as path:
            rows = db.write(_rows(db, config, events), path, _order(config, events)).rows
            if not rows:
                raise DataError(_nothing_left(first_day, run_date, config, seen.events, found.sessions))
            known, absurd = count_stays(db) if with_dwell else (0, 0)
            ((sessions, items, users),) = db.rows(statement("sessions_kept_counts"))
    return SessionsReport(
        run_date, first_day, rows, sessions, items, users,
        events=seen.events,
        repeats=seen.events - seen.unnamed - found.events - seen.edge,
        found=found.sessions, robots=found.robots, robot_events=found.robot_events,
        edge_events=seen.edge, rounds=rounds, window=window,
        unnamed=seen.unnamed, merged=0 if seen.named is None else seen.named - found.sessions,
        dwell_known=known, dwell_absurd=absurd,
    )  # fmt: skip


def _nothing_left(first_day: date, run_date: date, config: SessionsConfig, events: int, sessions: int) -> str:
    return (
        f"no session of {first_day} to {run_date} has {config.min_session_length} events of items with at least "
        f"{config.min_item_support} events ({events:,} events, {sessions:,} sessions before the filters): lower "
        f"min_session_length or min_item_support, or raise window_days"
    )


def _count(db: Database, config: SessionsConfig, start: datetime) -> _Seen:
    """What the views `events` and `clicks` hold."""
    ((events,),) = db.rows(statement("events_count", first=start))
    ((edge,),) = db.rows(statement("sessions_edge", window_start=start))
    if config.sessions == "gap":
        return _Seen(events, 0, None, edge)
    ((unnamed, named),) = db.rows(statement("sessions_unnamed", window_start=start))
    return _Seen(events, unnamed, named, edge)


def _define_inside(db: Database, start: datetime, names: tuple[str, ...]) -> None:
    """Define the view `inside`. An event without a sequence comes last among those of its time that have one."""
    if "sequence" not in names:
        db.define("inside", statement("clicks_inside", window_start=start))
        return
    others = ColumnList(tuple(name for name in names if name != "sequence"))
    db.define("inside", statement("clicks_inside_in_order", window_start=start, columns=others, last=LAST))


def _find(db: Database, config: SessionsConfig, users: tuple[Users, ...]) -> _Found:
    """Spool `found_sessions` from the view `inside`."""
    rate = float(config.max_events_per_minute)
    limits = {"max_length": config.max_session_length, "max_rate": rate, "rate_or_one": rate or 1.0}
    for low, high in users:
        db.spool("found_sessions", statement("sessions_found", low=low, high=high, **limits), more=True)
    return _Found(*map(int, db.rows(statement("sessions_counts"))[0]))


def _order(config: SessionsConfig, events: Events) -> ColumnList:
    """The order of the table's rows: that of its key, as far as the table has it."""
    there = {*SESSIONS.required, *events.columns, *(("copy",) if config.dwell == "repeat" else ())}
    return ColumnList(tuple(name for name in SESSIONS.key if name in there), "NULLS LAST")


def _rows(db: Database, config: SessionsConfig, events: Events) -> list[str]:
    """The statements of the table's rows, one for each range of users; with dwell also the view `stays`."""
    sequence = ("sequence",) if "sequence" in events.columns else ()
    columns = ColumnList((*SESSIONS.required, *sequence))
    if config.dwell == "off":
        return [statement("sessions_plain", low=low, high=high, columns=columns) for low, high in events.users]
    define_stays(db, config, columns)
    return rows_by_stay(config, events.users, columns)
