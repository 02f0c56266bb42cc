"""What operators do with the table: look back, roll back, keep it small, sweep up after killed writers."""

from __future__ import annotations

import datetime as dt
import json
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq
from deltalake import CommitProperties, DeltaTable
from deltalake.exceptions import DeltaError, TableNotFoundError

from warehouse.recommendations.errors import NoNight, RecommendationsError
from warehouse.recommendations.logbook import is_publication, publication
from warehouse.recommendations.publishing.staging import REJECTED, audit_file, clear_dead, staging_folder
from warehouse.recommendations.table import HasRecommendations, local, nights, open_table, table_path

SAFE_HOURS = 168  # Delta's default: a superseded file stays for readers that began before, and for rollback


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
    """Show the table as it stood before its last publication, or at ``to_version``, or when ``to_night`` was last
    published.

    It is one commit that brings old files back, so it takes milliseconds, readers are not disturbed, and it can itself
    be rolled back (``to_version``). It reaches as far back as vacuum has left the files (7 days by default). The log
    remembers ``reason``, for whoever wonders why last night's lists are not shown.
    """
    path = table_path(where)
    table = open_table(path)
    if to_version is not None and to_night is not None:
        raise RecommendationsError("give either a version or a night to roll back to, not both")
    if to_version is None:
        to_version = _version_to_show(table, to_night)
    if not 0 <= to_version <= table.version():
        raise RecommendationsError(f"{path} has versions 0 to {table.version()}, not {to_version}: see its history")
    newest = _newest(_at(path, to_version))
    if newest is None:
        raise RecommendationsError(f"version {to_version} of the table {path} holds no night: nothing was changed")
    if missing := _missing_files(path, to_version):
        raise RecommendationsError(
            f"version {to_version} of the table {path} cannot come back: vacuum has removed {len(missing)} of its "
            f"files (first: {missing[0]}); choose a newer version, or run that night again"
        )
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
    return RolledBack(to_version, DeltaTable(path).version(), newest)


def _newest(table: DeltaTable) -> dt.date | None:
    there = nights(table)
    return there[-1] if there else None


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
    """Find the version to go back to: the last publication of ``night``, or what stood before the one shown now.

    After a rollback to v the table *shows* v; going back once more must go to what was before v, not to the bad night
    again: so the way back follows rollbacks to where they point.
    """
    commits = {commit["version"]: commit for commit in table.history()}
    if night is not None:
        of_night = [v for v, c in commits.items() if is_publication(c) and c["run_date"] == night.isoformat()]
        if not of_night:
            raise NoNight(f"the history of the table has no publication of the night {night}: see its history")
        return max(of_night)
    shown = table.version()
    while shown in commits and not is_publication(commits[shown]):
        shown = int(commits[shown].get("rolled_back_to", shown - 1))
    before = shown - 1
    if before not in commits or not any(is_publication(commits[v]) for v in commits if v <= before):
        raise RecommendationsError("there is no earlier publication to roll back to: see the table's history")
    return before


@dataclass(frozen=True)
class Retained:
    """The nights that are left and those that went, and how many superseded and littered files were removed."""

    kept: tuple[dt.date, ...]
    dropped: tuple[dt.date, ...]
    vacuumed: int
    swept: tuple[str, ...]


def retain(where: HasRecommendations | str | Path, keep_nights: int, vacuum_hours: int = SAFE_HOURS) -> Retained:
    """Keep the newest ``keep_nights`` nights; remove files that no version of the last ``vacuum_hours`` needs.

    Counted in nights, not from today: a pipeline that stood still for a month loses nothing. Below 168 hours a reader
    that opened the table earlier may lose its files, and rollback reaches back less far.
    """
    if keep_nights < 1:
        raise RecommendationsError(f"keep_nights must be at least 1, not {keep_nights}: the table would be emptied")
    if vacuum_hours < 0:
        raise RecommendationsError(f"vacuum_hours must not be negative, {vacuum_hours} is")
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
    for rejected in staging_folder(path).glob(f"*{REJECTED}"):
        if rejected.name < oldest:
            audit_file(rejected).unlink(missing_ok=True)
            shutil.rmtree(rejected)
    return Retained(tuple(kept), tuple(dropped), len(removed), tuple(sweep(path)))


def sweep(where: HasRecommendations | str | Path, own: dt.date | None = None) -> list[str]:
    """Remove what killed writers left: staged files without a living writer, data files that no commit knows, drafts
    of commits. ``own``: the night whose lock the caller holds; its staged file stays.

    Safe beside living writers, by order: candidates are listed, then living writers are looked for (their nights, and
    all drafts of commits, are left alone), then the log is read. A file that was committed in between is in that log;
    a writer that began after the listing has no file on the list.
    """
    path = table_path(where)
    candidates = [file for file in path.rglob("*") if file.is_file() and _may_be_litter(file, path)]
    live, gone = clear_dead(staging_folder(path))
    busy = live - {own.isoformat() if own else ""}
    known = _known_files(path) if candidates else set()
    for file in candidates:
        relative = file.relative_to(path)
        of_busy = relative.parts[0].removeprefix("run_date=") in busy or (relative.parts[0] == "_delta_log" and busy)
        if not of_busy and str(relative) not in known:
            file.unlink(missing_ok=True)
            gone.append(file)
    return sorted(str(file) for file in gone)


def _may_be_litter(file: Path, path: Path) -> bool:
    """Data files, and the log's drafts; never a commit or a checkpoint."""
    folder = file.relative_to(path).parts[0]
    if folder == "_delta_log":
        return file.name.startswith("_commit_") or "#" in file.name
    return folder.startswith("run_date=")


def _known_files(path: Path) -> set[str]:
    """Every data file that the log still tells of, in use or superseded, relative to the table."""
    log = path / "_delta_log"
    names: set[str] = set()
    for entry in log.glob("*.json"):
        for line in entry.read_text(encoding="utf-8").splitlines():
            action = json.loads(line)
            names.update(action[kind]["path"] for kind in ("add", "remove") if kind in action)
    for checkpoint in log.glob("*.checkpoint*.parquet"):
        names.update(_checkpointed(checkpoint))
    return names


def _checkpointed(checkpoint: Path) -> Iterable[str]:
    actions = pq.read_table(checkpoint, columns=["add.path", "remove.path"])
    for kind in ("add", "remove"):
        if kind in actions.column_names:
            yield from (action["path"] for action in actions[kind].to_pylist() if action and action["path"])
