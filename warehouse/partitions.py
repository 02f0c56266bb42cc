"""A day of a table: one parquet file, or a folder of parquet parts with a manifest. Whole or not at all, both of them.

events/2026-01-31.parquet                  the one file
events/2026-01-31.parts/manifest.json      or the manifest, which names the folder of the parts and each part in order
events/2026-01-31.parts/3f9c02d1/part-*.parquet

Where a manifest stands, it counts, and a file beside it does not: each change of what a reader sees is one replacement,
or one removal, of one file.
"""

import json
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from warehouse.whole_files import put_in_place, replacing, temporary_beside, to_disk

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
        manifest = json.loads((home / MANIFEST).read_text(encoding="utf-8"))
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

    On an error, it is removed and the day stays as it was; see whole_files.temporary_beside.

    Args:
        path: where the day's one file lies, or would lie.
    """
    with temporary_beside(path) as temporary:
        yield temporary
        if temporary.is_dir():
            _show_parts(path, temporary)
        else:
            put_in_place(temporary, path)
            _forget_parts(path)


def _show_parts(path: Path, written: Path) -> None:
    """Put the parts into the day's folder, and show them by its manifest; what they replace is removed then."""
    home = path.with_suffix(SUFFIX)
    home.mkdir(exist_ok=True)
    parts = sorted(written.iterdir())
    for part in (*parts, written):
        to_disk(part)
    folder = home / secrets.token_hex(4)
    os.rename(written, folder)
    named = [{"name": part.name, "bytes": (folder / part.name).stat().st_size} for part in parts]
    with replacing(home / MANIFEST) as beside:
        beside.write_text(json.dumps({"folder": folder.name, "parts": named}, indent=1), encoding="utf-8")
    path.unlink(missing_ok=True)
    for older in home.iterdir():
        if older.is_dir() and older != folder:
            shutil.rmtree(older, ignore_errors=True)


def _forget_parts(path: Path) -> None:
    """Remove a manifest, so that the one file shows, and the parts that it named."""
    home = path.with_suffix(SUFFIX)
    (home / MANIFEST).unlink(missing_ok=True)
    shutil.rmtree(home, ignore_errors=True)
