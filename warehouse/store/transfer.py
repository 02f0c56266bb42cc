"""A file on its way into a store, or out of it: in pieces, so that memory does not grow with it."""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem

CHUNK = 2**23  # bytes that are read or written at a time
AT_ONCE = 8  # files, or other requests


def put_file(store: "FileSystem", file: Path, to: str) -> None:
    """Put a file into a store; it appears there whole, when its last byte has come."""
    with file.open("rb") as source, store.open_output_stream(to) as out:
        while chunk := source.read(CHUNK):
            out.write(chunk)


def get_file(store: "FileSystem", name: str, to: Path) -> str:
    """Write a file of a store to `to`; returns the SHA-256 of its bytes. FileNotFoundError where there is none."""
    digest = hashlib.sha256()
    with store.open_input_stream(name) as source, to.open("wb") as out:
        while chunk := source.read(CHUNK):
            digest.update(chunk)
            out.write(chunk)
    return digest.hexdigest()
