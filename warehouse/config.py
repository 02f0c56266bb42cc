"""What can be set, one frozen dataclass a step. Every value is checked when the object is made; imports nothing heavy.

A wrong value raises ValueError with a sentence that names the field.
"""

from dataclasses import dataclass
from datetime import date


def _at_least(owner: object, low: float, *fields: str) -> None:
    for name in fields:
        value = getattr(owner, name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not value >= low:
            raise ValueError(f"{name} is {value!r}: it must be a number of at least {low}")


def _one_of(owner: object, field: str, allowed: tuple[str, ...]) -> None:
    value = getattr(owner, field)
    if value not in allowed:
        raise ValueError(f"{field} is {value!r}: choose one of {', '.join(map(repr, allowed))}")


def _as_date(owner: object, field: str) -> None:
    value = getattr(owner, field)
    if isinstance(value, str):
        try:
            object.__setattr__(owner, field, date.fromisoformat(value))
        except ValueError:
            raise ValueError(f"{field} is {value!r}: it must be a date like 2026-01-31") from None
    elif value is not None and type(value) is not date:
        raise ValueError(f"{field} is {value!r}: it must be a date like 2026-01-31")


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
        _as_date(self, "floor")
        _one_of(self, "timestamp_unit", ("", "s", "ms", "us", "ns"))
        _one_of(self, "user_id_type", ("auto", "int64", "string"))
        _one_of(self, "item_id_type", ("auto", "int64", "string"))
        _at_least(self, 1, "max_id_length")
        _at_least(self, 0, "max_rejected_share")
        if self.max_rejected_share > 1:
            raise ValueError(f"max_rejected_share is {self.max_rejected_share!r}: it is a share, from 0 to 1")
        for name in ("user_column", "item_column", "timestamp_column"):
            if not getattr(self, name):
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
        _one_of(self, "sessions", ("gap", "given"))
        _one_of(self, "repeats", ("drop", "keep"))
        _one_of(self, "dwell", ("off", "repeat", "weight"))
        _at_least(self, 1, "window_days", "min_session_length", "min_item_support", "dwell_max_copies")
        _at_least(self, 0, "max_session_length", "max_events_per_minute")
        _at_least(self, 1e-6, "gap_minutes", "dwell_threshold_seconds", "dwell_limit_seconds")


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
        _at_least(self, 0, "validation_days", "test_days")
        _as_date(self, "validation_start")
        _as_date(self, "test_start")
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
        _one_of(self, "source", ("session", "events"))
        _one_of(self, "sessions", ("gap", "given"))
        _one_of(self, "repeats", ("drop", "keep"))
        _at_least(self, 1, "window_days", "max_events")
        _at_least(self, 1e-6, "gap_minutes")
