"""The sum beside a file, by which damage is seen: parquet itself is silent about flipped bits.

A table's partition has the SHA-256 of its bytes in a hidden file beside it (`.2026-01-31.parquet.sum`). A file without
one is read as it is: an older version wrote it, or somebody's own program. Notable: the sum is noted before the file
takes its place, so for that moment two sums are right, the new one and that of the file which is about to go.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from warehouse.whole_files import replacing


class Damaged(ValueError):
    """A file is not the one that was written; the message is the sentence to show."""


def sum_of(path: Path) -> str:
    """The SHA-256 of a file's bytes, as hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def summed(path: Path) -> Iterator[Path]:
    """As `replacing`, and the sum of the new file is kept beside it."""
    with replacing(path) as temporary:
        yield temporary
        new = sum_of(temporary)
        _note(path, [new, *_standing(path)])
    _note(path, [new])


def check(path: Path) -> None:
    """Compare a file with the sum beside it, once for as long as it does not change.

    Raises:
        Damaged: it differs. A file without a sum, or a file that is missing, passes.
    """
    known: list[str] = []
    while (before := known) != (known := noted(path)):  # a writer may have replaced file and sum in between
        if not known or not path.is_file():
            return
        state = path.stat()
        if _matches(path, tuple(known), state.st_ino, state.st_size, state.st_mtime_ns):
            return
    if before:
        raise Damaged(
            f"{path} was damaged or changed after it was written (its sum differs): materialise {path.parent.name} for "
            f"{path.stem} again; to keep it as it is, delete {_beside(path).name} beside it"
        )


def sound(path: Path) -> bool:
    """Whether a file is there and has the sum beside it, if there is one."""
    try:
        check(path)
    except Damaged:
        return False
    return path.is_file()


def noted(path: Path) -> list[str]:
    """The sums that a file may have; none where nobody noted one."""
    try:
        lines = _beside(path).read_text(encoding="ascii").split()
    except (OSError, UnicodeDecodeError):
        return []
    return [line for line in lines if len(line) == 64]


@lru_cache(maxsize=4096)
def _matches(path: Path, known: tuple[str, ...], inode: int, size: int, changed: int) -> bool:
    """Whether the file has one of the sums. The rest of the arguments tell when to look again."""
    return sum_of(path) in known


def _standing(path: Path) -> list[str]:
    """The noted sum that the file has now. Of several, left by a killed writer, its bytes say which."""
    known = noted(path)
    if not known or not path.is_file():
        return []
    return known if len(known) == 1 else [one for one in known if one == sum_of(path)]


def _note(path: Path, known: list[str]) -> None:
    with replacing(_beside(path)) as temporary:
        temporary.write_text("\n".join(known) + "\n", encoding="ascii")


def _beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.sum")
