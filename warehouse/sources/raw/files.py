"""The files of a log: found, and none of them passed over in silence."""

import os
from pathlib import Path

from warehouse.engine.errors import DataError
from warehouse.engine.parquet_files import below


def files_in(path: Path, *patterns: str) -> tuple[Path, ...]:
    """`path` itself if it is a file, else the files in the folder that fit a pattern, by name.

    What is called `_*` or `.*`, or lies in a folder called so, is left out unless the pattern itself names such.

    Raises:
        FileNotFoundError: there is no such file.
    """
    if path.is_file():
        return (path,)
    found = {file for pattern in patterns for file in path.glob(pattern) if _fits(file.relative_to(path), pattern)}
    return _some(path, sorted(file for file in found if file.is_file()), patterns)


def _fits(file: Path, pattern: str) -> bool:
    """Whether a file that matches a pattern is meant by it."""
    marked, named = (any(part.startswith(("_", ".")) for part in one.parts) for one in (file, Path(pattern)))
    return named or not marked


def all_files_in(path: Path, suffixes: tuple[str, ...]) -> tuple[Path, ...]:
    """`path` itself if it is a file, else the files at any depth below the folder whose names end so, in any case.

    Raises:
        FileNotFoundError: there is no such file.
    """
    if path.is_file():
        return (path,)
    found = [file for file in below(path) if file.is_file() and file.name.lower().endswith(suffixes)]
    return _some(path, found, tuple(f"*{suffix}" for suffix in suffixes))


def refuse_strays(path: Path, known: set[Path]) -> None:
    """Raise DataError where something lies below a folder that is neither known nor marked as left out (_*, .*).

    Args:
        path: the folder, or a single file, beside which nothing matters.
        known: what is read, or is no part of the log, as resolved paths.
    """
    for file in below(path):
        if (file.is_symlink() or not file.is_dir()) and Path(os.path.realpath(file)) not in known:
            raise DataError(
                f"{file} would not be read: name the files of the log in `files` of [events], take this one away, or "
                f"give it a name that begins with _ to leave it out"
            )


def _some(path: Path, found: list[Path], patterns: tuple[str, ...]) -> tuple[Path, ...]:
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist: check the path")
    if not found:
        there = ", ".join(file.name for file in below(path) if file.is_file())
        beside = f" (it has {there[:150]})" if there else ""
        raise FileNotFoundError(f"{path} holds no file like {' or '.join(patterns)}{beside}: check the path")
    return tuple(found)
