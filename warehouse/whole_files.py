"""Files that appear whole or not at all: written beside, kept through a power cut, then put in place in one step."""

import errno
import fcntl
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside `path`; on success it takes the place of `path` in one step, on error it is removed."""
    with temporary_beside(path) as temporary:
        yield temporary
        put_in_place(temporary, path)


@contextmanager
def temporary_beside(path: Path) -> Iterator[Path]:
    """A temporary path beside `path`, for a file or a folder; what is left there in the end is removed.

    The temporary name starts with a dot, so no reader of the folder sees it. Before anything is written, temporary
    files and folders of this very path are removed: only one writer of a path runs at a time (the orchestrator's
    promise), so what is found there was left by a killed process.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, "a file is to be written where a folder is", str(path))
    named = re.compile(rf"\.{re.escape(path.name)}\.[0-9a-f]{{8}}\.tmp")
    for leftover in path.parent.iterdir():
        if named.fullmatch(leftover.name):
            _remove(leftover)
    temporary = path.parent / f".{path.name}.{secrets.token_hex(4)}.tmp"
    try:
        yield temporary
    finally:
        _remove(temporary)


def put_in_place(written: Path, path: Path) -> None:
    """Let a whole file take the place of `path`, kept through a power cut."""
    to_disk(written)
    os.replace(written, path)
    to_disk(path.parent)


@contextmanager
def folder_lock(folder: Path, *, wait: bool = True) -> Iterator[None]:
    """Keep other processes of this machine out of the same block with the same folder, which is made if need be.

    Raises:
        BlockingIOError: another one is in the block, and this one is not to `wait` for it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(handle)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def to_disk(path: Path) -> None:
    """Ask the disk to keep this file, or the names in this folder, through a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
