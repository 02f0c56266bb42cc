"""A public log put on disk as the pipeline expects raw events: a folder a day, one parquet file a feed in it.

The rows are sorted by time (spilling to disk where they do not fit in memory) and streamed into one file after the
other, so memory does not grow with the log, and the same log gives the same files. Nothing is judged here: a row with a
null id or an unreadable time is written like the others and gets its reason when the events are made. A row without a
believable time has no day of its own: it arrives on the last one.
"""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from warehouse.engine.duckdb_engine import Database, DataError, Engine, disk_sentences
from warehouse.engine.scans import Source
from warehouse.engine.statements import Columns, statement
from warehouse.engine.text_files import TextForm, require
from warehouse.layout import Layout, days_between, midnight, replacing
from warehouse.sources.feed.progress import Progress

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

EARLIEST = date(1990, 1, 1)  # a log's time before this day, or after today, is no day to open a folder for


@dataclass(frozen=True)
class Feed:
    """Some files of one shape and how they are read: `columns` are those of the raw events, `form` None is parquet.

    `through` names a statement that makes the feed from a view `source` of those columns; `names` are its columns then.
    """

    files: tuple[Path, ...]
    columns: Mapping[str, Source]
    form: TextForm | None = None
    name: str = "part"
    through: str = ""
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class ImportReport:
    """What an import wrote. `timeless`: rows without a believable time, put with the last day."""

    events: int
    items: int
    first_day: date | None
    last_day: date | None
    timeless: int = 0
    notes: tuple[str, ...] = field(default=())


def define_feed(db: Database, feed: Feed) -> None:
    """Define the view `feed`; DataError or FileNotFoundError for a file that is missing or lacks a column."""
    _require_columns(feed)
    db.view("source" if feed.through else "feed", list(feed.files), feed.columns, form=feed.form)
    if feed.through:
        db.define("feed", statement(feed.through))


def _require_columns(feed: Feed) -> None:
    if not feed.files:
        raise FileNotFoundError("no file to import was found: check the path")
    needed = tuple(source.column for source in feed.columns.values() if source.read != "constant")
    if feed.form is None:
        from warehouse.engine.raw_files import schema_of

        for path in feed.files:
            if not path.exists():
                raise FileNotFoundError(f"{path} does not exist: check the path")
            names = schema_of(path).names
            missing = [name for name in needed if name not in names]
            if missing:
                raise DataError(f"{path} has no column {', '.join(map(repr, missing))} (it has {', '.join(names)})")
    else:
        shapes = {tuple(require(path, feed.form, needed)): path for path in feed.files}
        if len(shapes) > 1:
            one, other = list(shapes.values())[:2]
            raise DataError(f"{one} and {other} have different columns: import them one by one")


def write_events(
    engine: Engine, layout: Layout, feed: Feed, *, fill: bool = True, progress: bool = False
) -> ImportReport:
    """Write raw/events/<day>/<feed name>.parquet for every day of the log, zero rows for a day between without any.

    `fill` False leaves such days out. A file of that name that stands there is replaced. DataError or FileNotFoundError
    for files that are missing or cannot be read, before a day is written or with the days before intact.
    """
    names = feed.names or tuple(feed.columns)
    order = tuple(name for name in ("user_id", "item_id", "session_id", "event_type", "dwell") if name in names)
    with engine.open() as db, disk_sentences():
        define_feed(db, feed)
        sql = statement(
            "feed_by_day",
            columns=Columns(names),
            order=Columns(order, "NULLS LAST"),
            floor=midnight(EARLIEST),
            ceiling=midnight(datetime.now(UTC).date() + timedelta(days=1)),
        )
        with _DayFiles(layout, feed.name, fill) as files, Progress("events", enabled=progress) as bar:
            with bar.watching(db.progress):
                reader = db.reader(sql)
                batches = iter(reader)
                batch = next(batches, None)
            while batch is not None:
                files.write(batch)
                bar.add(batch.num_rows)
                batch = next(batches, None)
            if files.first is None:
                raise DataError(f"{feed.files[0]} holds no row with a believable time: {_read_as(db)}")
    return ImportReport(files.rows, 0, files.first, files.last, files.timeless)


