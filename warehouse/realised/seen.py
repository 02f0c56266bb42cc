"""Which lists readers saw on a day: the newest night before it, in the table as it stood when the day ended.

Notable: a night that was published late, run again later or rolled back changes what is in the table today, but not
what readers saw. The table's log knows what stood in it at any moment, as far back as it has not been cleaned up. Where
the table was made after the day (nights of older data), nobody saw anything on it, and the table as it stands now takes
that place.
"""

import datetime as dt
from pathlib import Path

from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from warehouse.days import midnight
from warehouse.recommendations.errors import NoNight
from warehouse.recommendations.reading.snapshots import Night, snapshot
from warehouse.recommendations.reading.verification import verified
from warehouse.recommendations.table import (
    HasRecommendations,
    commits,
    night_files,
    nights,
    opened_if_there,
    table_path,
)


def lists_seen(where: HasRecommendations | str | Path, day: dt.date) -> Night:
    """The night whose lists a reader of the newest whole night got on `day` (UTC).

    Raises:
        NoNight: there is no night before `day`, the log no longer tells what stood in the table, or the files that
            readers saw are gone (vacuum removes them) or damaged.
    """
    path = table_path(where)
    now = opened_if_there(path)
    table = None if now is None else _as_of_the_end(now, path, day)
    earlier = [] if table is None else [night for night in nights(table) if night < day]
    if table is None or not earlier:
        raise NoNight(f"no lists were published before {day} in {path}: there is nothing to score on that day")
    gone = (
        f"the lists of {earlier[-1]} that readers saw on {day} are no longer in {path}: vacuum has removed their files"
    )
    if not all(Path(file).exists() for file in night_files(table, earlier[-1])):
        raise NoNight(gone)
    state = verified(table, path, earlier[-1])
    if not state.whole:
        raise NoNight(f"the lists that readers saw on {day} cannot be scored; {state}")
    return snapshot(table, path, earlier[-1], day)


def _as_of_the_end(table: DeltaTable, path: Path, day: dt.date) -> DeltaTable:
    """The table as it stood at the end of `day`; as it stands now, where it was made later."""
    end = midnight(day + dt.timedelta(days=1)).timestamp() * 1000
    versions = [int(commit["version"]) for commit in commits(table) if commit.get("timestamp", 0) < end]
    gone = f"what readers of {path} saw on {day} is no longer known: its log has been cleaned up"
    if not versions:
        if (table.metadata().created_time or end) < end:
            raise NoNight(gone)
        return table
    if max(versions) == table.version():
        return table
    try:
        return DeltaTable(path, version=max(versions))
    except DeltaError as error:
        raise NoNight(gone) from error
