"""What a night's report tells: read from the tables on disk and from MLflow, so that it can be made again any day.

A part that a night did not leave behind is None: a report is made of a failed night too, and says what is missing.
"""

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from pipelines.evaluation.over_nights import Judged, judged_nights, newest_versions
from pipelines.policy.resources import Warehouse
from pipelines.settings.read import current_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mlflow.entities.model_registry import ModelVersion

    from pipelines.tracking.runs import Tracking
    from warehouse.account.arrivals import Arrived, SessionsKept
    from warehouse.account.changes import Catalogue, Drift, Lists
    from warehouse.account.exposure import Tenth
    from warehouse.account.users.drawn import User
    from warehouse.engine.protocol import Engine

METRIC = "recall@20"
DAYS = 30  # of the charts over days and nights
TOP = 10  # items of the lists that are compared and shown


@dataclass(frozen=True)
class Data:
    """What came in.

    by_day: (day, events, rejected rows); of the same days, rejected: the rejected rows by reason, and drifted: the mix
    of items beside that of the day before. missing: a sentence about the window, None for a whole one.
    """

    today: "Arrived | None"
    before: "Arrived | None"
    by_day: list[tuple[date, int, int]]
    rejected: "list[Mapping[str, int]]"
    drifted: list[float | None]
    sessions: "SessionsKept | None"
    missing: str | None
    drift: "Drift | None"
    catalogue: "Catalogue | None"


@dataclass(frozen=True)
class Model:
    """How good the night's model is. rows: the evaluations table. version: the night's newest, None without one."""

    rows: list[dict[str, Any]]
    nights: list[Judged]
    version: "ModelVersion | None"
    page: str

    @property
    def gate(self) -> str:
        """ "promoted" or "refused"; "" where the gate did not speak."""
        return str(self.version.tags.get("gate", "")) if self.version else ""

    @property
    def reason(self) -> str:
        """The gate's own sentences, without the word that says again what it did."""
        said = str(self.version.tags.get("gate_reason", "")) if self.version else ""
        return said.removeprefix("Promoted: ")


@dataclass(frozen=True)
class ListsOfNight:
    """The night's lists beside those of the night before.

    changed: a row of the table `comparison`. unread: why the night before could not be read; None where it was.
    exposure: what readers are shown beside what is met, by popularity.
    """

    now: "Lists"
    before: "Lists | None"
    changed: dict[str, Any] | None
    unread: str | None
    users: "list[User]"
    exposure: "list[Tenth]"


@dataclass(frozen=True)
class Realised:
    """What readers' lists were worth. curve: all users at k = 20, by day; today: all rows of the night's own day."""

    curve: list[dict[str, Any]]
    today: list[dict[str, Any]]


@dataclass(frozen=True)
class Contents:
    """All parts of a night's report."""

    night: date
    data: Data
    model: Model
    lists: ListsOfNight | None
    realised: Realised


def gather(warehouse: Warehouse, tracking: "Tracking", night: date) -> Contents:
    """Read it all.

    Raises:
        FileNotFoundError: the night left nothing to report on.
    """
    from warehouse.engine.opened import Opened

    with warehouse.local_engine().open() as database:
        engine = Opened(database)
        found = Contents(
            night, _data(warehouse, engine, night), _model(warehouse, tracking, night),
            _lists(warehouse, engine, night), _realised(warehouse, night),
        )  # fmt: skip
    if found.data.today is None and found.lists is None and not found.model.rows:
        raise FileNotFoundError(
            f"There is nothing to report on {night}: no events of that day were read, no model was evaluated, and no "
            f"lists stand in the table below {warehouse.root}. `pipelines night --date {night}` runs it."
        )
    return found


def _data(warehouse: Warehouse, engine: "Engine", night: date) -> Data:
    from warehouse.account.arrivals import arrived, by_day, rejected_by_day, sessions_kept
    from warehouse.account.changes import catalogue, drift, drift_by_day
    from warehouse.days import first_of_window
    from warehouse.steps.events.calendar import calendar

    layout = warehouse.layout
    window = current_settings().knobs.sessions.window_days
    days = by_day(layout, night, DAYS)
    earlier = [day for day, *_ in days if day < night]
    return Data(
        today=arrived(engine, layout, night),
        before=arrived(engine, layout, earlier[-1]) if earlier else None,
        by_day=days,
        rejected=rejected_by_day(engine, layout, days),
        drifted=drift_by_day(engine, layout, [day for day, *_ in days]),
        sessions=sessions_kept(engine, layout, night),
        missing=calendar(layout, first_of_window(night, window), night).remarks(),
        drift=drift(engine, layout, night, window),
        catalogue=catalogue(engine, layout, night),
    )


def _model(warehouse: Warehouse, tracking: "Tracking", night: date) -> Model:
    import pyarrow.parquet as pq

    files = warehouse.layout.files("evaluations", night)
    rows = pq.read_table(files, partitioning=None).to_pylist() if files else []
    versions = newest_versions(tracking)
    version = versions.get(night.isoformat())
    nights = judged_nights(warehouse, versions, night, METRIC, DAYS)
    return Model(rows, nights, version, tracking.page(version.run_id) if version else "")


def _lists(warehouse: Warehouse, engine: "Engine", night: date) -> ListsOfNight | None:
    from warehouse.account import changes
    from warehouse.account.exposure import exposure
    from warehouse.account.users.drawn import drawn

    layout = warehouse.layout
    found = changes.published(layout, night)
    if found is None:
        return None
    window = current_settings().knobs.contexts.window_days
    now, users = changes.lists(engine, found), drawn(engine, layout, found, n=TOP, window_days=window)
    shown = exposure(engine, layout, found, window, TOP)
    earlier = changes.night_before(layout, night)
    try:
        past = changes.published(layout, earlier) if earlier else None
        if past is None:
            return ListsOfNight(now, None, None, None, users, shown)
        before, changed = changes.lists(engine, past), changes.compared(layout, night, past.run_date, TOP)
    except ValueError as error:
        unread = f"The lists of {earlier} cannot be read, so nothing is compared with them: {error}"
        return ListsOfNight(now, None, None, unread, users, shown)
    return ListsOfNight(now, before, changed, None, users, shown)


def _realised(warehouse: Warehouse, night: date) -> Realised:
    import pyarrow.parquet as pq

    from warehouse.realised.band import curve

    files = warehouse.layout.files("realised", night)
    today = pq.read_table(files, partitioning=None).to_pylist() if files else []
    return Realised(curve(warehouse.layout, night, DAYS), today)
