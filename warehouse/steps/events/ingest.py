"""raw events of a day -> events + rejected_events.

The day is the day of arrival. A row whose time is earlier is a late event and stays in the partition that it arrived
in. A row whose time is after the day lies in the future of that night and is rejected. No row disappears: each one is
an event, a duplicate, of an unwanted type, or rejected with a reason.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from warehouse.config import EventsConfig
from warehouse.days import as_day, midnight
from warehouse.engine import parquet_files
from warehouse.engine.errors import DataError
from warehouse.engine.opened import Opened
from warehouse.engine.protocol import Database, Engine
from warehouse.engine.statements import ColumnList, Value, statement
from warehouse.layout import Layout
from warehouse.steps.events.checking import define_checked
from warehouse.steps.events.deliveries import look, record
from warehouse.sums import make_ready
from warehouse.tables import EVENTS, REJECTED_EVENTS

if TYPE_CHECKING:
    import pyarrow as pa

# The order of rejected_events.
_AS_FOUND = ColumnList(
    ("reason", "source_file", "user_id", "timestamp", "item_id", "session_id", "event_type"), "NULLS LAST"
)


@dataclass(frozen=True)
class EventsReport:
    """What one day's ingestion found. `raw_rows` = `rows` + `duplicates` + `filtered` + `rejected`."""

    day: date
    files: int
    raw_rows: int
    rows: int
    duplicates: int
    filtered: int
    rejected: int
    rejected_by_reason: Mapping[str, int]
    late: int
    first: datetime | None
    last: datetime | None

    @property
    def rejected_share(self) -> float:
        """Rejected rows over raw rows; 0 for a day without rows."""
        return self.rejected / self.raw_rows if self.raw_rows else 0.0


class TooManyRejected(DataError):
    """A day's rejected share passes its limit: its events stay as they were, and rejected_events shows the rows."""

    def __init__(self, day: date, counts: "_Counts", limit: float) -> None:
        self.share = counts.rejected / counts.raw
        reasons = ", ".join(f"{reason}: {count:,}" for reason, count in list(counts.by_reason.items())[:5])
        super().__init__(
            f"{counts.rejected:,} of {counts.raw:,} raw rows of {day} were rejected ({self.share:.1%}; the limit is "
            f"{limit:.1%}): {reasons}; see rejected_events for the rows; the events of {day} were left as they were"
        )


@dataclass(frozen=True)
class _Counts:
    """What the raw rows of a day are, before anything is written. `good`: no reason against them; of those, `wanted`:
    of the wanted types, duplicates among them."""

    raw: int
    good: int
    wanted: int
    by_reason: Mapping[str, int]

    @property
    def rejected(self) -> int:
        return self.raw - self.good


def ingest_days(
    engine: Engine, layout: Layout, days: Sequence[date | str], config: EventsConfig | None = None
) -> Iterator[EventsReport]:
    """Ingest many days, so many at once as the engine likes; yields their reports in the order of `days`.

    Raises:
        Exception: the first day that fails, as of `ingest_day`. No further day is begun then, and those that were at
            work meanwhile are finished, and told, before.
    """
    if engine.days_at_once == 1:  # in this thread, for a signal ends no other one
        with engine.open() as db:  # which costs a tenth of a day
            yield from (_ingest(Opened(db).open, layout, day, config) for day in days)
        return
    failed: Exception | None = None
    with ThreadPoolExecutor(engine.days_at_once) as pool:
        begun = [pool.submit(ingest_day, engine, layout, day, config) for day in days]
        try:
            for day in begun:
                try:
                    if not day.cancelled():
                        yield day.result()
                except Exception as error:
                    failed = failed or error
                    pool.shutdown(wait=False, cancel_futures=True)
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
    if failed:
        raise failed


def ingest_day(engine: Engine, layout: Layout, day: date | str, config: EventsConfig | None = None) -> EventsReport:
    """Write a day's `events` and `rejected_events`; both replace what stood there, each as a whole.

    Raises:
        TooManyRejected: the rejected share passes `max_rejected_share`. Only `rejected_events` is written then.
        DataError: a raw file cannot be read, a column is missing or of the wrong type, or there are no rows at all
            (unless `allow_empty_day`). Nothing is changed then.
        FileNotFoundError: the raw folder is missing, or empty.
    """
    return _ingest(engine.open, layout, day, config)


