"""Every table's name, columns, types and key, in one place; `Table.schema` makes Arrow's schema of them.

Type "id" is int64 or string, whichever the data has; a table keeps it end to end. Importing this module loads nothing
heavy, for definitions and docs read it too.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa

ID_TYPES = ("int64", "string")
TIME = "timestamp[us, tz=UTC]"
TIME_OF_LOG = "timestamp[ms, tz=UTC]"


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

    @property
    def required(self) -> tuple[str, ...]:
        """The names of the columns that every such table has, in order."""
        return tuple(column.name for column in self.columns if not column.optional)

    def column(self, name: str) -> Column:
        """The column of that name; KeyError if there is none."""
        return {column.name: column for column in self.columns}[name]

    def schema(
        self,
        *,
        user_id: "str | pa.DataType" = "int64",
        item_id: "str | pa.DataType" = "int64",
        optional: Collection[str] = (),
        nullable: bool = True,
    ) -> "pa.Schema":
        """The required columns, and those of the optional ones that are named, as an Arrow schema.

        Args:
            user_id: the type of that column, one of ID_TYPES, as text or as Arrow's own.
            item_id: likewise, of every column of items.
            optional: names of optional columns to take in.
            nullable: what the schema says of every column.
        """
        import pyarrow as pa

        ids = {"user_id": str(user_id), "item_id": str(item_id), "similar_item_id": str(item_id)}
        ids["because_of"] = str(item_id)
        return pa.schema(
            [
                pa.field(column.name, _arrow_type(ids[column.name] if column.type == "id" else column.type), nullable)
                for column in self.columns
                if not column.optional or column.name in optional
            ]
        )


def _arrow_type(name: str) -> "pa.DataType":
    import pyarrow as pa

    times = {TIME: pa.timestamp("us", tz="UTC"), TIME_OF_LOG: pa.timestamp("ms", tz="UTC")}
    return times.get(name) or pa.type_for_alias(name)


USER = Column("user_id", "id", "who")
ITEM = Column("item_id", "id", "what")

IN_TIME = ("timestamp", "sequence", "item_id")  # what a session's events are in order of; `sequence` is optional

EVENTS = Table(
    "events",
    "one user meets one item at one time",
    (
        USER,
        ITEM,
        Column("timestamp", TIME, "when"),
        Column("sequence", "int64", "orders events of one time, where the log says how they came", optional=True),
        Column("session_id", "id", "the log's own session, where it has one", optional=True),
        Column("event_type", "string", "view, cart, purchase, ... where the log says", optional=True),
        Column("dwell", "double", "seconds the user stayed, as the client measured them", optional=True),
    ),
    ("user_id", "timestamp", "sequence", "item_id", "session_id", "event_type"),
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
        Column(
            "sequence", "int64", "orders events of one time; the largest number where none was known", optional=True
        ),
        Column("copy", "int16", "0: the event; 1, 2, ...: a repeat for long dwell (dwell = repeat)", optional=True),
        Column("weight", "float", "what the event counts for in training (dwell = weight)", optional=True),
    ),
    ("user_id", "session_start", "timestamp", "sequence", "item_id", "copy"),
)
SPLITS = Table(
    "splits",
    "one event of a session, with the part it belongs to",
    (
        *(column for column in SESSIONS.columns if column.name != "copy"),
        Column("split", "string", "train, validation or test, by the time the session starts"),
    ),
    ("user_id", "session_start", "timestamp", "sequence", "item_id"),
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
        Column(
            "because_of",
            "id",
            "the event of the context without which the score would fall most; null where none lifts it",
            optional=True,
        ),
    ),
    ("run_date", "user_id", "rank"),
)

STAGED_NIGHT = Table(
    "staged_night",
    "one recommended item of a night that nobody sees yet: what a scorer gives",
    tuple(
        RECOMMENDATIONS.column(name)
        for name in ("user_id", "rank", "item_id", "score", "probability", "model", "context_length", "because_of")
    ),
    ("user_id", "rank"),
)
SIMILAR_ITEMS = Table(
    "similar_items",
    "one item that is like another",
    (
        RECOMMENDATIONS.column("run_date"),
        ITEM,
        Column("rank", "int16", "1..N, no gaps, no similar item twice for one item"),
        Column("similar_item_id", "id", "what is like it, as in events; never the item itself"),
        Column("score", "float", "cosine of the two items' rows in the model's output layer, -1 to 1"),
        *(RECOMMENDATIONS.column(name) for name in ("model_version", "mlflow_run_id", "generated_at")),
    ),
    ("run_date", "item_id", "rank"),
)
STAGED_SIMILAR = Table(
    "staged_similar",
    "one similar item of a night that nobody sees yet: what a scorer gives",
    tuple(SIMILAR_ITEMS.column(name) for name in ("item_id", "rank", "similar_item_id", "score")),
    ("item_id", "rank"),
)
HISTORY = Table(
    "history",
    "one commit of a table of lists",
    (
        Column("version", "int64", "the table's version since this commit"),
        Column("at", TIME_OF_LOG, "when it was written"),
        Column("operation", "string", "Delta Lake's name of it"),
        Column("run_date", "date32[day]", "the night that was published, or the newest one shown since a rollback"),
        Column("rows", "int64", "rows of that night"),
        RECOMMENDATIONS.column("model_version"),
        RECOMMENDATIONS.column("mlflow_run_id"),
        Column("rolled_back_to", "int64", "the version whose content came back"),
        Column("reason", "string", "what the operator said of a rollback"),
        Column("metadata", "string", "what else the commit remembers, as JSON"),
    ),
    ("version",),
)
COMPARISON = Table(
    "comparison",
    "the top k of two nights compared",
    (
        Column("date_a", "date32[day]", "one night"),
        Column("date_b", "date32[day]", "the other night"),
        Column("k", "int32", "items of each list that are compared"),
        Column("users_a", "int64", "users with a list in night a"),
        Column("users_b", "int64", "users with a list in night b"),
        Column("users_both", "int64", "users with a list in both"),
        Column("overlap", "double", "mean share of a user's top k of night a that is in the top k of night b"),
        Column("churn", "double", "mean share of a user's top k of night b that is new"),
        Column("same_first", "double", "share of users of both nights whose first item stayed"),
        Column("items_a", "int64", "distinct items shown to anybody in night a"),
        Column("items_b", "int64", "the same of night b"),
        Column("items_both", "int64", "distinct items shown in both"),
        Column("coverage_a", "double", "items_a over the items table of that night; null without one"),
        Column("coverage_b", "double", "the same of night b"),
        Column("fallback_a", "double", "share of users of night a with popular items only"),
        Column("fallback_b", "double", "the same of night b"),
    ),
    ("date_a", "date_b", "k"),
)

REALISED = Table(
    "realised",
    "what the lists that readers saw on a day were worth to a group of the users who came, looked at to one depth",
    (
        Column("run_date", "date32[day]", "the day whose events score the lists"),
        Column("list_date", "date32[day]", "the night whose lists readers saw on that day"),
        Column("version", "int64", "the table's version in which they stood"),
        Column(
            "lists", "string", "`published`, or as a yardstick `popular`: the popular items, the same for everybody"
        ),
        Column("by", "string", "what the group is made by: all, model_version, kind, context_length"),
        Column("group", "string", "all; the version; model or fallback; 0, 1, 2, 3-5, 6-10, 11+ events"),
        Column("k", "int32", "items of each list that count"),
        Column("users", "int64", "users of the group with an event on the day and a list"),
        Column("came", "int64", "users with an event on the day, with a list or without, of all groups"),
        Column("hit", "double", "share of the users who met an item of their list"),
        Column("hit_low", "double", "lower end of its 95% interval (bootstrap over users)"),
        Column("hit_high", "double", "upper end"),
        Column("recall", "double", "mean share of the distinct items a user met that stood in the list"),
        Column("recall_low", "double", "lower end of its 95% interval"),
        Column("recall_high", "double", "upper end"),
        Column("mrr", "double", "mean of 1 / rank of the first item of the list that the user met, else 0"),
        Column("mrr_low", "double", "lower end of its 95% interval"),
        Column("mrr_high", "double", "upper end"),
        Column(
            "coverage", "double", "distinct items in the group's lists over the items table of that night; else null"
        ),
    ),
    ("run_date", "lists", "by", "group", "k"),
)

POPULARITY = "popularity"  # the `model` of a fallback row

# The tables that lie on disk, a partition a day.
TABLES = {
    table.name: table
    for table in (EVENTS, REJECTED_EVENTS, ITEMS, SESSIONS, SPLITS, RECOMMENDATIONS, SIMILAR_ITEMS, REALISED)
}


def columns_markdown(name: str) -> str:
    """The columns of a table as a Markdown table, for docs and for the asset's page."""
    table = TABLES[name]
    rows = [
        f"| {column.name}{' (optional)' if column.optional else ''} | {_readable(column.type)} | {column.meaning} |"
        for column in table.columns
    ]
    return "\n".join(["| column | type | meaning |", "|---|---|---|", *rows])


def _readable(arrow_type: str) -> str:
    return {"id": "int64 or string", TIME: "timestamp (µs, UTC)", "date32[day]": "date", "float": "float32"}.get(
        arrow_type, arrow_type
    )