def _read_as(db: Database) -> str:
    """What the log's times were taken for, and what to look at: a wrong unit shows at a glance."""
    ((first, last),) = db.rows(statement("feed_times"))
    found = "no time in it can be read" if first is None else f"they are read as {first} to {last}"
    return f"{found}; check the column, and timestamp_unit or timestamp_format where a mapping gives them"


class _DayFiles:
    """Writes batches sorted by day, the last column, each day to its own file; one file is open at a time."""

    def __init__(self, layout: Layout, name: str, fill: bool) -> None:
        self._layout, self._name, self._fill = layout, name, fill
        self._stack = ExitStack()
        self._writer: pq.ParquetWriter | None = None
        self.first: date | None = None
        self.last: date | None = None
        self.rows = self.timeless = 0

    def __enter__(self) -> "_DayFiles":
        return self

    def __exit__(self, *error: object) -> None:
        # An error reaches the open file's own exit, which throws the unfinished file away.
        self._stack.__exit__(*error)  # type: ignore[arg-type]

    def write(self, batch: "pa.RecordBatch") -> None:
        """Write one batch; the days of its rows are not before those of the batch before."""
        import pyarrow.compute as pc

        days = batch.column(batch.num_columns - 1)
        rows = batch.select(batch.schema.names[:-1])
        runs = pc.run_end_encode(days)
        start = 0
        for day, end in zip(runs.values.to_pylist(), runs.run_ends.to_pylist(), strict=True):
            if day is None:
                self.timeless += end - start
            elif day != self.last:
                self._turn_to(day, rows.schema)
            if self._writer is not None:
                self._writer.write_batch(rows.slice(start, end - start))
                self.rows += end - start
            start = end

    def _turn_to(self, day: date, schema: "pa.Schema") -> None:
        if self.last is not None and self._fill:
            for between in days_between(self.last + timedelta(days=1), day - timedelta(days=1)):
                self._open(between, schema)
        self._open(day, schema)
        self.first = self.first or day
        self.last = day

    def _open(self, day: date, schema: "pa.Schema") -> None:
        import pyarrow.parquet as pq

        self._stack.close()
        path = self._stack.enter_context(replacing(self._layout.raw_events(day) / f"{self._name}.parquet"))
        self._writer = self._stack.enter_context(pq.ParquetWriter(path, schema, compression="zstd"))


def items_of(engine: Engine, views: Mapping[str, Feed], name: str) -> "pa.Table":
    """The catalogue that statement `name` makes of some views."""
    with engine.open() as db:
        for view, feed in views.items():
            _require_columns(feed)
            db.view(view, list(feed.files), feed.columns, form=feed.form)
        return db.reader(statement(name)).read_all()


def columns_of(engine: Engine, feed: Feed) -> "pa.Table":
    """The rows of a feed as they are, for a catalogue."""
    with engine.open() as db:
        define_feed(db, feed)
        return db.reader(statement("feed_rows")).read_all()


def files_in(path: Path, *patterns: str) -> tuple[Path, ...]:
    """`path` itself if it is a file, else the files in the folder that fit a pattern, by name.

    FileNotFoundError if there is none.
    """
    if path.is_file():
        return (path,)
    found = sorted({file for pattern in patterns for file in path.glob(pattern) if file.is_file()})
    if not found:
        what = "does not exist" if not path.exists() else f"holds no file like {' or '.join(patterns)}"
        raise FileNotFoundError(f"{path} {what}: check the path")
    return tuple(found)


def write_items(layout: Layout, table: "pa.Table") -> int:
    """Write raw/items/items.parquet, sorted by item_id; returns the number of items."""
    import pyarrow.parquet as pq

    with replacing(layout.raw_items / "items.parquet") as path, disk_sentences():
        pq.write_table(table.sort_by("item_id"), path, compression="zstd")
    return len(table)
