"""Days of tables in an object store: whole or not at all, and read through copies on this machine.

s3://bucket/shop/events/2026-01-31.parts/manifest.json              the shape that parts have on a disk, too
s3://bucket/shop/events/2026-01-31.parts/3f9c02d1a4b5c6d7/part-00000.parquet
data/.copies/events/2026-01-31.parts/...                             a copy, which may be removed at any time

A day is written on this machine first. Its parts are put into a folder that nobody knows, and then the manifest, in
one request: the moment in which readers see the new day. Two writers of a day never mix: the manifest that was put last
counts, and names the parts of one of them.

Notable: readers are given files of this machine. A night reads a day of events in five steps, and needs most of its
columns; so the bytes come over the network once, or never where this machine wrote the day. A copy counts only where
the manifest in the store names it, and only with its sums.
"""

import datetime as dt
import json
import re
import secrets
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from warehouse.partitions import MANIFEST, SUFFIX, made_by, manifest_of
from warehouse.store.address import opened, store_sentences
from warehouse.store.transfer import AT_ONCE, get_file, put_file
from warehouse.sums import Damaged, differs
from warehouse.whole_files import folder_lock, replacing, temporary_beside

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem

LOOKS = 5  # at a day that is replaced while it is read
ABANDONED = dt.timedelta(days=1)  # parts that no manifest names are those of a dead writer after so long
_FOLDER, _PART = re.compile("[0-9a-f]{8,32}"), re.compile(r"part-[0-9]{5}\.parquet")


class _Part(NamedTuple):
    name: str
    size: int
    sha256: str


class _Manifest(NamedTuple):
    folder: str
    parts: tuple[_Part, ...]
    text: str


@dataclass(frozen=True)
class StoredTables:
    """The tables below an address.

    Args:
        address: like s3://bucket/shop; see address.judge_address.
        copies: the folder for copies, on this machine or where all that work for it see them.
    """

    address: str
    copies: Path

    def place(self, table: str, day: str) -> str:
        """The address of a day, for people."""
        folder = self.address.partition("?")[0].rstrip("/")
        return f"{folder}/{table}/{day}{SUFFIX}"

    def days(self, table: str) -> list[str]:
        """The days that a table has, in any order; names that are no day may be among them.

        Raises:
            StoreError: the store cannot be used.
        """
        from pyarrow import fs

        store, root = opened(self.address)
        with store_sentences(self.address), ThreadPoolExecutor(AT_ONCE) as pool:
            there = store.get_file_info(fs.FileSelector(f"{root}/{table}", allow_not_found=True))
            homes = [one for one in there if one.base_name.endswith(SUFFIX)]
            found = pool.map(lambda one: store.get_file_info(f"{one.path}/{MANIFEST}"), homes)
            return [
                home.base_name.removesuffix(SUFFIX)
                for home, manifest in zip(homes, found, strict=True)
                if manifest.type == fs.FileType.File
            ]

    def files(self, table: str, day: str) -> list[Path]:
        """Copies of a day's files, in the order of its rows; none where there is no such day.

        Raises:
            StoreError: the store cannot be used.
            Damaged: the day in the store is not the one that was written.
        """
        store, home = self._home(table, day)
        copy = self.copies / table / f"{day}{SUFFIX}"
        with store_sentences(self.address):
            for _ in range(LOOKS):
                try:
                    if (manifest := _read(store, home)) is None:
                        return []
                    if not _is_whole(copy, manifest):
                        with folder_lock(copy):
                            _fetch(store, home, copy, manifest)
                except FileNotFoundError:  # it was replaced meanwhile
                    continue
                except _Unlike as error:
                    raise self._damaged(table, day, str(error)) from error
                return [copy / manifest.folder / part.name for part in manifest.parts]
        raise self._damaged(table, day, "parts that its manifest names are missing")

    @contextmanager
    def replacing(self, table: str, day: str) -> Iterator[Path]:
        """A temporary path on this machine; what is written there takes the day's place in the store, in one request.

        On an error the day stays as it was, and what was put into the store is removed.

        Raises:
            StoreError: the store cannot be used.
        """
        store, home = self._home(table, day)
        copy = self.copies / table / f"{day}{SUFFIX}"
        with temporary_beside(copy.with_suffix(".parquet")) as temporary:
            yield temporary
            parts = sorted(temporary.iterdir()) if temporary.is_dir() else [temporary]
            named = {f"part-{number:05d}.parquet": part for number, part in enumerate(parts)}
            manifest = _manifest(manifest_of(secrets.token_hex(8), named))
            with store_sentences(self.address):
                before = self._show(store, home, named, manifest)
            with folder_lock(copy):
                _keep(named, copy, manifest)
            with suppress(OSError):  # what is left is swept by the next writer
                _sweep(store, home, manifest.folder, before)

    def _show(self, store: "FileSystem", home: str, parts: dict[str, Path], manifest: _Manifest) -> str:
        """Put parts, then the manifest; returns the folder that the manifest before it named, "" where there was none.

        Parts without a manifest are removed.
        """
        put = f"{home}/{manifest.folder}"
        try:
            with ThreadPoolExecutor(AT_ONCE) as pool:
                list(pool.map(lambda name: put_file(store, parts[name], f"{put}/{name}"), parts))
            try:
                before = _read(store, home)
            except _Unlike:
                before = None
            with store.open_output_stream(f"{home}/{MANIFEST}") as file:
                file.write(manifest.text.encode())
        except BaseException:
            with suppress(OSError):
                store.delete_dir(put)
            raise
        return before.folder if before else ""

    def _home(self, table: str, day: str) -> tuple["FileSystem", str]:
        store, root = opened(self.address)
        return store, f"{root}/{table}/{day}{SUFFIX}"

    def _damaged(self, table: str, day: str, why: str) -> Damaged:
        return Damaged(
            f"{self.place(table, day)} was damaged or changed after it was written ({why}): materialise "
            f"{made_by(table)} for {day} again"
        )


