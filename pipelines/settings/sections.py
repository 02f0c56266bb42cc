"""Every knob, once: its type, its bounds or choices, its default and what it means.

The launchpad (launchpad.py), the file `default.toml` (default_file.py) and the sentences about a mistake in a shop's
`pipeline.toml` (read.py) are all made from these fields and those of model_sections.py and list_sections.py. The knobs
of a step of `warehouse` are that step's dataclass, field by field; a test compares them.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from pipelines.settings.kinds import (
    AtLeastOne,
    Column,
    Copies,
    Cron,
    Day,
    Days,
    IdType,
    MemorySize,
    Minutes,
    Name,
    NoDays,
    NotNegative,
    Positive,
    RegisteredName,
    Share,
    SparkSettings,
    Threads,
    Webhook,
    Zone,
)


class Section(BaseModel):
    """A section of the settings: its fields are its knobs."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Partitions(Section):
    """The days that there are."""

    first_day: Day = Field(default="2024-01-01", description="first day of data; a night before it cannot run")
    last_day: Day | None = Field(
        default=None,
        description="last day of data, for a finished data set; without it the days go on until yesterday",
        examples=["2024-12-31"],
    )


class Schedule(Section):
    """When nights start by themselves."""

    cron: Cron = Field(default="0 2 * * *", description="when the night starts")
    timezone: Zone = Field(default="UTC", description="the time zone of that hour; days of data are always UTC days")


class Engine(Section):
    """What runs SQL."""

    kind: Literal["duckdb", "spark"] = Field(
        default="duckdb", description='"duckdb": this machine; "spark": many machines that share the data folder'
    )
    memory_limit: MemorySize = Field(
        default="4GB", description="what DuckDB may hold in memory before it spills to disk"
    )
    threads: Threads = Field(default=0, description="threads of DuckDB; 0: as many as there are cores")
    url: str = Field(
        default="", description='for Spark: its master, like "spark://host:7077" or "local-cluster[2,1,2048]"'
    )
    spark: SparkSettings = Field(
        default={}, description='settings of Spark, their names in quotes: "spark.executor.memory" = "4g"'
    )


class Events(Section):
    """Raw events -> events and rejected events."""

    user_column: Name = Field(default="user_id", description="the raw files' column that says who")
    item_column: Name = Field(default="item_id", description="the raw files' column that says what")
    timestamp_column: Name = Field(default="timestamp", description="the raw files' column that says when")
    sequence_column: Column = Field(
        default="sequence",
        description="the raw files' column of whole numbers that orders a user's events of one time, where they have "
        "one; without it their item ids do",
    )
    session_column: Column = Field(default="session_id", description="the raw files' own session, where they have one")
    event_type_column: Column = Field(
        default="event_type", description="view, cart, purchase, ..., where the raw files say"
    )
    dwell_column: Column = Field(default="dwell", description="seconds the user stayed, where the raw files say")
    timestamp_unit: Literal["", "s", "ms", "us", "ns"] = Field(
        default="", description='for a raw time that is a number since 1970: "s", "ms", "us" or "ns"'
    )
    time_zone: Zone = Field(
        default="UTC", description="of raw clocks that name no zone; the folders of raw days are UTC days all the same"
    )
    user_id_type: IdType = Field(default="auto", description='"int64", "string", or "auto": what the files have')
    item_id_type: IdType = Field(default="auto", description='"int64", "string", or "auto": what the files have')
    event_types: list[Name] = Field(default=[], description="keep only events of these types; empty: all")
    floor: Day = Field(default="1990-01-01", description="an event before this day is rejected as unreadable")
    max_id_length: AtLeastOne = Field(default=256, description="a longer id is rejected")
    max_rejected_share: Share = Field(
        default=0.05, description="a day with a larger share of rejected rows stops the night"
    )
    allow_empty_day: bool = Field(
        default=False, description="true: a day without a raw event is written as an empty table"
    )


class Items(Section):
    """The raw catalogue -> items."""

    item_column: Name = Field(default="item_id", description="the raw items' column that names the item")
    title_column: Column = Field(default="title", description="the raw items' column that people read")


class Cut(Section):
    """Where a session ends: knobs of [sessions] that the contexts of the lists follow too."""

    sessions: Literal["gap", "given"] = Field(
        default="gap", description='"gap": a pause ends a session; "given": the raw session column names it'
    )
    gap_minutes: Minutes = Field(default=30.0, description="the pause that ends a session")
    repeats: Literal["drop", "keep"] = Field(
        default="drop",
        description='"drop": an item clicked again straight away counts once; "keep": every click counts',
    )


class Sessions(Cut):
    """Events of a window -> sessions."""

    window_days: Days = Field(default=30, description="days of events that a night learns from, the run date included")
    missing_days: Literal["warn", "fail"] = Field(
        default="warn",
        description='a day of the window that was not delivered, or cannot be read: "warn" names it, "fail" stops',
    )
    min_session_length: AtLeastOne = Field(default=2, description="a shorter session is dropped")
    min_item_support: AtLeastOne = Field(default=5, description="an item with fewer events in the window is dropped")
    max_session_length: NotNegative = Field(
        default=1000, description="a longer session is a robot's and dropped; 0: no limit"
    )
    max_events_per_minute: float = Field(
        default=0.0, ge=0, le=1e9, description="a faster session is a robot's and dropped; 0: no limit"
    )
    dwell: Literal["off", "repeat", "weight"] = Field(
        default="off", description='"repeat" or "weight": an item stayed on for long counts more'
    )
    dwell_threshold_seconds: Positive = Field(default=60.0, description="every full such stay is one more copy")
    dwell_limit_seconds: Positive = Field(default=1800.0, description="a longer stay counts as unknown")
    dwell_max_copies: Copies = Field(default=5, description="at most so many rows of one event")


class Splits(Section):
    """Sessions -> train, validation and test, by time."""

    validation_days: NoDays = Field(
        default=1, description="days before the test days that choose the epoch and fit the temperature"
    )
    test_days: NoDays = Field(default=1, description="last days of the window, that the model is measured on")
    validation_start: Day | None = Field(
        default=None, description="a date instead of a number of days", examples=["2024-12-01"]
    )
    test_start: Day | None = Field(
        default=None, description="a date instead of a number of days", examples=["2024-12-15"]
    )


class MLflow(Section):
    """Where training runs and model versions go."""

    experiment: RegisteredName = Field(default="gru4rec-nightly", description="the experiment all nights are in")
    model: RegisteredName = Field(default="gru4rec", description="the registered model's name")
    system_metrics: bool = Field(default=True, description="true: processor and memory are logged while training")


class Alerts(Section):
    """Who is told when a night fails."""

    url: Webhook = Field(
        default="",
        description='a webhook that gets {"text": the job, the night and the reason} as JSON when a run fails; "" none',
    )
