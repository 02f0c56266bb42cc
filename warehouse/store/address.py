"""Addresses in an object store: where a data folder names them, how they are opened, what can go wrong.

A data folder whose tables lie elsewhere, or whose raw files are delivered elsewhere, has a file `storage.toml`:

    tables = "s3://bucket/shop"
    raw = "s3://bucket/deliveries"

Notable: it stands in the data folder and not among the settings of the night, for whoever reads tables knows the folder
alone. Stores that speak S3 are the ones that are read: there a file is seen when it is whole, and not before.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import parse_qsl, urlsplit

from warehouse.sentences import shown
from warehouse.toml_files import read_toml

if TYPE_CHECKING:
    from pyarrow.fs import FileSystem

FILE = "storage.toml"
OPTIONS = ("region", "endpoint_override", "scheme")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]")
_FOLDER = re.compile(r"(/[\w.=-]*[\w=-])*/?")
_REFUSED = re.compile("ACCESS_DENIED|INVALID_ACCESS_KEY|INVALID_CLIENT_TOKEN|SIGNATURE|AUTHENTICATION|EXPIRED|403")


class StoreError(ValueError):
    """An object store cannot be used; the message is the sentence to show."""


def address_of(root: Path, what: Literal["tables", "raw"] = "tables") -> str:
    """Where the tables of a data folder lie, or its raw files are delivered, if not in it; "" where they are.

    Raises:
        StoreError: `storage.toml` cannot be read, or names what is no address.
    """
    file = root / FILE
    if not file.exists():
        return ""
    try:
        said = read_toml(file)
    except (ValueError, OSError) as error:
        raise StoreError(str(error)) from error
    if not said or set(said) - {"tables", "raw"} or not all(isinstance(one, str) for one in said.values()):
        raise StoreError(f'{file} must say tables = "s3://bucket/folder", or raw, or both: correct it, or remove it')
    for name, address in said.items():
        try:
            judge_address(address)
        except StoreError as error:
            raise StoreError(f"{name} in {file}: {error}") from None
    return str(said.get(what, ""))


def judge_address(address: str) -> None:
    """Refuse what is no address of an object store; nothing is asked of the network.

    Raises:
        StoreError: what is wrong with it.
    """
    try:
        parts = urlsplit(address)
        options = dict(parse_qsl(parts.query, strict_parsing=True, keep_blank_values=True)) if parts.query else {}
    except ValueError as error:
        raise StoreError(f"it is no address ({error}): write it like s3://bucket/folder") from None
    if "@" in parts.netloc:
        raise StoreError(
            "it holds a key: remove it from the file, and give it as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        )
    if parts.scheme != "s3":
        raise StoreError(
            f"{shown(address)} is not of a store that speaks S3: write s3://bucket/folder; without {FILE} the tables "
            f"lie in the data folder"
        )
    if not _BUCKET.fullmatch(parts.netloc) or not _FOLDER.fullmatch(parts.path) or parts.fragment:
        raise StoreError(f"{shown(address)} names no bucket and folder: write it like s3://bucket/folder")
    if unknown := sorted(set(options) - set(OPTIONS)):
        raise StoreError(f"{shown(unknown[0])} is no option of an address: use {', '.join(OPTIONS)}")
    if options.get("scheme", "https") not in ("http", "https"):
        raise StoreError(f"scheme is {shown(options['scheme'])}: use http or https")


@lru_cache(maxsize=16)
def opened(address: str) -> tuple["FileSystem", str]:
    """The store and the folder in it that an address names; its bucket is asked for once in a process.

    Raises:
        StoreError: it is not there, cannot be reached, or refuses.
    """
    from pyarrow import fs

    judge_address(address)
    # With a delayed opening, what is small is one request.
    with store_sentences(address):
        store, folder = fs.FileSystem.from_uri(f"{address}{'&' if '?' in address else '?'}allow_delayed_open=true")
        bucket = folder.split("/")[0]
        if store.get_file_info(bucket).type == fs.FileType.NotFound:
            raise StoreError(_no_bucket(address))
    return store, folder.rstrip("/")


@contextmanager
def store_sentences(address: str) -> Iterator[None]:
    """Turn what goes wrong in the store into a StoreError; a FileNotFoundError, and errors of the disk, stay."""
    import pyarrow as pa

    try:
        yield
    except (OSError, pa.ArrowException) as error:
        if getattr(error, "errno", None) is not None:
            raise
        raise StoreError(_sentence(address, error)) from error


def _sentence(address: str, error: Exception) -> str:
    said = re.sub(r" \(Request ID: .*", "", str(error).splitlines()[0])[:300]
    if "NO_SUCH_BUCKET" in said:
        return _no_bucket(address)
    if _REFUSED.search(said):
        return (
            f"{_place(address)} refuses these credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (or a role, "
            f"or ~/.aws/credentials) of somebody who may list, read, write and delete there ({said})"
        )
    if "NETWORK_CONNECTION" in said or "resolving region" in said:
        return f"{_place(address)} cannot be reached: check the address and the network, and run again ({said})"
    return f"{_place(address)} failed: run again when it works; a day is seen whole, old or new ({said})"


def _no_bucket(address: str) -> str:
    return f"there is no bucket {urlsplit(address).netloc} at {_place(address)}: make it, or correct the address"


def _place(address: str) -> str:
    """An address without its options, but with the server that they name."""
    parts = urlsplit(address)
    options: dict[str, Any] = dict(parse_qsl(parts.query))
    server = options.get("endpoint_override")
    return f"s3://{parts.netloc}{parts.path.rstrip('/')}" + (f" on {server}" if server else "")
