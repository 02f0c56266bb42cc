"""Files that appear whole, and a folder of them behind one manifest: readers see the old state or the new one.

Data files are named after their content (weights-1a2b3c4d5e6f.safetensors), so a new state never overwrites the old
one; replacing the manifest is the moment of change, and only then are files of the old state removed.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

VERSION = 2  # 1: recipe and outcome of merging in one configuration (config/format_1.py)


class CheckpointError(ValueError):
    """A checkpoint that cannot be read: foreign, truncated or of a newer format; the message says which."""


def write_state(folder: Path, manifest: str, kind: str, content: dict[str, Any], files: dict[str, bytes]) -> None:
    """Write `files` (name like "weights.safetensors" -> bytes) and then the manifest that names them.

    folder: made where it is missing. manifest: its file name. kind: what it is, for readers. content: JSON of the rest.
    Files that the manifest named before and does not name now are removed.
    Raises TypeError when `content` is not JSON; the folder is then unchanged.
    """
    listed = {}
    placed = {}
    for name, data in files.items():
        digest = hashlib.sha256(data).hexdigest()
        stem, suffix = name.split(".", 1)
        placed[f"{stem}-{digest[:12]}.{suffix}"] = data
        listed[name] = {"file": f"{stem}-{digest[:12]}.{suffix}", "bytes": len(data), "sha256": digest}
    text = json.dumps({"kind": kind, "version": VERSION, "files": listed, **content}, indent=2)
    folder.mkdir(parents=True, exist_ok=True)
    before = _named(folder / manifest)
    for file, data in placed.items():
        with whole_file(folder / file) as beside:
            beside.write_bytes(data)
    with whole_file(folder / manifest) as beside:
        beside.write_bytes(text.encode())
    for old_name in before:
        if old_name not in placed:
            (folder / old_name).unlink(missing_ok=True)
    for name in files:
        stem, suffix = name.split(".", 1)
        for old in folder.glob(f"{stem}-{'?' * 12}.{suffix}"):
            if old.name not in placed:
                old.unlink()


def read_state(folder: Path, manifest: str, kind: str) -> tuple[dict[str, Any], dict[str, bytes]]:
    """The manifest and the files of `write_state`, checked against their sizes and sums.

    Raises FileNotFoundError where there is no manifest, CheckpointError where what is there cannot be used.
    """
    path = folder / manifest
    if not path.is_file():
        raise FileNotFoundError(f"no {kind} in {folder}: {manifest} is missing there; give the folder that fit wrote")
    try:
        content = json.loads(path.read_text())
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise CheckpointError(f"{path} is not JSON ({error}); it is no {kind}, or it was cut short") from error
    if not isinstance(content, dict) or content.get("kind") != kind or not isinstance(content.get("files"), dict):
        raise CheckpointError(f"{path} is not a {kind}; give the folder that fit wrote")
    version = content.get("version")
    if not isinstance(version, int) or version > VERSION:
        raise CheckpointError(
            f"{path} has format version {version}, newer than the {VERSION} known here; use the version that wrote it"
        )
    return content, {name: _read_checked(folder, entry) for name, entry in content["files"].items()}


def _named(manifest: Path) -> list[str]:
    """The files of the state that is there; none where its manifest cannot be read."""
    try:
        return [Path(entry["file"]).name for entry in json.loads(manifest.read_text())["files"].values()]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []


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
