"""The lists of some users: one user's list in the shape that fusion takes, many users' lists as Arrow."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from warehouse.recommendations.errors import RecommendationsError
from warehouse.recommendations.kinds import RECOMMENDED
from warehouse.recommendations.reading.asked import asked_ids
from warehouse.recommendations.reading.lookup import Lookup
from warehouse.recommendations.reading.snapshots import Night, newest, snapshot
from warehouse.recommendations.reading.titles import Titles, items_file
from warehouse.recommendations.table import HasRecommendations, ends_with, entry_mark, open_table, table_path
from warehouse.values import whole

UserId = int | str
BECAUSE = "because_of"


def for_user(
    where: HasRecommendations | str | Path,
    user_id: UserId,
    n: int = 10,
    *,
    run_date: dt.date | None = None,
    items: Path | None = None,
    max_age_days: int | None = None,
    explain: bool = False,
) -> list[dict[str, object]]:
    """A user's best `n` items of a night (the newest by default), best first; [] for a user without a list.

    Each item is `{"item_id", "title", "score", "model"}`, the shape that the OCCF branch gives. The title comes from
    the items table beside the recommendations, or from the parquet file `items`; it is None where it is not known.
    With `explain` each has "because_of" too: `{"item_id", "title"}` of the event without which its score would fall
    most, or None. `RecommendationsError` where the night was made without.
    """
    with Reader(where, items=items, max_age_days=max_age_days) as reader:
        return reader.for_user(user_id, n, run_date=run_date, explain=explain)


def for_users(
    where: HasRecommendations | str | Path,
    user_ids: Sequence[UserId] | pa.Array,
    n: int = 100,
    *,
    run_date: dt.date | None = None,
    max_age_days: int | None = None,
) -> pa.Table:
    """The best `n` items of each of these users as Arrow (all columns), in order of user and rank."""
    with Reader(where, max_age_days=max_age_days) as reader:
        return reader.for_users(user_ids, n, run_date=run_date)


class Reader:
    """A reader to keep open: it looks for a newer night at each call.

    It keeps the night's files open, and their footers and the titles in memory, so one user's list costs the reading of
    one row group.
    """

    def __init__(
        self, where: HasRecommendations | str | Path, *, items: Path | None = None, max_age_days: int | None = None
    ) -> None:
        self.path = table_path(where)
        self.max_age_days = max_age_days
        self._items = items
        self._seen: dt.date | None = None  # the night asked for
        self._night: Night | None = None
        self._lookup: tuple[Any, Lookup] | None = None  # the files it has open, and the further columns
        self._titles = Titles()
        self._open(_today())

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *exc: object) -> None:
        if self._lookup is not None:
            self._lookup[1].close()
            self._lookup = None

    def night(self, run_date: dt.date | None = None) -> Night:
        """The newest night, or the one asked for, as the table shows it now.

        The log is read again when it does not end as it did, and once a day in any case: the night grows older, and
        entries may have been cleaned up.
        """
        today = _today()
        if self._today != today or not ends_with(self.path, self._table.version(), self._mark):
            self._open(today)
        if self._night is None or self._seen != run_date:
            if run_date is None:
                self._night = newest(self._table, self.path, self.max_age_days, today)
            else:
                self._night = snapshot(self._table, self.path, run_date, today)
            self._seen = run_date
        return self._night

    def _open(self, today: dt.date) -> None:
        """Open the table as it is now; the night that was found in it before is forgotten."""
        self._table, self._today = open_table(self.path), today
        self._mark = entry_mark(self.path, self._table.version())
        self._night = None

    def for_user(
        self, user_id: UserId, n: int = 10, *, run_date: dt.date | None = None, explain: bool = False
    ) -> list[dict[str, object]]:
        """As the function `for_user`."""
        found = self.night(run_date)
        [user_id] = _asked(n, [user_id], found)
        if explain and BECAUSE not in found.schema.names:
            raise RecommendationsError(
                f"the night {found.run_date} in {found.path} says of no item why it stands there: set explain = true "
                "in [recommendations] and run a night"
            )
        rows = self._opened(found, (BECAUSE,) if explain else ()).best(user_id, n)
        items = self._items or items_file(self.path, found.run_date)
        wanted = [*(row[0] for row in rows), *(row[3] for row in rows if explain and row[3] is not None)]
        titles = {} if items is None else self._titles.of(items, wanted)
        best: list[dict[str, object]] = [
            {"item_id": item, "title": titles.get(item), "score": score, "model": model}
            for item, score, model, *_ in rows
        ]
        if explain:
            for one, (*_, event) in zip(best, rows, strict=True):
                one[BECAUSE] = None if event is None else {"item_id": event, "title": titles.get(event)}
        return best

    def for_users(
        self, user_ids: Sequence[UserId] | pa.Array, n: int = 100, *, run_date: dt.date | None = None
    ) -> pa.Table:
        """As the function `for_users`."""
        found = self.night(run_date)
        ids = user_ids.to_pylist() if isinstance(user_ids, pa.Array | pa.ChunkedArray) else list(user_ids)
        asked, inside = _asked(n, ids, found), [name for name in found.schema.names if name != "run_date"]
        rows = self._opened(found).many(asked, n, inside)
        dates = pa.repeat(pa.scalar(found.run_date), rows.num_rows)  # stands in the log, not in the files
        return rows.append_column("run_date", dates).select(found.schema.names).cast(found.schema)

    def _opened(self, found: Night, also: tuple[str, ...] = ()) -> Lookup:
        """The night's files, open; opened anew only when they are not those of the last call, or tell less."""
        asked = (found.files, also)
        if self._lookup is None or self._lookup[0] != asked:
            if self._lookup is not None:
                self._lookup[1].close()
            self._lookup = (asked, Lookup(found.files, also=also))
        return self._lookup[1]


def _today() -> dt.date:
    return dt.datetime.now(dt.UTC).date()


def _asked(n: int, user_ids: Sequence[Any], found: Night) -> list[UserId]:
    """The users' ids as the night has them; n must be one that a list can have."""
    whole("n", n, 1, 32_767, error=RecommendationsError)
    return asked_ids(found, RECOMMENDED, user_ids)
