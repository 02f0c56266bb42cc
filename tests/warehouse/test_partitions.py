"""A day as one file or as parts with a manifest: whole or not at all, and readers see either."""

import json
import shutil
from datetime import date
from pathlib import Path

import pytest

from warehouse.layout import Layout
from warehouse.partitions import check, files_of_partition, noted, replacing_partition, sound
from warehouse.sums import Damaged

DAY = date(2026, 1, 31)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return Layout(tmp_path).partition("events", DAY)


def write(path: Path, text: str, parts: int = 0) -> None:
    """One file, or so many parts, that say `text`."""
    with replacing_partition(path) as beside:
        if parts:
            beside.mkdir()
        for place in [beside / f"part-{n:05d}.parquet" for n in range(parts)] or [beside]:
            place.write_text(text)


def read(path: Path) -> list[str]:
    return [file.read_text() for file in files_of_partition(path)]


def test_a_day_changes_from_one_file_to_parts_and_back_without_litter(path, tmp_path):
    layout = Layout(tmp_path)
    assert (read(path), layout.days("events")) == ([], [])
    for text, parts in [("a", 0), ("b", 3), ("c", 2), ("d", 0), ("e", 1)]:
        write(path, text, parts)
        assert read(path) == [text] * (parts or 1)
        assert layout.days("events") == [DAY]
        files = [file for file in path.parent.rglob("*") if file.is_file()]
        assert len(files) == (parts + 1 if parts else 2), files
        for file in layout.files("events", DAY):
            assert len(noted(file)) == 1
            check(file)
    assert layout.files("events", DAY) == files_of_partition(path)


def test_parts_come_in_the_order_of_their_numbers(path):
    with replacing_partition(path) as beside:
        beside.mkdir()
        for number in (10, 2, 0):
            (beside / f"part-{number:05d}.parquet").write_text(str(number))
    assert read(path) == ["0", "2", "10"]


@pytest.mark.parametrize("before", [0, 2])
@pytest.mark.parametrize("parts", [0, 2])
def test_an_error_leaves_the_day_as_it_was(path, before, parts):
    write(path, "old", before)
    there = sorted(path.parent.rglob("*"))
    with pytest.raises(TypeError):
        write(path, None, parts)
    assert (read(path), sorted(path.parent.rglob("*"))) == (["old"] * (before or 1), there)


@pytest.mark.parametrize("before", [0, 2])
@pytest.mark.parametrize("after", [0, 2])
def test_a_writer_killed_at_any_moment_leaves_the_old_day_or_the_new_one(path, tmp_path, monkeypatch, before, after):
    """Every call that changes the disk is the last one, in turn; the next writer leaves no litter."""
    import os

    class Killed(BaseException):
        pass

    seen, moments = set(), 0
    while True:
        shutil.rmtree(path.parent, ignore_errors=True)
        write(path, "old", before)
        left = [moments]

        def dying(call, left=left):
            def run(*args, **kwargs):
                if left[0] == 0:
                    raise Killed
                left[0] -= 1
                return call(*args, **kwargs)

            return run

        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", lambda descriptor: None)  # a killed process loses no bytes, and disks are slow
            for owner, name in [(os, "replace"), (os, "rename"), (Path, "unlink"), (shutil, "rmtree")]:
                patch.setattr(owner, name, dying(getattr(owner, name)))
            try:
                write(path, "new", after)
            except Killed:
                dead = True
            else:
                dead = False
        found = read(path)
        assert found in (["old"] * (before or 1), ["new"] * (after or 1)), moments
        assert sound(path)
        seen.add(found[0])
        write(path, "next", after)
        assert read(path) == ["next"] * (after or 1)
        assert len([file for file in path.parent.rglob("*") if file.is_file()]) == (after + 1 if after else 2)
        if not dead:
            break
        moments += 1
    assert seen == {"old", "new"}
    assert moments >= 2


def test_a_manifest_that_is_none_is_a_sentence(path):
    write(path, "a", 2)
    (path.with_suffix(".parts") / "manifest.json").write_text("{")
    with pytest.raises(ValueError, match=r"manifest\.json is no manifest of parts .* write the day again"):
        files_of_partition(path)


def test_a_part_that_differs_from_its_sum_in_the_manifest_is_damaged(path):
    write(path, "a", 2)
    first, second = files_of_partition(path)
    second.write_text("b")
    check(first)
    with pytest.raises(Damaged, match=r"part-00001.parquet was damaged .*: materialise events for 2026-01-31 again"):
        check(second)
    assert not sound(path)
    write(path, "c", 2)
    assert sound(path)
    files_of_partition(path)[0].unlink()
    assert not sound(path)


def test_parts_without_sums_and_parts_that_were_replaced_pass(path):
    write(path, "a", 1)
    manifest = path.with_suffix(".parts") / "manifest.json"
    (part,) = files_of_partition(path)
    manifest.write_text(json.dumps({"folder": part.parent.name, "parts": [{"name": part.name}]}))
    part.write_text("b")
    check(part)
    write(path, "c", 1)
    check(part)
