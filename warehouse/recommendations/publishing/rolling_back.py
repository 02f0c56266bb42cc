"""An operator shows the table as it stood before: one commit that brings old files back."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

from deltalake import CommitProperties, DeltaTable
from deltalake.exceptions import DeltaError, TableNotFoundError

from warehouse.days import as_day
from warehouse.recommendations.errors import NoNight, RecommendationsError
from warehouse.recommendations.logbook import is_publication, publication
from warehouse.recommendations.publishing.stored import put_stored
from warehouse.recommendations.table import HasRecommendations, commits, local, nights, open_table, table_path


@dataclass(frozen=True)
class RolledBack:
    """The version whose content the table shows again, the new version that says so, and the newest night in it."""

    to_version: int
    version: int
    newest: dt.date


def rollback(
    where: HasRecommendations | str | Path,
    to_version: int | None = None,
    to_night: dt.date | None = None,
    *,
    reason: str = "",
) -> RolledBack:
    """Show the table as it stood before its last publication.

    It is one commit that brings old files back. So it takes milliseconds, it disturbs no reader, and it can itself be
    rolled back (`to_version`). It reaches as far back as vacuum has left the files (7 days by default).

    Args:
        where: a `Layout`, or the folder of the table.
        to_version: show this version instead.
        to_night: show the table as this night was last published instead.
        reason: what the log says of it, for whoever wonders why last night's lists are not shown.

    Raises:
        RecommendationsError: there is no such version, or its files are gone; the table shows what it showed before.
        NoNight: that night was never published.
    """
    path = table_path(where)
    table = open_table(path)
    if to_version is not None and to_night is not None:
        raise RecommendationsError("give either a version or a night to roll back to, not both")
    if to_version is None:
        to_version = _version_to_show(table, to_night)
    newest = _newest_of(table, path, to_version)
    shown = publication(table, newest, to_version)
    metadata: dict[str, str] = {
        "rolled_back_to": str(to_version), "run_date": newest.isoformat(), "reason": reason,
        **{name: shown[name] for name in ("rows", "model_version", "mlflow_run_id") if name in shown},
    }  # fmt: skip
    try:
        table.restore(to_version, commit_properties=CommitProperties(custom_metadata=metadata))
    except DeltaError as error:
        raise RecommendationsError(
            f"the table {path} could not be rolled back to version {to_version} ({str(error).splitlines()[0]}): "
            "it shows what it showed before; try again when no night is being written"
        ) from error
    put_stored(path)
    return RolledBack(to_version, DeltaTable(path).version(), newest)


def _newest_of(table: DeltaTable, path: Path, version: int) -> dt.date:
    """The newest night of a version; `RecommendationsError` where the version cannot come back."""
    if not 0 <= version <= table.version():
        raise RecommendationsError(f"{path} has versions 0 to {table.version()}, not {version}: see its history")
    if version == table.version():
        raise RecommendationsError(f"{path} shows version {version} as it is: nothing was changed")
    there = nights(_at(path, version))
    if not there:
        raise RecommendationsError(f"version {version} of the table {path} holds no night: nothing was changed")
    if missing := _missing_files(path, version):
        raise RecommendationsError(
            f"version {version} of the table {path} cannot come back: vacuum has removed {len(missing)} of its "
            f"files (first: {missing[0]}); choose a newer version, or run that night again"
        )
    return there[-1]


def _at(path: Path, version: int) -> DeltaTable:
    try:
        return DeltaTable(path, version=version)
    except (DeltaError, TableNotFoundError) as error:
        raise RecommendationsError(
            f"version {version} of the table {path} can no longer be read, its log has been cleaned up: choose a newer "
            "version (see its history), or run that night again"
        ) from error


def _missing_files(path: Path, version: int) -> list[str]:
    return [name for name in local(_at(path, version).file_uris()) if not Path(name).exists()]


def _version_to_show(table: DeltaTable, night: dt.date | None) -> int:
    """The version to go back to: the last publication of `night`, or what stood before the publication shown now.

    After a rollback to v the table shows v. Going back once more must lead to what was before v, not to the bad night
    again, so the search follows each rollback to the version that it points to.
    """
    found = {int(commit["version"]): commit for commit in commits(table)}
    if night is not None:
        of_night = [v for v, c in found.items() if is_publication(c) and c["run_date"] == as_day(night).isoformat()]
        if not of_night:
            raise NoNight(f"the history of the table has no publication of the night {night}: see its history")
        return max(of_night)
    shown = int(table.version())
    while shown in found and not is_publication(found[shown]):
        shown = int(found[shown].get("rolled_back_to", shown - 1))
    before = shown - 1
    if before not in found or not any(is_publication(found[v]) for v in found if v <= before):
        raise RecommendationsError("there is no earlier publication to roll back to: see the table's history")
    return before
