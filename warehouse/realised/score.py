"""The lists that readers saw on a day, scored by the items that users met on it.

A user counts who had an event on the day and a list. What they met is every distinct item of the day's events, seen
before or not: the lists answer for all of it. Beside them stand the popular items, the same for everybody, counted in
the days up to the night of the lists.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from warehouse.days import as_day, first_of_window, midnight
from warehouse.engine.protocol import Database, Engine
from warehouse.engine.statements import ColumnList, statement
from warehouse.layout import Layout
from warehouse.realised.bootstrap import BATCH, Floats, PoissonBootstrap
from warehouse.realised.seen import lists_seen
from warehouse.recommendations.reading.snapshots import Night
from warehouse.recommendations.reading.titles import items_file
from warehouse.tables import POPULARITY, REALISED
from warehouse.values import fields_of, whole

_log = logging.getLogger(__name__)
KS = (5, 10, 20, 100)  # realised_users.sql counts to the same depths
FIGURES = ("hit", "recall", "mrr")
KINDS = ("model_version", "kind", "context_length")  # what groups are made by


@dataclass(frozen=True)
class RealisedConfig:
    """How lists are scored.

    Args:
        window_days: the popular items are counted in so many days, up to the night of the lists.
        replicates: of the bootstrap.
        seed: of the bootstrap.
    """

    window_days: int = 30
    replicates: int = 200
    seed: int = 0

    def __post_init__(self) -> None:
        for name, value in fields_of(self, "window_days", "replicates"):
            whole(name, value, 1)


class _Scored(NamedTuple):
    """What was counted of a day: the users' figures, the items in their lists, and both sizes to divide by."""

    figures: PoissonBootstrap
    shown: dict[tuple[str, str], list[int]]  # of a group: distinct items among the first k, for each of KS
    popular: int
    came: int


def score_day(engine: Engine, layout: Layout, day: date | str, config: RealisedConfig | None = None) -> pa.Table:
    """Score the lists that readers saw on `day`, and write the figures to the table `realised`.

    Returns:
        The rows (columns: `tables.REALISED`): for published lists and popular items, each group and each of KS. Without
        a user who came and had a list there are no rows.

    Raises:
        FileNotFoundError: the events of `day` are missing.
        NoNight: readers saw no list on that day, or it can no longer be read.
    """
    day, config = as_day(day), config or RealisedConfig()
    if not layout.files("events", day):
        place = layout.place("events", day)
        raise FileNotFoundError(f"the events of {day} are missing ({place}): materialise events of that day first")
    night = lists_seen(layout, day)
    with engine.open() as db:
        _define(db, layout, day, night, config)
        scored = _scored(db, config)
    items = items_file(layout.recommendations, night.run_date)
    catalogue = None if items is None else _rows_in(items)
    head = {"run_date": day, "list_date": night.run_date, "version": night.version, "came": scored.came}
    rows = [{**head, **row} for row in _rows(scored, catalogue)]
    table = pa.Table.from_pylist(rows, schema=REALISED.schema())
    with layout.replacing("realised", day) as beside:
        pq.write_table(table, beside)
    return table


def _rows_in(items: Path) -> int | None:
    """Rows of an items file; None, with a warning, where it cannot be read."""
    try:
        return int(pq.read_metadata(items).num_rows)
    except (ValueError, OSError) as error:
        _log.warning("%s cannot be read, so the coverage of the lists is not known: %s", items, error)
        return None


def _define(db: Database, layout: Layout, day: date, night: Night, config: RealisedConfig) -> None:
    """Name the day's events, the lists and the popular items."""
    db.view("arrived", layout.files("events", day))
    db.view("lists", [Path(file) for file in night.files])
    first = first_of_window(night.run_date, config.window_days)
    days = [one for one in layout.days("events") if first <= one <= night.run_date]
    known = [file for one in days for file in layout.files("events", one)]
    db.view("known", known or layout.files("events", day))  # of the day itself no event is early enough
    end = midnight(night.run_date + timedelta(days=1))
    longest = int(db.rows("SELECT max(rank) FROM lists")[0][0])  # a longer list would meet more by its length alone
    db.table("popular", statement("realised_popular", first=midnight(first), end=end, n=min(max(KS), longest)))
    bounds = {"first": midnight(day), "end": midnight(day + timedelta(days=1))}
    db.spool("came", statement("realised_came", **bounds))
    db.spool("scored", statement("realised_users", fallback=POPULARITY))


def _scored(db: Database, config: RealisedConfig) -> _Scored:
    figures = PoissonBootstrap(config.replicates, config.seed)
    for batch in db.reader("SELECT * FROM scored ORDER BY user_id", BATCH):
        figures.add(_figures_of(batch), list(_groups_of(batch)))
    shown: dict[tuple[str, str], list[int]] = {}
    db.table("shown", statement("realised_shown"))
    for by in ("all", *KINDS):
        column = ColumnList(("everybody" if by == "all" else by,))
        shown |= {(by, group): counts for group, *counts in db.rows(statement("realised_coverage", by=column))}
    came = int(db.rows("SELECT count(DISTINCT user_id) FROM came")[0][0])
    return _Scored(figures, shown, int(db.rows("SELECT count(*) FROM popular")[0][0]), came)


def _figures_of(batch: pa.RecordBatch) -> Floats:
    """FIGURES at KS of the published lists, then of the popular items, for each user: [B, 2 · 3 · len(KS)]."""
    items = batch["items"].to_numpy()
    columns = []
    for prefix in ("", "popular_"):
        best = batch[f"{prefix}best"].cast(pa.float64()).fill_null(np.inf).to_numpy()
        for k in KS:
            hits = batch[f"{prefix}hits_{k}"].to_numpy()
            columns += [hits > 0, hits / items, np.where(best <= k, 1 / best, 0.0)]
    return np.column_stack(columns).astype(np.float64)


def _groups_of(batch: pa.RecordBatch) -> Iterator[tuple[tuple[str, str], np.ndarray]]:
    yield ("all", "all"), np.ones(batch.num_rows, dtype=bool)
    for by in KINDS:
        names = np.asarray(batch[by].to_pylist())
        for group in np.unique(names):
            yield (by, str(group)), names == group


def _rows(scored: _Scored, catalogue: int | None) -> Iterator[dict[str, Any]]:
    """The table's rows, in order of its key."""
    for by, group in sorted(scored.figures.groups()):
        value, low, high = (part.reshape(2, len(KS), len(FIGURES)) for part in scored.figures.means((by, group)))
        for number, lists in enumerate(("published", "popular")):
            for place, k in enumerate(KS):
                items = scored.shown[by, group][place] if lists == "published" else min(k, scored.popular)
                row = {"lists": lists, "by": by, "group": group, "k": k, "users": scored.figures.users((by, group))}
                for column, name in enumerate(FIGURES):
                    at = number, place, column
                    row |= {name: value[at], f"{name}_low": low[at], f"{name}_high": high[at]}
                yield {**row, "coverage": items / catalogue if catalogue else None}
