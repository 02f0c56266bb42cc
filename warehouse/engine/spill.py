"""Folders that a running engine spills to: removed when it closes, or, after a crash, by the next process."""

import contextlib
import os
import re
import secrets
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from warehouse.engine.errors import DataError

OWN_FOLDER = re.compile(r"([1-9][0-9]{0,9})-[0-9a-f]{8}")  # process and chance
# What DuckDB spills and marks its folder with, what `spool` writes, and a night laid out for the server; Spark's probe.
OWN_FILE = re.compile(
    r"duckdb_temp_.+\.(tmp|block)|duckdb_temp_[0-9]+_[0-9]+_owner|[a-z_]+-[0-9]+\.(parquet|arrow)|seen"
)
OWN_PARTS = re.compile(r"[a-z_]+-[0-9]+|probe")  # folders of parts that Spark spools


@contextmanager
def spill_folder(parent: Path | str | None) -> Iterator[Path]:
    """A folder of this process's own below `parent` (None: the system's temporary folder)."""
    folder = unused_folder(parent)
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def unused_folder(parent: Path | str | None) -> Path:
    """The name of such a folder, not made yet. Folders of processes that no longer run are removed.

    Raises:
        DataError: the place below `parent` is a link, no folder, or another user's. Everybody may write into the
            system's temporary folder, so somebody else may have put it there.
    """
    home = Path(parent or tempfile.gettempdir()) / f"warehouse-spill-{os.getuid()}"
    home.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        home.mkdir(mode=0o700)
    if not _is_own_folder(home):
        raise DataError(f"{home} is no folder of this user's own: remove it, or name another temp_directory")
    home.chmod(0o700)
    for found in home.iterdir():
        named = OWN_FOLDER.fullmatch(found.name)
        if named and _is_own_folder(found) and not _runs(int(named[1])):
            _remove(found)
    return home / f"{os.getpid()}-{secrets.token_hex(4)}"


def _is_own_folder(path: Path) -> bool:
    """Whether it is a folder itself, not a link to one, and this user's."""
    there = path.lstat()
    return stat.S_ISDIR(there.st_mode) and there.st_uid == os.getuid()


def _remove(folder: Path) -> None:
    """Remove what an engine spilled into a folder, and the folder, unless something else lies there, too."""
    for file in folder.iterdir():
        if OWN_FILE.fullmatch(file.name) and not file.is_dir():
            file.unlink(missing_ok=True)
        elif OWN_PARTS.fullmatch(file.name) and _is_own_folder(file):
            shutil.rmtree(file, ignore_errors=True)
    with contextlib.suppress(OSError):  # it is not empty: what is left is not ours
        folder.rmdir()


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
