"""events of a window -> sessions: cut, freed of repeats and robots, and filtered until every promise holds.

`session_start` is the time of the session's first event and, with the user, its name. It is decided by the events
before it alone, so neither a longer history nor a moving window changes it: a session that began before the window is
left out whole rather than cut. Two given sessions of one user that start in the same microsecond have the same name and
become one; the report counts them.
"""

import math
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from warehouse import rawfiles
from warehouse.config import ContextConfig, SessionsConfig
from warehouse.engine import Database, DataError, Engine, Source
from warehouse.layout import Layout, as_day, days_between, replacing
from warehouse.statements import Columns, Value, statement


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


def midnight(day: date) -> datetime:
    """The first moment of a day, UTC."""
    return datetime.combine(day, time(), UTC)


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
    start = midnight(first_day)
    with engine.open() as db:
        missing = define_events(db, layout, run_date, config, with_dwell=config.dwell != "off")
        ((events,),) = db.rows(statement("events_count", first=start))
        stage_clicks(db, config, with_dwell=config.dwell != "off")
        unnamed, named = (
            db.rows(statement("sessions_unnamed", window_start=start))[0] if config.sessions == "given" else (0, None)
        )
        ((edge,),) = db.rows(statement("sessions_edge", window_start=start))
        found, found_events, robots, robot_events = _find(db, config, start)
        rounds = _filter(db, config)
        with replacing(layout.partition("sessions", run_date)) as path:
            rows = db.write(_final_statement(db, config), path)
            if not rows:
                raise DataError(
                    f"no session of {first_day} to {run_date} has {config.min_session_length} events of items with at "
                    f"least {config.min_item_support} events ({events:,} events, {found:,} sessions before the "
                    f"filters): lower min_session_length or min_item_support, or raise window_days"
                )
            known, absurd = db.rows(statement("dwell_counts"))[0] if config.dwell != "off" else (0, 0)
            ((sessions, items, users),) = db.rows(statement("sessions_kept_counts"))
    return SessionsReport(
        run_date=run_date,
        first_day=first_day,
        rows=rows,
        sessions=sessions,
        items=items,
        users=users,
        events=events,
        repeats=events - unnamed - found_events - edge,
        found=found,
        robots=robots,
        robot_events=robot_events,
        edge_events=edge,
        rounds=rounds,
        missing_days=missing,
        unnamed=unnamed,
        merged=0 if named is None else named - found,
        dwell_known=known,
        dwell_absurd=absurd,
    )


def define_events(
    db: Database,
    layout: Layout,
    run_date: date,
    config: SessionsConfig | ContextConfig,
    *,
    with_dwell: bool = False,
) -> tuple[date, ...]:
    """Define the view `events` of a window and enough before it to know which sessions began earlier.

    Returns the days, from the first partition on, that have none. FileNotFoundError if `run_date` has none.
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
    columns = ["user_id", "item_id", "timestamp"]
    if config.sessions == "given":
        if not any("session_id" in schema.names for schema in schemas.values()):
            raise DataError(
                f"sessions is 'given', but the events of {first_day} to {run_date} have no session_id: "
                f"set sessions to 'gap', or name the raw column in session_column"
            )
        columns.append("session_id")
    sources: dict[str, Source | None] = {name: Source(name) for name in columns}
    if with_dwell:
        measured = any("dwell" in schema.names for schema in schemas.values())
        sources["dwell"] = Source("dwell") if measured else None
    db.view("arrived", list(schemas), sources)
    end = midnight(run_date) + timedelta(days=1)
    db.define("events", statement("events_window", columns=Columns(tuple(sources)), first=midnight(lookback), end=end))
    there = set(days)
    return tuple(day for day in days_between(max(first_day, min(there)), run_date) if day not in there)


def stage_clicks(db: Database, config: SessionsConfig | ContextConfig, *, with_dwell: bool = False) -> int:
    """Cut the view `events` into sessions: stages `clicks` (user_id, session_start, item_id, timestamp), unsorted."""
    measured = ("dwell",) if with_dwell else ()
    next_time = ("next_time",) if with_dwell else ()
    values: dict[str, Value] = {
        "event_columns": Columns(("user_id", "item_id", "timestamp", *measured)),
        "event_order": Columns(("timestamp", "item_id", *measured), "NULLS LAST"),
        "click_columns": Columns(("user_id", "session_start", "item_id", "timestamp", *measured, *next_time)),
        "keep_repeats": config.repeats == "keep",
    }
    if config.sessions == "given":
        return db.stage("clicks", statement("sessions_given", **values))
    return db.stage("clicks", statement("sessions_by_gap", gap_microseconds=round(config.gap_minutes * 60e6), **values))


def _find(db: Database, config: SessionsConfig, start: datetime) -> tuple[int, int, int, int]:
    """View `inside` and table `found_sessions`; returns sessions, their events, robots among them, robots' events."""
    rate = float(config.max_events_per_minute)
    db.define("inside", statement("clicks_inside", window_start=start))
    found = statement("sessions_found", max_length=config.max_session_length, max_rate=rate, rate_or_one=rate or 1.0)
    db.table("found_sessions", found)
    ((sessions, events, robots, robot_events),) = db.rows(statement("sessions_counts"))
    return sessions, int(events), robots, int(robot_events)


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


def _final_statement(db: Database, config: SessionsConfig) -> str:
    """The statement of the table's rows; with dwell also the view `judged`."""
    if config.dwell == "off":
        return statement("sessions_plain")
    db.define("judged", statement("dwell_judged", limit_seconds=float(config.dwell_limit_seconds)))
    return statement(
        "sessions_repeated" if config.dwell == "repeat" else "sessions_weighted",
        max_copies=config.dwell_max_copies,
        threshold_seconds=float(config.dwell_threshold_seconds),
    )
