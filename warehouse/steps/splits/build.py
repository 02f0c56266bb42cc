"""sessions -> splits: train, validation and test by time, never at random.

A session belongs to the part in which it starts. Events of a train session at or after the boundary are dropped and
counted: a model fitted at that moment could not have seen them. The same holds between validation and test. The model
that serves is fitted on the sessions table itself, on all of the window.
"""

from dataclasses import dataclass, field
from datetime import date, timedelta

from warehouse.config import SplitsConfig
from warehouse.days import as_day, days_between, midnight, spans
from warehouse.engine import parquet_files
from warehouse.engine.errors import DataError
from warehouse.engine.protocol import Database, Engine, FileColumn, Written
from warehouse.engine.statements import ColumnList, Value, statement
from warehouse.layout import Layout
from warehouse.tables import SPLITS

PARTS = ("train", "validation", "test")


@dataclass(frozen=True)
class Part:
    """The size of one part. `unknown_*`: items that train does not know, and events of them."""

    events: int = 0
    sessions: int = 0
    items: int = 0
    unknown_items: int = 0
    unknown_events: int = 0


@dataclass(frozen=True)
class SplitsReport:
    """What stands in the splits.

    Args:
        validation_start: the first day of validation; likewise `test_start`.
        dropped_events: events cut off at a boundary. Repeats for dwell, which only train keeps, are not among them.
        parts: the size of each of PARTS.
    """

    run_date: date
    rows: int
    validation_start: date
    test_start: date
    dropped_events: int
    parts: dict[str, Part] = field(default_factory=dict)

    @property
    def train(self) -> Part:
        """The part to fit on."""
        return self.parts["train"]

    @property
    def validation(self) -> Part:
        """The part that decides when training stops, and the temperature."""
        return self.parts["validation"]

    @property
    def test(self) -> Part:
        """The part to evaluate on."""
        return self.parts["test"]

    def empty(self) -> str | None:
        """A sentence on parts that have days but no sessions; None where there are none such."""
        ends = {"validation": (self.validation_start, self.test_start), "test": (self.test_start, None)}
        effect = {
            "validation": "the temperature and the epoch have nothing to be chosen by",
            "test": "nothing is measured",
        }
        said = []
        for name, (start, end) in ends.items():
            last = end - timedelta(days=1) if end else self.run_date
            if start <= last and not self.parts[name].sessions:
                said.append(f"no session of {name} ({spans(days_between(start, last))}): {effect[name]}")
        return "; ".join(said) or None


def boundaries(run_date: date, config: SplitsConfig) -> tuple[date, date]:
    """The first day of validation and the first day of test; test ends with `run_date`."""
    test = config.test_start or run_date + timedelta(days=1 - config.test_days)
    validation = config.validation_start or test - timedelta(days=config.validation_days)
    if validation > test:
        raise DataError(f"validation_start {validation} is after test_start {test}: validation comes before test")
    return validation, test


def build_splits(
    engine: Engine, layout: Layout, run_date: date | str, config: SplitsConfig | None = None
) -> SplitsReport:
    """Write the `splits` of a night from its `sessions`: train, validation, test, each in the order of the sessions.

    An empty validation or test part is no error: the report says so, and the evaluation refuses to use it.

    Raises:
        FileNotFoundError: the sessions are missing.
        DataError: nothing is left to train on.
    """
    config = config or SplitsConfig()
    run_date = as_day(run_date)
    sessions = layout.files("sessions", run_date)
    if not sessions:
        missing = layout.place("sessions", run_date)
        raise FileNotFoundError(f"the sessions of {run_date} are missing ({missing}): materialise sessions first")
    validation_start, test_start = boundaries(run_date, config)
    bounds: dict[str, Value] = {"validation_start": midnight(validation_start), "test_start": midnight(test_start)}
    names = parquet_files.schema_of(sessions[0]).names
    columns = tuple(name for name in names if name != "copy")
    order = ColumnList(tuple(name for name in SPLITS.key if name in names), "NULLS LAST")
    with engine.open() as db:
        copy = FileColumn("copy") if "copy" in names else None
        db.view("sessions", sessions, {**{name: FileColumn(name) for name in columns}, "copy": copy})
        with layout.replacing("splits", run_date) as path:
            written = db.write(_parts_of_sessions(columns, bounds), path, order, lies_so=True)
            db.view("splits", written.files)
            parts = _parts(db, written, bounds)
            missing_rows = sum(map(parquet_files.rows_of, sessions)) - written.rows
            dropped = _dropped(db, bounds, missing_rows, has_copies=copy is not None)
            if not parts["train"].sessions:
                raise DataError(
                    f"no session of {run_date}'s window starts before {validation_start}: raise window_days, or lower "
                    f"validation_days and test_days"
                )
    return SplitsReport(run_date, written.rows, validation_start, test_start, dropped, parts)


def _parts_of_sessions(columns: tuple[str, ...], bounds: dict[str, Value]) -> list[str]:
    """A statement each for train, validation and test."""
    edges = (None, bounds["validation_start"], bounds["test_start"], None)
    return [
        statement("splits", columns=ColumnList(columns), part=part, start=start, end=end, with_repeats=part == "train")
        for part, start, end in zip(PARTS, edges[:-1], edges[1:], strict=True)
    ]


def _dropped(db: Database, bounds: dict[str, Value], missing: int, *, has_copies: bool) -> int:
    """Events cut off at a boundary: the rows that are missing, without the repeats that only train keeps."""
    return int(db.rows(statement("splits_dropped", **bounds))[0][0]) if has_copies else missing


def _parts(db: Database, written: Written, bounds: dict[str, Value]) -> dict[str, Part]:
    """The sizes of the parts that the view `splits` of the written files holds."""
    # Range by range: a count of all sessions of a large window at once would need most of the memory.
    counts = [
        db.rows(statement("splits_sessions", low=low, high=high, **bounds))[0] for low, high in db.ranges(written.files)
    ]
    sessions = [sum(map(int, column)) for column in zip(*counts, strict=True)]
    ((*sizes,),) = db.rows(statement("splits_items"))
    events, items = (list(map(int, sizes[at : at + 3])) for at in (0, 3))
    unknown_items, unknown_events = ([0, *map(int, sizes[at : at + 2])] for at in (6, 8))
    columns = zip(PARTS, events, sessions, items, unknown_items, unknown_events, strict=True)
    return {name: Part(*of_part) for name, *of_part in columns}
