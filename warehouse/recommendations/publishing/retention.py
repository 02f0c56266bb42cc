"""An operator keeps the table small: old nights are dropped, and the files that no reader needs any more."""

from __future__ import annotations

import datetime as dt
import shutil
from dataclasses import dataclass
from pathlib import Path

from deltalake import CommitProperties, DeltaTable

from warehouse.recommendations.errors import RecommendationsError
from warehouse.recommendations.publishing.staging import A_DAY, REJECTED, audit_file, staging_folder
from warehouse.recommendations.publishing.sweeping import sweep
from warehouse.recommendations.table import HasRecommendations, nights, open_table, table_path
from warehouse.values import whole

SAFE_HOURS = 168  # Delta's default: a superseded file stays for readers that began before, and for rollback


@dataclass(frozen=True)
class Retained:
    """The nights that are left, the nights that went, how many superseded files went, and which files were litter."""

    kept: tuple[dt.date, ...]
    dropped: tuple[dt.date, ...]
    vacuumed: int
    swept: tuple[str, ...]


def retain(where: HasRecommendations | str | Path, keep_nights: int, vacuum_hours: int = SAFE_HOURS) -> Retained:
    """Keep the newest `keep_nights` nights; remove files that no version of the last `vacuum_hours` needs.

    Nights are counted from the newest one, not from today, so a pipeline that stood still for a month loses nothing.
    Below 168 hours, a reader that opened the table earlier may lose its files, and rollback reaches back less far.
    """
    whole("keep_nights", keep_nights, 1, 36_525, error=RecommendationsError)
    whole("vacuum_hours", vacuum_hours, 0, 876_600, error=RecommendationsError)
    path = table_path(where)
    table = open_table(path)
    there = nights(table)
    kept, dropped = there[-keep_nights:], there[:-keep_nights]
    if dropped:
        note = CommitProperties(
            custom_metadata={"retained_nights": str(len(kept)), "oldest_night": kept[0].isoformat()}
        )
        table.delete(f"run_date < '{kept[0].isoformat()}'", commit_properties=note)
    table = DeltaTable(path)
    removed = table.vacuum(vacuum_hours, dry_run=False, enforce_retention_duration=vacuum_hours >= SAFE_HOURS)
    oldest = kept[0].isoformat() if kept else ""
    for rejected in staging_folder(path).glob(f"{A_DAY}{REJECTED}"):
        if rejected.name < oldest:
            audit_file(rejected).unlink(missing_ok=True)
            shutil.rmtree(rejected)
    return Retained(tuple(kept), tuple(dropped), len(removed), tuple(sweep(path)))