class _Unlike(Exception):
    """What lies in the store is not what was written."""


def _read(store: "FileSystem", home: str) -> _Manifest | None:
    """The manifest of a day; None where there is none."""
    try:
        for _ in range(LOOKS):
            with store.open_input_stream(f"{home}/{MANIFEST}") as file:
                text = file.read()
            # One that a longer one replaces between the requests for its size and for its bytes ends too early.
            with suppress(ValueError):
                return _manifest(text.decode())
    except FileNotFoundError:
        return None
    raise _Unlike("its manifest cannot be read")


def _manifest(text: str) -> _Manifest:
    """ValueError where a text is no manifest. Names become paths of this machine, so none may lead elsewhere."""
    try:
        said = json.loads(text)
        parts = tuple(_Part(part["name"], int(part["bytes"]), str(part["sha256"])) for part in said["parts"])
        named = [bool(_PART.fullmatch(part.name)) for part in parts]
        if not _FOLDER.fullmatch(said["folder"]) or not named or not all(named):
            raise ValueError("its names are not those of parts")
    except (KeyError, TypeError) as error:
        raise ValueError(f"{error} is missing or of another kind") from error
    return _Manifest(said["folder"], parts, text)


def _is_whole(copy: Path, manifest: _Manifest) -> bool:
    """Whether a copy is there, and the one that the manifest names; its bytes are summed once in a process."""
    try:
        if (copy / MANIFEST).read_text(encoding="utf-8") != manifest.text:
            return False
    except OSError:
        return False
    files = [(copy / manifest.folder / part.name, part.sha256) for part in manifest.parts]
    return all(file.is_file() and not differs(file, partial(list, [known])) for file, known in files)


def _fetch(store: "FileSystem", home: str, copy: Path, manifest: _Manifest) -> None:
    """Copy a day to this machine.

    Raises:
        FileNotFoundError: a part is gone.
        _Unlike: a part is not the one that was written.
    """
    if _is_whole(copy, manifest):
        return  # another process was faster
    with temporary_beside(copy / f"{manifest.folder}.copy") as temporary:
        temporary.mkdir()

        def fetch(part: _Part) -> None:
            if get_file(store, f"{home}/{manifest.folder}/{part.name}", temporary / part.name) != part.sha256:
                raise _Unlike("its sum differs")

        with ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(fetch, manifest.parts))
        _keep({part.name: temporary / part.name for part in manifest.parts}, copy, manifest)


def _keep(parts: dict[str, Path], copy: Path, manifest: _Manifest) -> None:
    """Make files the copy of a day. Nothing is asked of the disk: a copy that a power cut spoils differs from its
    sums, and is made again."""
    folder = copy / manifest.folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name, part in parts.items():
        part.rename(folder / name)
    with replacing(copy / MANIFEST) as file:
        file.write_text(manifest.text, encoding="utf-8")
    for older in copy.iterdir():
        if older.is_dir() and older != folder:
            shutil.rmtree(older, ignore_errors=True)


def _sweep(store: "FileSystem", home: str, shown: str, before: str) -> None:
    """Remove the parts that this writer has replaced, and those of writers that died.

    Other parts may be those of a writer that is at work, or has just shown them.
    """
    from pyarrow import fs

    newest: dict[str, dt.datetime] = {}
    for file in store.get_file_info(fs.FileSelector(home, recursive=True)):
        folder, _, name = file.path.removeprefix(f"{home}/").partition("/")
        if name and file.type == fs.FileType.File:
            newest[folder] = max(file.mtime, newest.get(folder, file.mtime))
    now = dt.datetime.now(dt.UTC)
    for folder, changed in newest.items():
        if folder != shown and (folder == before or now - changed > ABANDONED):
            store.delete_dir(f"{home}/{folder}")
