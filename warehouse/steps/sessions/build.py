"""events of a window -> sessions: cut, freed of repeats and robots, and filtered until every promise holds.

`session_start` is the time of the session's first event and, with the user, its name. It is decided by the events
before it alone, so neither a longer history nor a moving window changes it: a session that began before the window is
left out whole rather than cut. Two given sessions of one user that start in the same microsecond have the same name and
become one; the report counts them.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple

from warehouse.config import SessionsConfig
from warehouse.engine.duckdb_engine import Database, DataError, Engine
from warehouse.engine.ranges import Users
from warehouse.engine.statements import statement
from warehouse.layout import Layout, as_day, midnight, replacing
from warehouse.steps.clicks.stage import define_events, stage_clicks


@dataclass(frozen=True)
class SessionsReport:
    """What became of a window's events.

    `rows`, `sessions`, `items`, `users` stand in the table. `found`: sessions before any filter, of them `robots`
    dropped (`robot_events`). `repeats`: events that were repeats of the item before, or delivered twice. `edge_events`
    belong to sessions that began before the window. `rounds` of the support filters. With given sessions: events that
    name none (`unnamed`), and sessions that share another's start (`merged`). `dwell_known`, `dwell_absurd`: clicks.
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
    missing_days: tuple[date, ...]
    unnamed: int = 0
    merged: int = 0
    dwell_known: int = 0
    dwell_absurd: int = 0


class _Seen(NamedTuple):
    """Events of the window, those of them that name no session, sessions that are named, clicks of earlier sessions."""

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

    FileNotFoundError if the events of `run_date` are not there; DataError (a ValueError) if no session passes the
    filters or the partitions do not fit together. Nothing is changed then.
    """
    config = config or SessionsConfig()
    run_date = as_day(run_date)
    first_day = run_date - timedelta(days=config.window_days - 1)
    with_dwell = config.dwell != "off"
    with engine.open() as db:
        window = define_events(db, layout, run_date, config, with_dwell=with_dwell)
        stage_clicks(db, config, window.users, with_dwell=with_dwell)
        seen = _count(db, config, midnight(first_day))
        found = _find(db, config, midnight(first_day), window.users)
        rounds = _filter(db, config)
        with replacing(layout.partition("sessions", run_date)) as path:
            rows = db.write_parts(_final_statements(db, config, window.users), path)
            if not rows:
                raise DataError(
                    f"no session of {first_day} to {run_date} has {config.min_session_length} events of items with at "
                    f"least {config.min_item_support} events ({seen.events:,} events, {found.sessions:,} sessions "
                    f"before the filters): lower min_session_length or min_item_support, or raise window_days"
                )
            known, absurd = db.rows(statement("dwell_counts"))[0] if with_dwell else (0, 0)
            ((sessions, items, users),) = db.rows(statement("sessions_kept_counts"))
    return SessionsReport(
        run_date,
        first_day,
        rows,
        sessions,
        items,
        users,
        events=seen.events,
        repeats=seen.events - seen.unnamed - found.events - seen.edge,
        found=found.sessions,
        robots=found.robots,
        robot_events=found.robot_events,
        edge_events=seen.edge,
        rounds=rounds,
        missing_days=window.missing_days,
        unnamed=seen.unnamed,
        merged=0 if seen.named is None else seen.named - found.sessions,
        dwell_known=known,
        dwell_absurd=absurd,
    )


def _count(db: Database, config: SessionsConfig, start: datetime) -> _Seen:
    """What the views `events` and `clicks` hold."""
    ((events,),) = db.rows(statement("events_count", first=start))
    ((edge,),) = db.rows(statement("sessions_edge", window_start=start))
    if config.sessions == "gap":
        return _Seen(events, 0, None, edge)
    ((unnamed, named),) = db.rows(statement("sessions_unnamed", window_start=start))
    return _Seen(events, unnamed, named, edge)


def _find(db: Database, config: SessionsConfig, start: datetime, users: tuple[Users, ...]) -> _Found:
    """Define the view `inside` and stage `found_sessions`."""
    rate = float(config.max_events_per_minute)
    db.define("inside", statement("clicks_inside", window_start=start))
    limits = {"max_length": config.max_session_length, "max_rate": rate, "rate_or_one": rate or 1.0}
    for low, high in users:
        db.stage("found_sessions", statement("sessions_found", low=low, high=high, **limits), more=True)
    return _Found(*map(int, db.rows(statement("sessions_counts"))[0]))


def _filter(db: Database, config: SessionsConfig) -> int:
    """Drop sessions and items until both minima hold; returns the rounds it took.

    Tables `dropped_sessions` and `dropped_items` grow, and `counted_items` shrinks, by what the last round dropped
    alone: few keys, where keeping all kept keys, or writing the clicks anew, needs several times the memory and time.
    """
    db.table("dropped_sessions", statement("sessions_dropped", min_length=config.min_session_length))
    db.table("counted_items", statement("items_counted"))
    dropped = db.table("dropped_items", statement("items_dropped", min_support=config.min_item_support))
    rounds = 1
    while dropped and db.table("falling_sessions", statement("sessions_falling", min_length=config.min_session_length)):
        db.table("counted_items", statement("items_recounted"))
        db.table("dropped_sessions", statement("sessions_dropped_by_now"))
        before = dropped
        dropped = db.table("dropped_items", statement("items_dropped", min_support=config.min_item_support))
        rounds += 1
        if dropped == before:
            break
    return rounds


def _final_statements(db: Database, config: SessionsConfig, users: tuple[Users, ...]) -> list[str]:
    """The statements of the table's rows, one a range of users; with dwell also the view `judged`."""
    if config.dwell == "off":
        return [statement("sessions_plain", low=low, high=high) for low, high in users]
    db.define("judged", statement("dwell_judged", limit_seconds=float(config.dwell_limit_seconds)))
    name = "sessions_repeated" if config.dwell == "repeat" else "sessions_weighted"
    copies = {"max_copies": config.dwell_max_copies, "threshold_seconds": float(config.dwell_threshold_seconds)}
    return [statement(name, low=low, high=high, **copies) for low, high in users]
