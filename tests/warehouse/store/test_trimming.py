"""Copies of days that the store has no more are trimmed; those that it has stay, whoever is at work."""

import os
import time
from datetime import timedelta
from pathlib import Path

import pytest

from tests.object_store import ObjectStore
from tests.warehouse.store.days import DAY, machine, read, write
from warehouse.layout import Layout
from warehouse.store import trimming
from warehouse.store.address import StoreError
from warehouse.store.tables import StoredTables
from warehouse.store.trimming import trim_copies


def copies(layout: Layout) -> list[Path]:
    """The folders of parts on this machine."""
    return sorted((layout.root / ".copies").glob("*/*.parts/*/"))


def test_a_copy_goes_once_its_day_was_replaced_or_removed_elsewhere_and_no_other(
    layout: Layout, address: str, object_store: ObjectStore, tmp_path: Path
) -> None:
    there, removed = machine(tmp_path / "there", address), DAY - timedelta(days=2)
    assert trim_copies(layout.stored) == [], "there is none yet"
    for day in (DAY, DAY - timedelta(days=1), removed):
        write(layout, "old", 2, day=day)
    assert trim_copies(layout.stored) == []
    write(there, "new", 3)
    for key in object_store.keys(address):
        if key.startswith(f"events/{removed}"):
            object_store.delete(address, key)
    replaced, kept, gone = (next(iter((layout.root / ".copies").glob(f"events/{day}.parts/*/"))) for day in (
        DAY, DAY - timedelta(days=1), removed
    ))  # fmt: skip
    assert trim_copies(layout.stored) == sorted([replaced, gone])
    assert copies(layout) == [kept]
    assert trim_copies(layout.stored) == []
    with object_store.watching(lambda request: None) as seen:
        assert [file.read_text() for file in layout.files("events", DAY - timedelta(days=1))] == ["old"] * 2
    assert not [request for request in seen if "/part-" in request.path], "it is read without being fetched"
    assert layout.files("events", removed) == []
    assert read(layout) == ["new"] * 3


def test_a_day_that_is_written_after_the_store_was_asked_stays(
    layout: Layout, object_store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(layout, "old")
    asked = trimming._folders

    def write_then(tables: StoredTables, table: str) -> set[str]:
        found = asked(tables, table)
        write(layout, "new", 2)
        return found

    monkeypatch.setattr(trimming, "_folders", write_then)
    trim_copies(layout.stored)
    with object_store.watching(lambda request: None) as seen:
        assert read(layout) == ["new"] * 2
    assert not [request for request in seen if "/part-" in request.path], "its copy is there"


def test_what_a_killed_process_left_goes_after_a_day(layout: Layout) -> None:
    write(layout, "abc")
    table = layout.root / ".copies" / "events"
    of_writer, of_reader = table / f".{DAY}.parquet.0a1b2c3d.tmp", table / f"{DAY}.parts" / ".0a1b.copy.0a1b2c3d.tmp"
    of_writer.write_text("half")
    of_reader.mkdir()
    (of_reader / "part-00000.parquet").write_text("half")
    assert trim_copies(layout.stored) == [], "they may be of processes that live"
    long_ago = time.time() - 25 * 3600
    for path in (of_writer, of_reader, of_reader / "part-00000.parquet"):
        os.utime(path, (long_ago, long_ago))
    assert trim_copies(layout.stored) == sorted([of_writer, of_reader])
    assert read(layout) == ["abc"]


def test_a_store_that_does_not_answer_leaves_all_copies(
    layout: Layout, address: str, object_store: ObjectStore, tmp_path: Path
) -> None:
    write(layout, "old")
    write(machine(tmp_path / "there", address), "new")
    before = copies(layout)
    with object_store.watching(lambda request: (403, "AccessDenied")), pytest.raises(StoreError):
        trim_copies(layout.stored)
    assert copies(layout) == before
