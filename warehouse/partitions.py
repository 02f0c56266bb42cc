"""A day of a table: one parquet file, or a folder of parquet parts with a manifest. Whole or not at all, both of them.

events/2026-01-31.parquet                  the one file
events/.2026-01-31.parquet.sum             its sum
events/2026-01-31.parts/manifest.json      or the manifest: the folder of the parts, each part with its sum, in order
events/2026-01-31.parts/3f9c02d1/part-*.parquet

Where a manifest stands, it counts, and a file beside it does not: each change of what a reader sees is one replacement,
or one removal, of one file.
"""

import json
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from warehouse.sums import Damaged, beside, differs, forget, noted_beside, put_summed, sum_of_unchanged
from warehouse.whole_files import replacing, temporary_beside, to_disk

SUFFIX = ".parts"
MANIFEST = "manifest.json"


def files_of_partition(path: Path) -> list[Path]:
    """The parquet files of a day, in the order of its rows; none where there is no such day.

    Args:
        path: where its one file lies, or would lie.

    Raises:
        ValueError: the manifest is none.
    """
    home = path.with_suffix(SUFFIX)
    try:
        manifest = _read(home)
        return [home / manifest["folder"] / part["name"] for part in manifest["parts"]]
    except (FileNotFoundError, NotADirectoryError):
        return [path] if path.is_file() else []
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{home / MANIFEST} is no manifest of parts ({error}): write the day again") from error


def is_partition(path: Path) -> bool:
    """Whether there is such a day, as a file or as parts."""
    return path.is_file() or (path.with_suffix(SUFFIX) / MANIFEST).is_file()


@contextmanager
def replacing_partition(path: Path) -> Iterator[Path]:
    """A temporary path; the file or the folder of parts that is written there takes the day's place in one step.

    Its sums are kept with it. On an error, what was written is removed and the day stays as it was; see
    whole_files.temporary_beside.

    Args:
        path: where the day's one file lies, or would lie.
    """
    with temporary_beside(path) as temporary:
        yield temporary
        if temporary.is_dir():
            _show_parts(path, temporary)
        else:
            put_summed(temporary, path)
            _forget_parts(path)


def check(file: Path) -> None:
    """Compare a file with the sum beside it or, of a part, in the manifest; once for as long as it does not change.

    Raises:
        Damaged: it differs. A file without a sum, or a file that is missing, passes.
    """
    if not differs(file, partial(noted, file)):
        return
    home = file.parent.parent
    place, keep = file, f"delete {beside(file).name} beside it"
    if home.suffix == SUFFIX:
        place, keep = home, f"remove its sum from {home / MANIFEST}"
    raise Damaged(
        f"{file} was damaged or changed after it was written (its sum differs): "
        f"materialise {made_by(place.parent.name)} for {place.stem} again; to keep it as it is, {keep}"
    )


def made_by(table: str) -> str:
    """What a person materialises to get a table: the asset of its name, but for evaluations."""
    return "offline_evaluation" if table == "evaluations" else table


def sound(path: Path) -> bool:
    """Whether all files of a day are there and have their sums, as far as some are noted.

    Args:
        path: where the day's one file lies, or would lie.
    """
    try:
        files = files_of_partition(path)
        for file in files:
            check(file)
    except ValueError:
        return False
    return bool(files) and all(file.is_file() for file in files)


def noted(file: Path) -> list[str]:
    """The sums that a file of a day may have; none where nobody noted one."""
    home = file.parent.parent
    if home.suffix != SUFFIX:
        return noted_beside(file)
    try:
        manifest = _read(home)
        parts = manifest["parts"] if manifest["folder"] == file.parent.name else []
        return [str(part["sha256"]) for part in parts if part["name"] == file.name and "sha256" in part]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def manifest_of(folder: str, parts: Mapping[str, Path]) -> str:
    """The text of a manifest: the name of the folder, and of each part its name there, its size and its sum."""
    named = [{"name": n, "bytes": part.stat().st_size, "sha256": sum_of_unchanged(part)} for n, part in parts.items()]
    return json.dumps({"folder": folder, "parts": named}, indent=1)


def _read(home: Path) -> Any:
    return json.loads((home / MANIFEST).read_text(encoding="utf-8"))


def _show_parts(path: Path, written: Path) -> None:
    """Put the parts into the day's folder, and show them by its manifest; what they replace is removed then."""
    home = path.with_suffix(SUFFIX)
    home.mkdir(exist_ok=True)
    parts = sorted(written.iterdir())
    for part in (*parts, written):
        to_disk(part)
    folder = home / secrets.token_hex(4)
    said = manifest_of(folder.name, {part.name: part for part in parts})
    os.rename(written, folder)
    with replacing(home / MANIFEST) as manifest:
        manifest.write_text(said, encoding="utf-8")
    forget(path)
    for older in home.iterdir():
        if older.is_dir() and older != folder:
            shutil.rmtree(older, ignore_errors=True)


def _forget_parts(path: Path) -> None:
    """Remove a manifest, so that the one file shows, and the parts that it named."""
    home = path.with_suffix(SUFFIX)
    (home / MANIFEST).unlink(missing_ok=True)
    shutil.rmtree(home, ignore_errors=True)
