"""What can be set, one frozen dataclass a step. Importing this module loads nothing heavy.

Every value is checked when the object is made; a wrong one raises ValueError with a sentence that names the field.
"""

from dataclasses import dataclass
from datetime import date

from warehouse.tables import ID_TYPES
from warehouse.values import TIME_UNITS, a_date, a_share, a_zone, between, distinct_roles, fields_of, one_of, whole

MAX_DAYS = 36_525  # of a window: a hundred years, so that its first day is a date
MAX_GAP = 525_600.0  # minutes: a year, so that few days before a window need to be read
MAX_COPIES = 1000  # of an event: the dwell that repeats it is counted in a 16-bit column


@dataclass(frozen=True)
class EventsConfig:
    """raw events -> events + rejected_events.

    Args:
        user_column: the raw files' name of the column; likewise the other `*_column`. Those of sequence, session,
            event type and dwell may be missing in the files.
        sequence_column: whole numbers that order a user's events of one time; without it their item ids do.
        timestamp_unit: of times that are numbers since 1970: s, ms, us or ns; "" for other times.
        time_zone: of clocks that name no zone, like Europe/Athens; the folders of raw days are UTC days all the same.
        user_id_type: int64, string, or "auto": int64 where the files have whole numbers, else string.
        item_id_type: likewise.
        event_types: those that are kept; all of them where this is empty.
        floor: an event before this day is rejected.
        max_id_length: characters; longer ids are rejected.
        max_rejected_share: of the raw rows; with more, the day is not to be trusted.
        allow_empty_day: write an empty partition for a day without rows.
    """

    user_column: str = "user_id"
    item_column: str = "item_id"
    timestamp_column: str = "timestamp"
    sequence_column: str = "sequence"
    session_column: str = "session_id"
    event_type_column: str = "event_type"
    dwell_column: str = "dwell"
    timestamp_unit: str = ""
    time_zone: str = "UTC"
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
        a_zone("time_zone", self.time_zone)
        for name, value in fields_of(self, "user_id_type", "item_id_type"):
            one_of(name, value, ("auto", *ID_TYPES))
        whole("max_id_length", self.max_id_length, 1)
        a_share("max_rejected_share", self.max_rejected_share)
        for name, value in fields_of(self, "user_column", "item_column", "timestamp_column"):
            if not value:
                raise ValueError(f"{name} is empty: it must name a column of the raw files")
        roles = fields_of(self, *(name for name in vars(self) if name.endswith("_column")))
        distinct_roles({name: str(value) for name, value in roles if value}, "columns of the raw files")

    def of_rows(self) -> dict[str, str | int | list[str]]:
        """The settings that decide what a raw row becomes, by name, as JSON has them: all but a day's two limits."""
        values = {**vars(self), "floor": self.floor.isoformat(), "event_types": sorted(self.event_types)}
        return {name: value for name, value in values.items() if name not in ("max_rejected_share", "allow_empty_day")}


@dataclass(frozen=True)
class SessionsConfig:
    """events of a window -> sessions.

    Args:
        window_days: days of the window, the last one included.
        missing_days: of the window: "warn" goes on without them, "fail" does not.
        sessions: "gap": a pause longer than `gap_minutes` ends a session; "given": the log's session_id names it.
        repeats: "drop": an item that is clicked again straight away counts once; "keep".
        min_session_length: shorter sessions are dropped, in turns with rare items until both minima hold.
        min_item_support: items with fewer events are dropped.
        max_session_length: a session with more events is a robot's and is dropped; 0 for no limit.
        max_events_per_minute: likewise.
        dwell: "repeat": one more row of an item for every full `dwell_threshold_seconds` that the user stayed;
            "weight": the number of those rows as a weight; "off".
        dwell_limit_seconds: a longer stay counts as unknown.
        dwell_max_copies: rows of one click at most, the first included; likewise its weight.
    """

    window_days: int = 30
    missing_days: str = "warn"
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
        one_of("missing_days", self.missing_days, ("warn", "fail"))
        one_of("dwell", self.dwell, ("off", "repeat", "weight"))
        whole("window_days", self.window_days, 1, MAX_DAYS)
        whole("dwell_max_copies", self.dwell_max_copies, 1, MAX_COPIES)
        for name, value in fields_of(self, "min_session_length", "min_item_support"):
            whole(name, value, 1)
        whole("max_session_length", self.max_session_length, 0)
        between("max_events_per_minute", self.max_events_per_minute, 0, 1e9)
        between("gap_minutes", self.gap_minutes, 1e-6, MAX_GAP)
        for name, value in fields_of(self, "dwell_threshold_seconds", "dwell_limit_seconds"):
            between(name, value, 1e-6, 1e9)
        if self.dwell != "off" and self.dwell_limit_seconds < self.dwell_threshold_seconds:
            raise ValueError(
                f"dwell_limit_seconds {self.dwell_limit_seconds:g} is below dwell_threshold_seconds "
                f"{self.dwell_threshold_seconds:g}: no stay would count for more"
            )


@dataclass(frozen=True)
class SplitsConfig:
    """sessions -> splits, by time: the last `test_days` are test, the `validation_days` before them validation.

    Where given, `validation_start` and `test_start` (the first day of each) are used instead of the numbers of days.
    """

    validation_days: int = 1
    test_days: int = 1
    validation_start: date | None = None
    test_start: date | None = None

    def __post_init__(self) -> None:
        for name, value in fields_of(self, "validation_days", "test_days"):
            whole(name, value, 0, MAX_DAYS)
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

    Args:
        window_days: every user with an event in these last days gets a context.
        source: "session": the user's last session, which may still be open; "events": the last events of all sessions.
        max_events: at most so many of them, the latest.
        sessions: as in SessionsConfig, and so are `gap_minutes` and `repeats`.
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
        whole("window_days", self.window_days, 1, MAX_DAYS)
        whole("max_events", self.max_events, 1)
        between("gap_minutes", self.gap_minutes, 1e-6, MAX_GAP)
