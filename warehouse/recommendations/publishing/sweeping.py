"""What killed writers left is found and removed, beside writers that live."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterable
from pathlib import Path

import pyarrow.parquet as pq

from warehouse.recommendations.publishing.staging import clear_dead, staging_folder
from warehouse.recommendations.table import HasRecommendations, table_path

UUID = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
NIGHT = re.compile(r"run_date=\d{4}-\d\d-\d\d")
# A part as commit() names it, or as Delta's own writer does, whole or while its bytes still come (#1).
PART = re.compile(rf"part-\d{{5}}-{UUID}(?:-c\d{{3}}\.[a-z0-9]+)?\.parquet(?:#\d+)?")
DRAFT = re.compile(
    rf"_commit_{UUID}\.json\.tmp(?:#\d+)?|\d{{20}}(?:\.checkpoint\S*)?\.(?:json|parquet)#\d+|_last_checkpoint#\d+"
)


def sweep(where: HasRecommendations | str | Path, own: dt.date | None = None) -> list[str]:
    """Remove what killed writers left; returns the removed files.

    That is: staged files without a living writer, data files that no commit knows, and drafts of commits.

    Its order makes it safe beside living writers. First the candidates are listed. Then living writers are looked for;
    their nights are left alone, and so are all drafts of commits. Then the log is read. A file that was committed in
    between is in that log, and a writer that began after the listing has no file on the list.

    Args:
        where: a `Layout`, or the folder of the table.
        own: the night whose lock the caller holds; its staged files stay, other litter of it goes.
    """
    path = table_path(where)
    candidates = [file for file in path.rglob("*") if file.is_file() and _may_be_litter(file, path)]
    live, gone = clear_dead(staging_folder(path))
    busy = live - {own.isoformat() if own else ""}
    known = known_files(path) if candidates else set()
    for file in candidates:
        relative = file.relative_to(path)
        of_busy = relative.parts[0].removeprefix("run_date=") in busy or (relative.parts[0] == "_delta_log" and busy)
        if not of_busy and str(relative) not in known:
            file.unlink(missing_ok=True)
            gone.append(file)
    return sorted(str(file) for file in gone)


def _may_be_litter(file: Path, path: Path) -> bool:
    """Data files, and the log's drafts, told by their names; never a commit, a checkpoint, or what is not ours."""
    folder, *below = file.relative_to(path).parts
    if len(below) != 1 or file.is_symlink():
        return False
    if folder == "_delta_log":
        return bool(DRAFT.fullmatch(file.name))
    return bool(NIGHT.fullmatch(folder) and PART.fullmatch(file.name))


def known_files(path: Path) -> set[str]:
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
    with pq.ParquetFile(checkpoint) as file:  # `pq.read_table` would call both columns `path`
        actions = file.read(columns=["add.path", "remove.path"])
    for kind in ("add", "remove"):
        yield from (action["path"] for action in actions[kind].to_pylist() if action)
