"""What came in on a day: events, rejected rows, and the sessions of the night that they ended up in."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pyarrow.parquet as pq

from warehouse.days import as_day, midnight
from warehouse.engine.protocol import Database, Engine
from warehouse.engine.statements import statement
from warehouse.layout import Layout

_log = logging.getLogger(__name__)
LENGTHS = ((1, "1"), (2, "2"), (3, "3"), (5, "4-5"), (10, "6-10"), (20, "11-20"))  # longest of a class, and its name
LONGEST = "over 20"


@dataclass(frozen=True)
class Arrived:
    """One day's events. late: of an earlier day. reasons: rejected rows by their reason, the most frequent first."""

    day: date
    events: int
    users: int
    items: int
    late: int
    reasons: Mapping[str, int]

    @property
    def rejected(self) -> int:
        """All rejected rows of the day."""
        return sum(self.reasons.values())


@dataclass(frozen=True)
class SessionsKept:
    """A night's sessions. parts: split -> (sessions, events).

    by_length: sessions of each class of LENGTHS; that of one event only where there are any.
    """

    sessions: int
    events: int
    by_length: Mapping[str, int]
    parts: Mapping[str, tuple[int, int]]

    @property
    def mean_length(self) -> float:
        """Events a session."""
        return self.events / self.sessions if self.sessions else 0.0


def arrived(engine: Engine, layout: Layout, day: date | str) -> Arrived | None:
    """What a day's partitions of events and rejected events hold; None where its events were never read."""
    day = as_day(day)
    events, refused = layout.files("events", day), layout.files("rejected_events", day)
    if not events:
        return None
    with engine.open() as db:
        db.view("arrived", events)
        ((events_read, users, items, late),) = db.rows(statement("account_day", first=midnight(day)))
        reasons = _reasons(db, refused)
    return Arrived(day, int(events_read), int(users), int(items), int(late), reasons)


def by_day(layout: Layout, last: date | str, days: int) -> list[tuple[date, int, int]]:
    """(day, events, rejected rows) of the newest `days` days that were read, up to `last`; from the files' footers.

    A day whose files cannot be read is left out, with a warning.
    """
    there = [day for day in layout.days("events") if day <= as_day(last)][-days:]
    counted = []
    for day in there:
        try:
            counted.append((day, _rows(layout, "events", day), _rows(layout, "rejected_events", day)))
        except (ValueError, OSError) as error:
            _log.warning("the events of %s cannot be read and are left out: %s", day, error)
    return counted


def rejected_by_day(engine: Engine, layout: Layout, days: Sequence[tuple[date, int, int]]) -> list[Mapping[str, int]]:
    """The rejected rows of each day of `by_day` by their reason; files of days without any are not opened.

    Those of a day that cannot be read are left out, with a warning.
    """
    found: list[Mapping[str, int]] = []
    for day, _, rows in days:
        try:
            with engine.open() as db:
                found.append(_reasons(db, layout.files("rejected_events", day) if rows else []))
        except ValueError as error:
            _log.warning("the rejected rows of %s cannot be read and are left out: %s", day, error)
            found.append({})
    return found


def sessions_kept(engine: Engine, layout: Layout, night: date | str) -> SessionsKept | None:
    """A night's sessions by length and by part of the split; None where the night has no sessions."""
    sessions, splits = layout.files("sessions", night), layout.files("splits", night)
    if not sessions:
        return None
    with engine.open() as db:
        db.view("sessions", sessions)
        counted = [(int(length), int(number)) for length, number in db.rows(statement("account_lengths"))]
        parts = _parts(db, splits) if splits else {}
    by_length = {name: 0 for _, name in LENGTHS} | {LONGEST: 0}
    for length, number in counted:
        by_length[next((name for longest, name in LENGTHS if length <= longest), LONGEST)] += number
    if not by_length["1"]:  # they are dropped, unless min_session_length is 1
        del by_length["1"]
    total = sum(number for _, number in counted)
    return SessionsKept(total, sum(length * number for length, number in counted), by_length, parts)


def _reasons(db: Database, refused: Sequence[Path]) -> dict[str, int]:
    if not refused:
        return {}
    db.view("refused", refused)
    return {str(reason): int(rows) for reason, rows in db.rows(statement("account_reasons"))}


def _parts(db: Database, splits: Sequence[Path]) -> dict[str, tuple[int, int]]:
    db.view("splits", splits)
    return {str(name): (int(sessions), int(events)) for name, sessions, events in db.rows(statement("account_parts"))}


def _rows(layout: Layout, table: str, day: date) -> int:
    return sum(int(pq.read_metadata(file).num_rows) for file in layout.files(table, day))