def _ingest(
    opened: Callable[[], AbstractContextManager[Database]], layout: Layout, day: date | str, config: EventsConfig | None
) -> EventsReport:
    """Ingest a day in a database that is opened when there is something to read; see `ingest_day`."""
    config = config or EventsConfig()
    day = as_day(day)
    delivery = look(layout, day)
    schemas = _raw_schemas(layout.raw_events(day), config)
    if not schemas:
        return _write_empty(layout, day)
    types: dict[str, Value] = {"all_types": not config.event_types, "event_types": config.event_types}
    with parquet_files.naming_damaged(schemas), opened() as db:
        columns = define_checked(db, schemas, day, config)
        counts = _count(db, types)
        _judge(db, layout, day, counts, config)
        order = ColumnList(tuple(name for name in (*EVENTS.key, "dwell") if name in columns), "NULLS LAST")
        accepted = statement("events_accepted", columns=ColumnList(columns), **types)
        with _both(layout, day) as (events, rejected):
            written = db.write(accepted, events, order)
            refused = db.write(statement("events_rejected"), rejected, _AS_FOUND).rows
            db.view("events", written.files)
            ((late, first, last),) = db.rows(statement("events_written", day_start=midnight(day)))
    record(layout, day, delivery, config.of_rows())
    return EventsReport(
        day=day,
        files=len(schemas),
        raw_rows=counts.raw,
        rows=written.rows,
        duplicates=counts.wanted - written.rows,
        filtered=counts.good - counts.wanted,
        rejected=refused,
        rejected_by_reason=counts.by_reason,
        late=late,
        first=first,
        last=last,
    )


def _judge(db: Database, layout: Layout, day: date, counts: _Counts, config: EventsConfig) -> None:
    """Refuse a day without rows, or with too many rejected ones, before its events are replaced."""
    if not counts.raw and not config.allow_empty_day:
        raise DataError(
            f"the raw files of {day} in {layout.raw_events(day)} hold no rows: deliver the day's events, or set "
            f"allow_empty_day"
        )
    if counts.rejected > config.max_rejected_share * counts.raw:
        with layout.replacing("rejected_events", day) as rejected:
            db.write(statement("events_rejected"), rejected, _AS_FOUND)
        raise TooManyRejected(day, counts, config.max_rejected_share)


def _count(db: Database, types: Mapping[str, Value]) -> _Counts:
    """Count the view `checked`."""
    found = db.rows(statement("events_counts", **types))
    good, wanted = (sum(row[place] for row in found if row[0] is None) for place in (1, 2))
    by_reason = {reason: n for reason, n, _ in found if reason is not None}
    return _Counts(good + sum(by_reason.values()), good, wanted, by_reason)


@contextmanager
def _both(layout: Layout, day: date) -> Iterator[tuple[Path, Path]]:
    """Where to write the day's `events` and `rejected_events`: they take their places when both are written."""
    with layout.replacing("events", day) as events, layout.replacing("rejected_events", day) as rejected:
        yield events, rejected
        for file in events.iterdir() if events.is_dir() else (events,):
            make_ready(file)  # takes long where there are many: whoever ends the step finds both tables new, or neither


def _raw_schemas(folder: Path, config: EventsConfig) -> dict[Path, "pa.Schema"]:
    """The schemas of the day's raw files; empty only when the day may be."""
    if folder.is_dir() and (files := parquet_files.files_of(folder)):
        return {path: parquet_files.schema_of(path) for path in files}
    if config.allow_empty_day:
        return {}
    missing = "holds no *.parquet file" if folder.is_dir() else "does not exist"
    raise FileNotFoundError(
        f"the raw events folder {folder} {missing}: deliver the day's events there, or set allow_empty_day"
    )


def _write_empty(layout: Layout, day: date) -> EventsReport:
    """An empty partition for a day without raw files."""
    import pyarrow.parquet as pq

    with _both(layout, day) as (events, rejected):
        pq.write_table(EVENTS.schema().empty_table(), events)
        pq.write_table(REJECTED_EVENTS.schema().empty_table(), rejected)
    record(layout, day, {})
    return EventsReport(day, 0, 0, 0, 0, 0, 0, {}, 0, None, None)
