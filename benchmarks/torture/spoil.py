"""A data folder in which one file is spoiled, then the next night: a good one, or one sentence."""

import random
import shutil
from collections.abc import Callable, Iterator
from itertools import zip_longest
from pathlib import Path

from benchmarks.torture.counts import Counts, partial, sentence_problem
from benchmarks.torture.nights import SECOND, Night
from benchmarks.torture.readers import ReaderFailed, Rows, seen

SETTINGS_FILE = "pipeline.toml"


def _delete(file: Path, chance: random.Random) -> None:
    file.unlink()


def _empty(file: Path, chance: random.Random) -> None:
    file.write_bytes(b"")


def _cut(file: Path, chance: random.Random) -> None:
    data = file.read_bytes()
    file.write_bytes(data[: chance.randrange(len(data))] if data else b"")


def _flip(file: Path, chance: random.Random) -> None:
    data = bytearray(file.read_bytes())
    if data:
        place = chance.randrange(8 * len(data))
        data[place // 8] ^= 1 << place % 8
    file.write_bytes(data)


def _folder(file: Path, chance: random.Random) -> None:
    file.unlink()
    file.mkdir()
    (file / "something").write_text("of somebody", encoding="utf-8")


def _file(folder: Path, chance: random.Random) -> None:
    shutil.rmtree(folder)
    folder.write_text("a file in the place of a folder", encoding="utf-8")


WAYS: dict[str, Callable[[Path, random.Random], None]] = {
    "deleted": _delete,
    "emptied": _empty,
    "cut": _cut,
    "flipped": _flip,
    "a folder": _folder,
}


def spoil(root: Path, states: list[tuple[Path, str]], whole: Rows, chance: random.Random) -> Counts:
    """Spoil copies of the folder `root`, each in one place, and run the next night in it.

    Args:
        root: with one good night.
        states: the place and the way of each.
        whole: what readers see of the next night of an unspoiled copy.
    """
    counts = Counts()
    for number, (place, way) in enumerate(states, start=1):
        copy = root.parent / "spoiled"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(root, copy)
        (_file if way == "a file" else WAYS[way])(copy / place, chance)
        ended = Night(copy, SECOND).ended()
        how, problem = "one sentence", None
        if ended.success:
            how, problem = _standing(copy, whole)
        else:
            problem = sentence_problem(ended)
        counts.add(f"{place} {way}", problem or _seen(copy, whole, ended.success), how)
        if how == "a whole night with other lists":
            print(f"other lists: {place} {way}", flush=True)
        elif how == "one sentence" and problem is None:
            print(f"sentence: {place} {way}: {ended.sentences[0][:300]}", flush=True)
        if number % 20 == 0:
            print(f"spoiled: {counts}", flush=True)
    return counts


def _standing(copy: Path, whole: Rows) -> tuple[str, str | None]:
    """How the night stands that came through, and what is wrong with it."""
    try:
        rows = seen(copy, SECOND)["package"]
    except ReaderFailed as error:
        return "", f"a reader failed after a good night: {str(error)[:300]}"
    if rows is None:
        return "", "success, but no night"
    return "the same lists" if rows == whole else "a whole night with other lists", None


def drawn(root: Path, states: int, chance: random.Random) -> list[tuple[Path, str]]:
    """Cases, each a place below `root` and a way to spoil it.

    They come in turn from each kind of file, so that the many files of a model's code do not crowd out the rest.
    """
    kinds: dict[tuple[str, str, int, str], list[tuple[Path, str]]] = {}
    for place, way in _cases(root):
        kinds.setdefault((place.parts[0], place.suffix, min(len(place.parts), 4), way), []).append((place, way))
    for cases in kinds.values():
        chance.shuffle(cases)
    groups = list(kinds.values())
    chance.shuffle(groups)
    turns = zip_longest(*groups)
    return [case for turn in turns for case in turn if case is not None][:states]


def _cases(root: Path) -> Iterator[tuple[Path, str]]:
    """Every file in every way, and every folder as a file; the settings are judged elsewhere."""
    for place in sorted(root.rglob("*")):
        inside = place.relative_to(root)
        if place.is_dir():
            yield inside, "a file"
        elif inside.name != SETTINGS_FILE:
            yield from ((inside, way) for way in WAYS)


def _seen(copy: Path, whole: Rows, success: bool) -> str | None:
    """What readers see must be whole; where the night failed they may be unable to read the table that was spoiled."""
    try:
        return partial(copy, whole)
    except ReaderFailed as error:
        return f"a reader failed after a good night: {str(error)[:300]}" if success else None
