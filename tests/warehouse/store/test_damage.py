"""Copies and objects that are no longer what was written, or never became a day."""

import shutil
from pathlib import Path

import pytest

from tests.object_store import ObjectStore
from tests.warehouse.store.days import DAY, machine, read, write
from warehouse.layout import Layout
from warehouse.sums import Damaged

HOME = "events/2026-01-31.parts"


@pytest.mark.slow
def test_a_copy_that_was_changed_cut_or_removed_is_fetched_again(layout: Layout) -> None:
    write(layout, "abc", 2)
    for spoil in (
        lambda file: file.write_text("xyz"),
        lambda file: file.write_text(""),
        lambda file: file.unlink(),
        lambda file: shutil.rmtree(file.parent),
        lambda file: (file.parents[1] / "manifest.json").write_text("{}"),
        lambda file: shutil.rmtree(layout.root / ".copies"),
    ):
        spoil(layout.files("events", DAY)[1])
        assert read(layout) == ["abc"] * 2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("key", "data"),
    [
        ("part-00000.parquet", b"abd"),
        ("part-00000.parquet", b""),
        ("manifest.json", b'{"folder"'),
        ("manifest.json", b"\xff"),
        ("manifest.json", b'{"folder": "../../../../raw", "parts": []}'),
        ("manifest.json", b'{"folder": "0123abcd", "parts": [{"name": "../x", "bytes": 1, "sha256": ""}]}'),
        (
            "manifest.json",
            b'{"folder": "0123abcd", "parts": [{"name": "part-00000.parquet", "bytes": 1, "sha256": ""}]}',
        ),
    ],
)
def test_a_day_that_was_changed_in_the_store_is_not_sound_and_can_be_written_again(
    layout: Layout, address: str, object_store: ObjectStore, tmp_path: Path, key: str, data: bytes
) -> None:
    write(layout, "abc")
    (spoiled,) = [one for one in object_store.keys(address) if one.endswith(key)]
    object_store.put(address, spoiled, data)
    there = machine(tmp_path / "there", address)
    with pytest.raises(Damaged, match=r"shop/events/2026-01-31.parts was damaged .*materialise events for 2026-01-31"):
        there.files("events", DAY)
    assert not there.sound("events", DAY)
    write(there, "again")
    assert read(layout) == read(there) == ["again"]


def test_a_first_writer_that_was_killed_has_written_no_day(
    layout: Layout, address: str, object_store: ObjectStore
) -> None:
    object_store.put(address, f"{HOME}/0123456789abcdef/part-00000.parquet", b"x")
    assert (layout.days("events"), layout.files("events", DAY)) == ([], [])
    object_store.put(address, "events/notes.parts/manifest.json", b"x")
    object_store.put(address, "events/2026-01-30.parquet", b"x")
    assert layout.days("events") == []
