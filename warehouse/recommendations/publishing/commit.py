"""The commit that shows a night: its audited parts move into the table, and one log entry adds them.

The same entry removes the files that they replace. Notable: nothing is written a second time. Delta Lake's library
writes the entry, but it looks only for conflicts between files, and two first publications of a night have no file in
common. So it is checked here that the night is still as this run found it, and the entry is allowed for exactly the
version that was looked at.
"""

from __future__ import annotations

import datetime as dt
import errno
import json
import os
import shutil
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path

from deltalake import CommitProperties, DeltaTable
from deltalake.exceptions import DeltaError
from deltalake.transaction import AddAction

from warehouse.recommendations.errors import NightBusy
from warehouse.recommendations.logbook import SUMS
from warehouse.recommendations.parts import statistics_json
from warehouse.recommendations.table import night_files, opened_if_there
from warehouse.sums import sum_of
from warehouse.whole_files import to_disk


def found_files(path: Path, run_date: dt.date) -> frozenset[str]:
    """The files of a night as the table shows it now; none when there is no such night, or no table."""
    table = opened_if_there(path)
    return frozenset() if table is None else frozenset(night_files(table, run_date))


def commit(
    path: Path, run_date: dt.date, parts: Sequence[Path], replaces: frozenset[str], remembered: Mapping[str, str]
) -> int:
    """Move the staged parts into the table and show them as the night `run_date`, all at once.

    After an error the table shows what it showed before, and the moved files are litter that `sweep` removes.

    Args:
        path: the table's folder.
        replaces: the files of the night as this run found it.
        remembered: what the log's entry says beside; the sums of the parts come to it.

    Returns:
        The table's version that shows the night.

    Raises:
        NightBusy: the night has other files by now.
        OSError, DeltaError: the disk refuses.
    """
    folder = f"run_date={run_date.isoformat()}"
    names = [f"{folder}/part-{number:05d}-{uuid.uuid4()}.parquet" for number in range(len(parts))]
    adds = [_add(name, run_date, part) for name, part in zip(names, parts, strict=True)]
    sums = {Path(name).name: sum_of(part) for name, part in zip(names, parts, strict=True)}
    _move(parts, [path / name for name in names])
    version = _enter(path, run_date, adds, replaces, {**remembered, SUMS: json.dumps(sums)})
    log = path / "_delta_log"
    for kept in (log / f"{version:020d}.json", log):
        to_disk(kept)
    return version


def _add(name: str, run_date: dt.date, part: Path) -> AddAction:
    """What the log says of a part that will have this name."""
    status = part.stat()
    values, changed = {"run_date": run_date.isoformat()}, status.st_mtime_ns // 1_000_000
    return AddAction(name, status.st_size, values, changed, data_change=True, stats=statistics_json(part))


def _enter(
    path: Path, run_date: dt.date, adds: list[AddAction], replaces: frozenset[str], remembered: Mapping[str, str]
) -> int:
    """Write the log's entry, again until no other commit comes between looking and writing; returns its version."""
    ours = {Path(add.path).name for add in adds}
    while True:
        table = DeltaTable(path)
        if frozenset(night_files(table, run_date)) != replaces:
            raise NightBusy(
                f"another run changed the night {run_date} in {path} while this one was at work: its rows stand, "
                "these were dropped; run the night again if yours should stand"
            )
        try:
            table.create_write_transaction(
                adds, "overwrite", table.schema(), ["run_date"], [("run_date", "=", run_date.isoformat())],
                commit_properties=CommitProperties(dict(remembered), max_commit_retries=0),
            )  # fmt: skip
            break
        except (DeltaError, OSError):
            now = DeltaTable(path)
            if {Path(file).name for file in night_files(now, run_date)} == ours:
                break  # the entry stands; what failed came after it (a checkpoint of the log)
            if now.version() == table.version():
                raise
            # Something else was committed in between, perhaps another night: look again.
    return int(table.version()) + 1


def _move(parts: Sequence[Path], to: Sequence[Path]) -> None:
    """Give the parts their names in the table, flushed to disk. Onto another disk they are copied."""
    folder = to[0].parent
    folder.mkdir(exist_ok=True)
    for part, name in zip(parts, to, strict=True):
        try:
            os.rename(part, name)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            shutil.copyfile(part, name)
            to_disk(name)
    for changed in (folder, folder.parent):
        to_disk(changed)
