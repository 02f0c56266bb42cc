"""A table of lists in an object store, for readers elsewhere: what the table shows here is put there, too.

The table is written in the data folder, where its audits, rollbacks and the server read it. Where the data folder's
`storage.toml` names an address, each version is then put below it: first the data files, then the log's checkpoints,
then its entries, oldest first. An entry appears whole, and what it tells of is there before it; so whoever opens the
table there with any library for Delta Lake sees whole nights, an earlier version or this one.

Notable: nothing remembers what was put. What is missing there is found by name, so a put that failed, or was killed, is
made up for by the next.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from warehouse.recommendations.errors import RecommendationsError
from warehouse.recommendations.publishing.sweeping import known_files
from warehouse.store.address import StoreError, address_of, opened, store_sentences
from warehouse.store.transfer import AT_ONCE, put_file

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem

LOG = "_delta_log"
LAST = "_last_checkpoint"
ENTRY = re.compile(rf"{LOG}/[0-9]{{20}}\.json")
CHECKPOINT = re.compile(rf"{LOG}/([0-9]{{20}})\.checkpoint.*\.parquet")
OURS = re.compile(rf"{ENTRY.pattern}|{CHECKPOINT.pattern}|run_date=[0-9-]{{10}}/[^/]+\.parquet")


def judge_stored(path: Path) -> None:
    """Refuse to publish where the table in the store is not this one's; nothing to refuse without an address.

    Raises:
        RecommendationsError: it was written from another data folder.
        StoreError: the store cannot be used.
    """
    if address := address_of(path.parent):
        store, root = opened(address)
        with store_sentences(address):
            _judge(store, f"{root}/{path.name}", path, _names(store, f"{root}/{path.name}"))


def put_stored(path: Path) -> None:
    """Bring the table in the store to what the table shows here; nothing to do without an address.

    Files that vacuum has removed here are removed there.

    Args:
        path: the table's folder, in the data folder.

    Raises:
        RecommendationsError: the table there was written from another data folder.
        StoreError: the store cannot be used. Readers there see an earlier version.
    """
    if not (address := address_of(path.parent)):
        return
    try:
        store, root = opened(address)
        with store_sentences(address):
            _put(store, f"{root}/{path.name}", path)
    except StoreError as error:
        raise StoreError(
            f"{path} shows it, and readers in the store an earlier version: {error}; the next publication, or "
            f"`warehouse recommendations retain`, puts it there too"
        ) from error


def lag(path: Path) -> str | None:
    """What readers of the table in the store lack, in a sentence; None where they lack nothing, or without an address.

    Args:
        path: the table's folder, in the data folder.

    Raises:
        RecommendationsError: the table there was written from another data folder.
        StoreError: the store cannot be used.
    """
    if not (address := address_of(path.parent)):
        return None
    store, root = opened(address)
    home = f"{root}/{path.name}"
    with store_sentences(address):
        there = _names(store, home)
        _judge(store, home, path, there)
    entries, _, data = _here(path)
    if missing := [name for name in entries if name not in there]:
        lacked = f"{len(missing)} version(s) that {path} has"
    elif gone := data - there:
        lacked = f"{len(gone)} file(s) of {path}"
    else:
        return None
    command = "similar" if path.name == "similar_items" else "recommendations"
    return f"s3://{home} lacks {lacked}: the next publication, or `warehouse {command} retain`, puts them there"


def _put(store: FileSystem, home: str, path: Path) -> None:
    there = _names(store, home)
    _judge(store, home, path, there)
    entries, checkpoints, data = _here(path)

    def put(name: str) -> None:
        put_file(store, path / name, f"{home}/{name}")

    _at_once(put, data - there)
    _at_once(put, checkpoints - there)
    for name in entries:
        if name not in there:
            put(name)
    if _checkpoint_of(path / LOG / LAST) in {CHECKPOINT.sub(r"\1", name) for name in checkpoints}:
        put(f"{LOG}/{LAST}")
    gone = {name for name in there if OURS.fullmatch(name) and not (path / name).exists()}
    _at_once(lambda name: store.delete_file(f"{home}/{name}"), gone)


def _here(path: Path) -> tuple[list[str], set[str], set[str]]:
    """The entries of the log, oldest first, its checkpoints, and the data files that they tell of and that are here."""
    if not (path / LOG).is_dir():
        return [], set(), set()
    # Before the data: what an entry tells of is there by then.
    log = {f"{LOG}/{file.name}" for file in (path / LOG).iterdir()}
    entries = sorted(name for name in log if ENTRY.fullmatch(name))
    checkpoints = {name for name in log if CHECKPOINT.fullmatch(name)}
    return entries, checkpoints, {name for name in known_files(path) if (path / name).is_file()}


def _names(store: FileSystem, home: str) -> set[str]:
    """The files below a folder of the store, relative to it."""
    from pyarrow import fs

    found = store.get_file_info(fs.FileSelector(home, allow_not_found=True, recursive=True))
    return {one.path.removeprefix(f"{home}/") for one in found if one.type == fs.FileType.File}


def _judge(store: FileSystem, home: str, path: Path, there: set[str]) -> None:
    """Compare the newest entry of the log there with the same entry here."""
    newest = max(filter(ENTRY.fullmatch, there), default=None)
    if newest is None:
        return
    with store.open_input_stream(f"{home}/{newest}") as file:
        said = file.read()
    own = path / newest
    if not own.is_file() or own.read_bytes() != said:
        raise RecommendationsError(
            f"the table s3://{home} was not put there from {path}: nothing was written there; copy it here first "
            f"(aws s3 sync), remove it, or name another address in {path.parent / 'storage.toml'}"
        )


def _checkpoint_of(last: Path) -> str:
    """The version, in 20 digits, of the checkpoint that readers are to begin with; "" where there is none."""
    try:
        return f"{json.loads(last.read_text(encoding='utf-8'))['version']:020d}"
    except FileNotFoundError:
        return ""


def _at_once(action: Callable[[str], None], names: Iterable[str]) -> None:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(action, sorted(names)))
