"""The sum of a file, by which damage is seen: parquet itself is silent about flipped bits.

A file that `put_summed` put in place has the SHA-256 of its bytes in a hidden file beside it
(`.2026-01-31.parquet.sum`). A file without one is read as it is: an older version wrote it, or somebody's own program.
Notable: the sum is noted before the file takes its place, so for that moment two sums are right, the new one and that
of the file which is about to go.
"""

import hashlib
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from warehouse.whole_files import temporary_beside, to_disk


class Damaged(ValueError):
    """A file is not the one that was written; the message is the sentence to show."""


def sum_of(path: Path) -> str:
    """The SHA-256 of a file's bytes, as hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sum_of_unchanged(path: Path) -> str:
    """The sum of a file; its bytes are read once for as long as it does not change, under whatever name."""
    state = path.stat()
    return _sum_then(_State(path, state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns))


def make_ready(written: Path) -> str:
    """Keep the bytes of a file through a power cut; returns its sum. `put_summed` has little left to wait for then."""
    with ThreadPoolExecutor(1) as pool:  # the disk keeps the bytes while they are summed
        kept, new = pool.submit(to_disk, written), sum_of_unchanged(written)
        kept.result()
    return new


def put_summed(written: Path, path: Path) -> None:
    """Let a whole file take the place of `path`, kept through a power cut, and keep its sum beside it."""
    new = make_ready(written)
    standing = _standing(path)
    with temporary_beside(beside(path)) as note:
        note.write_text("".join(f"{one}\n" for one in (new, *standing)), encoding="ascii")
        to_disk(note)
        os.replace(note, beside(path))
        os.replace(written, path)
        to_disk(path.parent)  # both names: were the second alone kept through a power cut, the file would be refused
    if standing:
        os.truncate(beside(path), len(f"{new}\n"))  # not asked of the disk: both sums are as right after a power cut


def forget(path: Path) -> None:
    """Remove a file and the sum beside it, as far as they are there."""
    path.unlink(missing_ok=True)
    beside(path).unlink(missing_ok=True)


def differs(path: Path, noted: Callable[[], list[str]]) -> bool:
    """Whether a file has none of the sums noted for it; its bytes are read once for as long as it does not change.

    A file without a sum, or a file that is missing, does not differ.

    Args:
        noted: asks for the sums, again where they may have changed meanwhile.
    """
    known: list[str] = []
    while (before := known) != (known := noted()):  # a writer may have replaced file and sum in between
        if not known or not path.is_file() or sum_of_unchanged(path) in known:
            return False
    return bool(before)


def noted_beside(path: Path) -> list[str]:
    """The sums beside a file that it may have; none where nobody noted one."""
    try:
        lines = beside(path).read_text(encoding="ascii").split()
    except (OSError, UnicodeDecodeError):
        return []
    return [line for line in lines if len(line) == 64]


def beside(path: Path) -> Path:
    """Where the sum of a file lies."""
    return path.with_name(f".{path.name}.sum")


@dataclass(frozen=True)
class _State:
    """What tells whether a file has changed: all but its path, so that a file that was renamed is known."""

    path: Path = field(compare=False)
    device: int
    inode: int
    size: int
    changed: int


@lru_cache(maxsize=4096)
def _sum_then(state: _State) -> str:
    return sum_of(state.path)


def _standing(path: Path) -> list[str]:
    """The sum of the file that stands there. Of several noted ones, left by a killed writer, its bytes say which."""
    if not path.is_file():
        return []
    known = noted_beside(path)
    if len(known) == 1:
        return known
    now = sum_of_unchanged(path)
    return [now] if now in known or not known else []
