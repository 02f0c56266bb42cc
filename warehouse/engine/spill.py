"""Folders that a running engine spills to: removed when it closes, or, after a crash, by the next process."""

import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


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
    """The name of such a folder, not made yet. Folders of processes that no longer run are removed."""
    home = Path(parent or tempfile.gettempdir()) / f"warehouse-spill-{os.getuid()}"
    home.mkdir(parents=True, exist_ok=True)
    for leftover in home.glob("[0-9]*-*"):
        if not _runs(int(leftover.name.split("-")[0])):
            shutil.rmtree(leftover, ignore_errors=True)
    return home / f"{os.getpid()}-{secrets.token_hex(4)}"


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
