"""What can be set, one frozen dataclass a step. Every value is checked when the object is made; imports nothing heavy.

A wrong value raises ValueError with a sentence that names the field.
"""

from dataclasses import dataclass
from datetime import date

from warehouse.tables import ID_TYPES
from warehouse.values import TIME_UNITS, a_date, a_share, at_least, fields_of, one_of


@dataclass(frozen=True)
class EventsConfig:
    """raw events -> events + rejected_events.

    The `*_column` fields name the raw files' columns; a `session_id`, `event_type` or `dwell` column may be absent.
    `timestamp_unit` is needed when the raw time is a number: seconds, milliseconds, ... since 1970.
    `user_id_type` and `item_id_type` "auto" keep what the files have (whole numbers: int64, else string).
    """

    user_column: str = "user_id"
    item_column: str = "item_id"
    timestamp_column: str = "timestamp"
    session_column: str = "session_id"
    event_type_column: str = "event_type"
    dwell_column: str = "dwell"
    timestamp_unit: str = ""
    user_id_type: str = "auto"
    item_id_type: str = "auto"
    event_types: tuple[str, ...] = ()
    floor: date = date(1990, 1, 1)
    max_id_length: int = 256
    max_rejected_share: float = 0.05
    allow_empty_day: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "event_types", tuple(self.event_types))
        object.__setattr__(self, "floor", a_date("floor", self.floor))
        one_of("timestamp_unit", self.timestamp_unit, ("", *TIME_UNITS))
        for name, value in fields_of(self, "user_id_type", "item_id_type"):
            one_of(name, value, ("auto", *ID_TYPES))
        at_least("max_id_length", self.max_id_length, 1)
        a_share("max_rejected_share", self.max_rejected_share)
        for name, value in fields_of(self, "user_column", "item_column", "timestamp_column"):
            if not value:
                raise ValueError(f"{name} is empty: it must name a column of the raw files")


@dataclass(frozen=True)
class SessionsConfig:
    """events of a window -> sessions.

    `sessions` "gap": a pause longer than `gap_minutes` ends a session; "given": the log's session_id names it.
    `repeats` "drop": an item clicked again straight away counts once. A session with more than `max_session_length`
    events, or more than `max_events_per_minute`, is a robot's and is dropped (0: no limit). Sessions shorter than
    `min_session_length` and items with fewer than `min_item_support` events go, again and again until both hold.
    `dwell` "repeat" repeats an item for every full `dwell_threshold_seconds` stayed, at most `dwell_max_copies` rows
    in all; "weight" writes the same as a weight instead. A stay longer than `dwell_limit_seconds` counts as unknown.
    """

    window_days: int = 30
    sessions: str = "gap"
    gap_minutes: float = 30.0
    repeats: str = "drop"
    min_session_length: int = 2
    min_item_support: int = 5
    max_session_length: int = 1000
    max_events_per_minute: float = 0.0
    dwell: str = "off"
    dwell_threshold_seconds: float = 60.0
    dwell_limit_seconds: float = 1800.0
    dwell_max_copies: int = 5

    def __post_init__(self) -> None:
        one_of("sessions", self.sessions, ("gap", "given"))
        one_of("repeats", self.repeats, ("drop", "keep"))
        one_of("dwell", self.dwell, ("off", "repeat", "weight"))
        for name, value in fields_of(self, "window_days", "min_session_length", "min_item_support", "dwell_max_copies"):
            at_least(name, value, 1)
        for name, value in fields_of(self, "max_session_length", "max_events_per_minute"):
            at_least(name, value, 0)
        for name, value in fields_of(self, "gap_minutes", "dwell_threshold_seconds", "dwell_limit_seconds"):
            at_least(name, value, 1e-6)


@dataclass(frozen=True)
class SplitsConfig:
    """sessions -> splits, by time: the last `test_days` are test, the `validation_days` before them validation.

    `validation_start` and `test_start` (dates, UTC midnight) take the place of the numbers of days where given.
    """

    validation_days: int = 1
    test_days: int = 1
    validation_start: date | None = None
    test_start: date | None = None

    def __post_init__(self) -> None:
        for name, value in fields_of(self, "validation_days", "test_days"):
            at_least(name, value, 0)
        for name, value in fields_of(self, "validation_start", "test_start"):
            object.__setattr__(self, name, None if value is None else a_date(name, value))
        if self.validation_start and self.test_start and self.validation_start > self.test_start:
            raise ValueError(
                f"validation_start {self.validation_start} is after test_start {self.test_start}: "
                "validation comes before test"
            )


@dataclass(frozen=True)
class ContextConfig:
    """events of a window -> what each user's list is made from.

    `source` "session": the user's last session, open or not; "events": the last events whatever the session.
    At most `max_events` of them, the latest. Every user with an event in the last `window_days` gets a context.
    """

    window_days: int = 30
    source: str = "session"
    max_events: int = 50
    sessions: str = "gap"
    gap_minutes: float = 30.0
    repeats: str = "drop"

    def __post_init__(self) -> None:
        one_of("source", self.source, ("session", "events"))
        one_of("sessions", self.sessions, ("gap", "given"))
        one_of("repeats", self.repeats, ("drop", "keep"))
        for name, value in fields_of(self, "window_days", "max_events"):
            at_least(name, value, 1)
        at_least("gap_minutes", self.gap_minutes, 1e-6)
