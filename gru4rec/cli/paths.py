"""Where the shell's commands write: tried before any work, so that nobody waits for what cannot be kept."""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gru4rec.data.text_files import SUFFIXES


@contextmanager
def own_folder(folder: Path, flag: str) -> Iterator[None]:
    """Make the folder, write into it and keep it from others; what was made and is empty in the end is taken away.

    ValueError says why it cannot be written, or that another run has it.
    """
    file = next((part for part in (folder, *folder.parents) if part.exists() and not part.is_dir()), None)
    if file is not None:
        raise ValueError(f"{flag} {folder} cannot be a folder: {file} is a file; give another one")
    made: list[Path] = []
    try:
        for part in reversed((folder, *folder.parents)):
            if not part.exists():
                part.mkdir()
                made.append(part)
        _write_into(folder)
        handle = os.open(folder, os.O_RDONLY)
    except OSError as error:
        _take_away(made)
        raise ValueError(f"{flag} {folder} cannot be written ({error.strerror}); give another folder") from error
    try:
        _lock(handle, f"{flag} {folder}")
        yield
    finally:
        _take_away(made)
        os.close(handle)


def check_file(path: Path, flag: str) -> None:
    """Look whether a file can be written at `path`, whose folder must be there; ValueError says why it cannot be."""
    if path.is_dir():
        raise ValueError(f"{flag} {path} is a folder; give a file, such as {path / 'out.parquet'}")
    if path.exists() and not path.is_file():
        raise ValueError(f"{flag} {path} is no ordinary file; give another name")
    if not path.parent.is_dir():
        raise ValueError(f"{flag} {path}: there is no folder {path.parent} to write into; make it first")
    try:
        _write_into(path.parent)
    except OSError as error:
        raise ValueError(f"{flag} {path} cannot be written ({error.strerror}); give another folder") from error


def check_new_file(path: Path, flag: str) -> None:
    """As check_file, of parquet by its name too, and nothing may lie at `path` yet: it may be somebody's work."""
    check_file(path, flag)
    if path.exists():
        raise ValueError(f"{flag} {path} is there already; remove it, or give another name")
    if path.suffix.lower() in SUFFIXES:
        raise ValueError(f"{flag} {path} is written as parquet, not as text; give a name such as {path.stem}.parquet")


def _lock(handle: int, what: str) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise ValueError(f"{what} is being written by another run; wait for its end, or give another folder") from None
    except OSError:
        pass  # a network's file system may lock no folders: there runs are not told apart, but they can write


def _take_away(made: list[Path]) -> None:
    with suppress(OSError):  # something lies there
        for part in reversed(made):
            part.rmdir()


def _write_into(folder: Path) -> None:
    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(b"tried")
        file.flush()
