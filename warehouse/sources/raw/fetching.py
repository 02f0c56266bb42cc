"""Raw files that are delivered into an object store: fetched into the data folder before a step reads them.

`raw = "s3://bucket/deliveries"` in the data folder's `storage.toml` names the place; below it lie the folders that lie
below `raw` on a disk: events/2026-01-31/**/*.parquet and items/**/*.parquet.

Notable: a folder here is brought to what lies there. A hidden file in it records what was fetched, by size and time;
what is gone there goes here too, and what was never fetched, such as an import of this machine, stays.
"""

import json
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from warehouse.engine.errors import disk_sentences
from warehouse.layout import Layout
from warehouse.sentences import shown
from warehouse.store.address import StoreError, address_of, opened, store_sentences
from warehouse.store.transfer import AT_ONCE, get_file
from warehouse.whole_files import replacing

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem

RECORD = ".fetched.json"
SETTLED = 60.0  # seconds: a younger file is fetched again, for times of stores have whole seconds, and clocks differ
State = list[int]  # bytes and seconds of the last change


def fetch_events(layout: Layout, days: Iterable[date | str]) -> int:
    """Bring the raw folders of some days to what was delivered; returns how many files were fetched.

    Nothing is done where no address is named.

    Raises:
        StoreError: the store cannot be used. Each file here is whole, old or new.
        DataError: the disk is full.
    """
    return _fetch_folders(layout, [layout.raw_events(day) for day in days])


def fetch_items(layout: Layout) -> int:
    """Bring the raw items to what was delivered; as `fetch_events`."""
    return _fetch_folders(layout, [layout.raw_items])


def _fetch_folders(layout: Layout, folders: list[Path]) -> int:
    if not (address := address_of(layout.root, "raw")):
        return 0
    store, root = opened(address)
    homes = [f"{root}/{folder.relative_to(layout.raw).as_posix()}" for folder in folders]
    with store_sentences(address), disk_sentences(), ThreadPoolExecutor(AT_ONCE) as pool:
        return sum(pool.map(_fetch, [store] * len(homes), homes, folders))


def _fetch(store: "FileSystem", home: str, folder: Path) -> int:
    began, fetched = time.time(), _record(folder)
    there = _delivered(store, home)
    if there == fetched and all((folder / name).is_file() for name in there):
        return 0
    missing = [name for name, state in there.items() if fetched.get(name) != state or not (folder / name).is_file()]
    _note(
        folder, {**fetched, **dict.fromkeys(missing)}
    )  # before they are here: what is not noted counts as an own file
    for name in missing:
        with replacing(folder / name) as file:
            get_file(store, f"{home}/{name}", file)
    for name in fetched.keys() - there.keys():
        (folder / name).unlink(missing_ok=True)
    _note(folder, {name: state if state[1] < began - SETTLED else None for name, state in there.items()})
    return len(missing)


def _delivered(store: "FileSystem", home: str) -> dict[str, State]:
    """The files below a folder of the store, by their names in it; marks and unfinished files of writers are none."""
    from pyarrow import fs

    found: dict[str, State] = {}
    for one in store.get_file_info(fs.FileSelector(home, allow_not_found=True, recursive=True)):
        name = one.path.removeprefix(f"{home}/")
        if one.type != fs.FileType.File or any(part.startswith("_") for part in name.split("/")):
            continue
        if any(part in ("", ".", "..") for part in name.split("/")):
            raise StoreError(f"{shown(one.path)} cannot be a file of a folder: remove it from the store")
        if not any(part.startswith(".") for part in name.split("/")):
            found[name] = [one.size, one.mtime_ns // 10**9]
    return found


def _note(folder: Path, fetched: Mapping[str, State | None]) -> None:
    with replacing(folder / RECORD) as file:
        file.write_text(json.dumps(fetched, indent=1), encoding="utf-8")


def _record(folder: Path) -> dict[str, State | None]:
    """What was fetched, None for a file that was too young to be sure of; nothing where nobody noted it."""
    try:
        said = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return said if isinstance(said, dict) else {}
