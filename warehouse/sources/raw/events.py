"""A log put on disk as raw events: a folder a day, and in it one parquet file an import.

The rows are sorted by time (spilling to disk where they do not fit in memory) and streamed into one file after the
other, so memory does not grow with the log, and the same log gives the same files. No row is refused here: one with a
null id or an unreadable time is written like the others, and the step that makes the events rejects it with a reason.
A row without a believable time has no day of its own and is put with the last day, whose file then has the column
`timestamp_unread` for what could not be read.
"""

from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from warehouse.days import days_between, midnight
from warehouse.engine.errors import DataError, disk_sentences
from warehouse.engine.parquet_files import ID_TYPE, UNREAD_TIME
from warehouse.engine.protocol import LocalDatabase, LocalEngine
from warehouse.engine.statements import ColumnList, statement
from warehouse.layout import Layout
from warehouse.sentences import shown
from warehouse.sources.raw.log import LogFiles, define_log, naming_files
from warehouse.sources.raw.progress import Progress
from warehouse.sources.raw.unit import staged
from warehouse.tables import EVENTS

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

EARLIEST = date(1990, 1, 1)  # no folder is made for a day before this one, or after today


@dataclass(frozen=True)
class ImportReport:
    """What an import wrote. `timeless`: rows without a believable time, put with the last day."""

    events: int
    items: int
    first_day: date | None
    last_day: date | None
    timeless: int = 0


def write_events(
    engine: LocalEngine, layout: Layout, log: LogFiles, *, unit: str, fill: bool = True, progress: bool = False
) -> ImportReport:
    """Write raw/events/<day>/<log.name>-<unit>.parquet for every day from the log's first to its last.

    All files of that name are replaced, on other days too; files of other names stay. The files take their places when
    all of them are written.

    Args:
        unit: what the import is called; see `unit_of`.
        fill: write a file of zero rows for a day between that has no row.
        progress: show a bar.

    Raises:
        FileNotFoundError: a file is missing; nothing is changed.
        DataError: a column is missing, a file cannot be read to its end, or no time is believable; nothing is changed.
    """
    names = log.names or tuple(log.columns)
    order = tuple(name for name in EVENTS.names if name in names and name != "timestamp")
    with ExitStack() as stack:
        db = stack.enter_context(engine.open())
        stack.enter_context(disk_sentences())
        stack.enter_context(naming_files(log))
        text = define_log(db, log)
        sql = statement(
            "log_by_day",
            columns=ColumnList(names),
            order=ColumnList(order, "NULLS LAST"),
            floor=midnight(EARLIEST),
            ceiling=midnight(datetime.now(UTC).date() + timedelta(days=1)),
        )
        folder = stack.enter_context(staged(layout, f"{log.name}-{unit}"))
        with _DayFiles(folder, fill, text) as files, Progress("events", enabled=progress) as bar:
            with bar.watching(db.progress):
                reader = db.reader(sql)
                batches = iter(reader)
                batch = next(batches, None)
            while batch is not None:
                files.write(batch)
                bar.add(batch.num_rows)
                batch = next(batches, None)
            if files.first is None:
                raise DataError(f"{log.files[0]} holds no row with a believable time: {_read_as(db)}")
    return ImportReport(files.rows, 0, files.first, files.last, files.timeless)


def _read_as(db: LocalDatabase) -> str:
    """What the log's times were read as, which shows a wrong unit at a glance, and what to check."""
    ((first, last, unread),) = db.rows(statement("log_times"))
    found = "no time in it can be read" if first is None else f"they are read as {first} to {last}"
    such = f", such as {shown(unread)}" if unread is not None else ""
    return f"{found}{such}; check the column, and timestamp_unit or timestamp_format where a mapping gives them"


class _DayFiles:
    """Writes batches into one file a day. One file is open at a time.

    The batches are sorted by their last column, the day; the one before it is UNREAD_TIME.
    """

    def __init__(self, folder: Path, fill: bool, text: tuple[str, ...]) -> None:
        """Begin; `text`: id columns that should be whole numbers and are not, which their schema then says."""
        self._folder, self._fill, self._text = folder, fill, text
        self._stack = ExitStack()
        self._writer: pq.ParquetWriter | None = None
        self.first: date | None = None
        self.last: date | None = None
        self.rows = self.timeless = 0

    def __enter__(self) -> "_DayFiles":
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.__exit__(*error)  # type: ignore[arg-type]

    def write(self, batch: "pa.RecordBatch") -> None:
        """Write one batch; none of its days is earlier than the last day of the batch before."""
        import pyarrow.compute as pc

        rows = batch.select(batch.schema.names[:-1])
        runs = pc.run_end_encode(batch.column(batch.num_columns - 1))
        start = 0
        for day, end in zip(runs.values.to_pylist(), runs.run_ends.to_pylist(), strict=True):
            part = rows.slice(start, end - start)
            if day is None:
                self.timeless += len(part)
                self._keep_unread(part)
            elif day != self.last:
                self._turn_to(day, rows.schema.remove(len(rows.schema) - 1))
            if self._writer is not None:
                self._writer.write_batch(part.select(self._writer.schema.names))
                self.rows += len(part)
            start = end

    def _keep_unread(self, part: "pa.RecordBatch") -> None:
        """Give the open file, the last one, the column UNREAD_TIME where rows without a day need it."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        unread = part.column(UNREAD_TIME)
        if self._writer is None or UNREAD_TIME in self._writer.schema.names or unread.null_count == len(unread):
            return
        self._stack.close()
        path = self._folder / f"{self.last}.parquet"
        so_far = path.rename(path.with_suffix(".narrow"))
        schema = pq.read_schema(so_far).append(part.schema.field(UNREAD_TIME))
        self._writer = self._stack.enter_context(pq.ParquetWriter(path, schema, compression="zstd"))
        with pq.ParquetFile(so_far) as file:
            for batch in file.iter_batches():
                missing = pa.nulls(len(batch), unread.type)
                self._writer.write_batch(pa.RecordBatch.from_arrays([*batch.columns, missing], schema=schema))
        so_far.unlink()

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
        for place in map(schema.get_field_index, self._text):
            schema = schema.set(place, schema.field(place).with_metadata({ID_TYPE: "int64"}))
        path = self._folder / f"{day}.parquet"
        self._writer = self._stack.enter_context(pq.ParquetWriter(path, schema, compression="zstd"))
