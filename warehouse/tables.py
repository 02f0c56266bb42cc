"""Every table's name, columns, types and key, in one place. Imports nothing heavy: definitions and docs read it too.

Type "id" is int64 or string, whichever the data has; a table keeps it end to end.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Column:
    """One column. `type` is an Arrow type's name, or "id"."""

    name: str
    type: str
    meaning: str
    optional: bool = False


@dataclass(frozen=True)
class Table:
    """One table: what a row is, its columns in order, and the columns that identify a row."""

    name: str
    row: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all columns, optional ones too, in order."""
        return tuple(column.name for column in self.columns)

    def column(self, name: str) -> Column:
        """The column of that name; KeyError if there is none."""
        return {column.name: column for column in self.columns}[name]


TIME = "timestamp[us, tz=UTC]"
USER = Column("user_id", "id", "who")
ITEM = Column("item_id", "id", "what")

EVENTS = Table(
    "events",
    "one user meets one item at one time",
    (
        USER,
        ITEM,
        Column("timestamp", TIME, "when"),
        Column("session_id", "id", "the log's own session, where it has one", optional=True),
        Column("event_type", "string", "view, cart, purchase, ... where the log says", optional=True),
        Column("dwell", "double", "seconds the user stayed, as the client measured them", optional=True),
    ),
    ("user_id", "timestamp", "item_id", "session_id", "event_type"),
)
REJECTED_EVENTS = Table(
    "rejected_events",
    "a raw row that cannot be an event",
    (
        Column("user_id", "string", "as found, as text"),
        Column("item_id", "string", "as found, as text"),
        Column("timestamp", "string", "as found, as text"),
        Column("session_id", "string", "as found, as text"),
        Column("event_type", "string", "as found, as text"),
        Column("reason", "string", "why it was rejected"),
        Column("source_file", "string", "the raw file it came from"),
    ),
    (),
)
ITEMS = Table(
    "items",
    "one item of the catalogue",
    (
        ITEM,
        Column("title", "string", "for people", optional=True),
    ),
    ("item_id",),
)
SESSIONS = Table(
    "sessions",
    "one event in its session",
    (
        USER,
        Column("session_start", TIME, "time of the session's first event: with user_id, names the session"),
        ITEM,
        Column("timestamp", TIME, "when"),
        Column("copy", "int16", "0: the event; 1, 2, ...: a repeat for long dwell (dwell = repeat)", optional=True),
        Column("weight", "float", "what the event counts for in training (dwell = weight)", optional=True),
    ),
    ("user_id", "session_start", "timestamp", "item_id", "copy"),
)
SPLITS = Table(
    "splits",
    "one event of a session, with the part it belongs to",
    (
        *(column for column in SESSIONS.columns if column.name != "copy"),
        Column("split", "string", "train, validation or test, by the time the session starts"),
    ),
    ("user_id", "session_start", "timestamp", "item_id"),
)
RECOMMENDATIONS = Table(
    "recommendations",
    "one recommended item",
    (
        Column("run_date", "date32[day]", "the night: the last day of data it knows; the partition"),
        Column("user_id", "id", "as in events"),
        Column("rank", "int16", "1..N, no gaps, no item twice for one user"),
        Column("item_id", "id", "as in events"),
        Column("score", "float", "the model's raw score (logit)"),
        Column("probability", "float", "softmax over the catalogue at a temperature fitted on validation"),
        Column("model", "string", "`GRU4Rec`; `popularity` on a fallback row"),
        Column("model_version", "int32", "version in the model registry"),
        Column("mlflow_run_id", "string", "the run that trained it"),
        Column("context_length", "int16", "events the list was made from; 0 on fallback"),
        Column("generated_at", TIME, "when the row was made"),
    ),
    ("run_date", "user_id", "rank"),
)

TABLES = {table.name: table for table in (EVENTS, REJECTED_EVENTS, ITEMS, SESSIONS, SPLITS, RECOMMENDATIONS)}


def columns_markdown(name: str) -> str:
    """The columns of a table as a Markdown table, for docs and for the asset's page."""
    table = TABLES[name]
    rows = [
        f"| {column.name}{' (optional)' if column.optional else ''} | {_readable(column.type)} | {column.meaning} |"
        for column in table.columns
    ]
    return "\n".join(["| column | type | meaning |", "|---|---|---|", *rows])


def arrow_schema(name: str, *, user_id: str = "int64", item_id: str = "int64") -> "pa.Schema":
    """A table's required columns as an Arrow schema; `user_id` and `item_id`: "int64" or "string"."""
    import pyarrow as pa

    ids = {"user_id": user_id, "item_id": item_id}
    types = {TIME: pa.timestamp("us", tz="UTC"), "float": pa.float32(), "double": pa.float64()}
    return pa.schema(
        [
            (column.name, types.get(column.type) or pa.type_for_alias(ids.get(column.name, column.type)))
            for column in TABLES[name].columns
            if not column.optional
        ]
    )


def _readable(arrow_type: str) -> str:
    return {"id": "int64 or string", TIME: "timestamp (µs, UTC)", "date32[day]": "date", "float": "float32"}.get(
        arrow_type, arrow_type
    )
