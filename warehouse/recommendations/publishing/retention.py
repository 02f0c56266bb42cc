"""An operator keeps the table small: old nights are dropped, and the files that no reader needs any more."""

from __future__ import annotations

import datetime as dt
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from deltalake import CommitProperties, DeltaTable
from deltalake.exceptions import CommitFailedError

from warehouse.recommendations.errors import RecommendationsError
from warehouse.recommendations.publishing.staging import A_DAY, REJECTED, audit_file, staging_folder
from warehouse.recommendations.publishing.stored import put_stored
from warehouse.recommendations.publishing.sweeping import sweep
from warehouse.recommendations.table import HasRecommendations, nights, open_table, opened_if_there, table_path
from warehouse.values import whole

Result = TypeVar("Result")

PAUSES = (0.1, 0.5, 1.0, 2.0, 4.0)  # seconds before looking at the table again
SAFE_HOURS = 168  # Delta's default: a superseded file stays for readers that began before, and for rollback


@dataclass(frozen=True)
class Retained:
    """The nights that are left, the nights that went, how many superseded files went, and which files were litter."""

    kept: tuple[dt.date, ...]
    dropped: tuple[dt.date, ...]
    vacuumed: int
    swept: tuple[str, ...]


def require_kept(where: HasRecommendations | str | Path, run_date: dt.date, keep_nights: int) -> None:
    """Refuse a night that `retain` would drop as soon as it was published.

    Args:
        where: the table; one that is not there yet keeps any night.
        run_date: the night that is to be made.
        keep_nights: as of `retain`; 0 where no night is dropped.

    Raises:
        RecommendationsError: so many newer nights stand in the table.
    """
    table = opened_if_there(table_path(where))
    kept = nights(table)[-keep_nights:] if table is not None and keep_nights else []
    if len(kept) == keep_nights and kept and run_date < kept[0]:
        raise RecommendationsError(
            f"{run_date} is older than the newest {keep_nights} night(s), which keep_nights keeps (since {kept[0]}): "
            "it would leave the table at once; raise keep_nights, or make no lists of that night"
        )


def retain(where: HasRecommendations | str | Path, keep_nights: int, vacuum_hours: int = SAFE_HOURS) -> Retained:
    """Keep the newest `keep_nights` nights; remove files that no version of the last `vacuum_hours` needs.

    Nights are counted from the newest one, not from today, so a pipeline that stood still for a month loses nothing.
    Below 168 hours, a reader that opened the table earlier may lose its files, and rollback reaches back less far.
    """
    whole("keep_nights", keep_nights, 1, 36_525, error=RecommendationsError)
    whole("vacuum_hours", vacuum_hours, 0, 876_600, error=RecommendationsError)
    path = table_path(where)
    kept, dropped = _again(lambda: _drop(open_table(path), keep_nights), path)
    removed = _again(
        lambda: open_table(path).vacuum(
            vacuum_hours, dry_run=False, enforce_retention_duration=vacuum_hours >= SAFE_HOURS
        ),
        path,
    )
    oldest = kept[0].isoformat() if kept else ""
    for rejected in staging_folder(path).glob(f"{A_DAY}{REJECTED}"):
        if rejected.name < oldest:
            audit_file(rejected).unlink(missing_ok=True)
            shutil.rmtree(rejected)
    swept = tuple(sweep(path))
    put_stored(path)
    return Retained(tuple(kept), tuple(dropped), len(removed), swept)


def _drop(table: DeltaTable, keep_nights: int) -> tuple[list[dt.date], list[dt.date]]:
    """Drop all but the newest nights by one commit; returns the nights that are left, and those that went."""
    there = nights(table)
    kept, dropped = there[-keep_nights:], there[:-keep_nights]
    if dropped:
        note = CommitProperties(
            custom_metadata={"retained_nights": str(len(kept)), "oldest_night": kept[0].isoformat()}
        )
        table.delete(f"run_date < '{kept[0].isoformat()}'", commit_properties=note)
    return kept, dropped


def _again(action: Callable[[], Result], path: Path) -> Result:
    """Do it, again with the table as it then is where another commit (a publication, mostly) came between.

    Raises:
        RecommendationsError: others committed each time.
    """
    for pause in PAUSES:
        try:
            return action()
        except CommitFailedError as error:
            met = error
            time.sleep(pause)
    raise RecommendationsError(
        f"others wrote to {path} each time that old nights were to be dropped: no night was lost; run retain again "
        f"when they are done ({str(met).splitlines()[0]})"
    )
