"""Files that appear whole, and a folder of them behind one manifest: readers see the old state or the new one.

Data files are named after their content (weights-1a2b3c4d5e6f.safetensors), so a new state never overwrites the old
one; replacing the manifest is the moment of change, and only then are files of the old state removed.
"""

import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

VERSION = 2  # 1: recipe and outcome of merging in one configuration (config/format_1.py)


SUM = "sha256"  # of the rest of a manifest, in the manifest; those of older versions have none


class CheckpointError(ValueError):
    """A checkpoint that cannot be read: foreign, truncated or of a newer format; the message says which."""


def write_state(folder: Path, manifest: str, kind: str, content: dict[str, Any], files: dict[str, bytes]) -> None:
    """Write `files` (name like "weights.safetensors" -> bytes) and then the manifest that names them.

    folder: made where it is missing. manifest: its file name. kind: what it is, for readers. content: JSON of the rest.
    Files of older states of this kind are removed; files of others stay.
    Raises TypeError when `content` is not JSON; the folder is then unchanged.
    """
    listed = {}
    placed = {}
    for name, data in files.items():
        digest = hashlib.sha256(data).hexdigest()
        stem, suffix = name.split(".", 1)
        placed[f"{stem}-{digest[:12]}.{suffix}"] = data
        listed[name] = {"file": f"{stem}-{digest[:12]}.{suffix}", "bytes": len(data), "sha256": digest}
    whole = {"kind": kind, "version": VERSION, "files": listed, **content}
    text = json.dumps({**whole, SUM: _sum_of_content(json.loads(json.dumps(whole)))}, indent=2)
    folder.mkdir(parents=True, exist_ok=True)
    before = _listed(folder / manifest, kind) or {}
    for file, data in placed.items():
        with whole_file(folder / file) as beside:
            beside.write_bytes(data)
    with whole_file(folder / manifest) as beside:
        beside.write_bytes(text.encode())
    stems = tuple({name.split(".", 1)[0] for name in files} | {name.rsplit("-", 1)[0] for name in before})
    for old in _data_files(folder, stems, before):
        if old.name not in placed:
            old.unlink()


def remove_state(folder: Path, manifest: str, kind: str, stems: tuple[str, ...]) -> None:
    """Remove a state that `write_state` wrote, and what interrupted writers of it left; files of others stay.

    The manifest goes first: a folder left without one by an interruption counts as never begun.

    Args:
        folder: that holds the state.
        manifest: its file name; one of another kind stays.
        kind: as it was written.
        stems: what the names of its data files begin with, such as ("weights", "vocabulary").
    """
    listed = _listed(folder / manifest, kind)
    if listed is not None:
        (folder / manifest).unlink()
    data = _data_files(folder, stems, listed or {})
    unfinished = re.compile(rf"\.(?:{_named(stems)}|{re.escape(manifest)})\.[0-9]+")  # see whole_file
    for file in [*data, *(file for file in folder.iterdir() if unfinished.fullmatch(file.name) and file.is_file())]:
        file.unlink()


def _data_files(folder: Path, stems: tuple[str, ...], listed: dict[str, int]) -> list[Path]:
    """The data files of states in a folder, told by their names, which hold the sums of their content.

    Those that a manifest lists are compared with it by size, others by that sum.
    """
    found = []
    for file in folder.iterdir():
        named = re.fullmatch(_named(stems), file.name)
        if (
            named
            and file.is_file()
            and not file.is_symlink()
            and (listed.get(file.name) == file.stat().st_size or _sum(file).startswith(named["sum"]))
        ):
            found.append(file)
    return found


def _named(stems: tuple[str, ...]) -> str:
    """The pattern of the names of data files."""
    return rf"(?:{'|'.join(map(re.escape, stems))})-(?P<sum>[0-9a-f]{{12}})\.[a-z]+"


def _sum(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def read_state(folder: Path, manifest: str, kind: str) -> tuple[dict[str, Any], dict[str, bytes]]:
    """The manifest and the files of `write_state`, checked against their sizes and sums.

    A manifest without a sum of its own, of an older version, is read as it is.

    Raises FileNotFoundError where there is no manifest, CheckpointError where what is there cannot be used.
    """
    path = folder / manifest
    if not path.is_file():
        raise FileNotFoundError(f"no {kind} in {folder}: {manifest} is missing there; give the folder that fit wrote")
    try:
        content = json.loads(found := path.read_bytes())
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} is not JSON ({error}); it is no {kind}, or it was cut short") from error
    if not isinstance(content, dict) or content.get("kind") != kind or not isinstance(content.get("files"), dict):
        raise CheckpointError(f"{path} is not a {kind}; give the folder that fit wrote")
    version = content.get("version")
    if type(version) is not int or version > VERSION:
        raise CheckpointError(
            f"{path} has format version {version}, newer than the {VERSION} known here; use the version that wrote it"
        )
    noted = content.pop(SUM, None)
    if noted is not None and noted != _sum_of_content(content):
        raise CheckpointError(f"{path} was changed after it was written (its sum differs); copy the folder again")
    try:
        return content, {name: _read_checked(folder, entry) for name, entry in content["files"].items()}
    except (CheckpointError, FileNotFoundError):
        if path.is_file() and path.read_bytes() != found:  # a writer has just taken the old state's files away
            return read_state(folder, manifest, kind)
        raise
    except (KeyError, TypeError) as error:
        raise CheckpointError(f"{path} does not name its files as a {kind} does; copy the folder again") from error


def _sum_of_content(content: dict[str, Any]) -> str:
    """The SHA-256 of a manifest's content, whatever blanks it is written with."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _listed(manifest: Path, kind: str) -> dict[str, int] | None:
    """File name -> bytes of the state that is there; None where its manifest is missing, unreadable or of others."""
    try:
        content = json.loads(manifest.read_text())
        if content["kind"] != kind:
            return None
        return {Path(entry["file"]).name: int(entry["bytes"]) for entry in content["files"].values()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def _read_checked(folder: Path, entry: dict[str, Any]) -> bytes:
    path = folder / Path(entry["file"]).name
    if not path.is_file():
        raise CheckpointError(f"{path} is missing, though the manifest beside it names it; copy the folder whole")
    data = path.read_bytes()
    if len(data) != entry["bytes"]:
        raise CheckpointError(f"{path} is truncated: {len(data)} bytes of {entry['bytes']}; copy the folder again")
    if hashlib.sha256(data).hexdigest() != entry["sha256"]:
        raise CheckpointError(f"{path} was changed after it was written (its sum differs); copy the folder again")
    return data


def write_parquet(path: Path, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> int:
    """Write record batches of a schema to a parquet file that appears whole; returns its rows."""
    rows = 0
    with whole_file(path) as beside, pq.ParquetWriter(beside, schema, compression="zstd") as writer:
        for batch in batches:
            writer.write_batch(batch)
            rows += batch.num_rows
    return rows


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Where to write a file that appears at `path` whole: a place beside it, another one in every process.

    What was written there is flushed to disk and moved to `path` at the end; where the writing fails it is removed,
    and whatever stood at `path` stays. (warehouse/whole_files.py is its like there: the two packages share nothing.)
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        yield beside
        with beside.open("rb") as written:
            os.fsync(written.fileno())
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)
