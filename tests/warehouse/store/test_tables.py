"""Days in an object store, read and written over HTTP: whole or not at all, whoever dies or comes in between."""

import signal
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path

import pytest

import warehouse.store.tables as tables
from tests.object_store import ObjectStore, Request
from tests.warehouse.store.days import DAY, machine, read, write
from warehouse.layout import Layout
from warehouse.store.address import StoreError


def test_a_day_changes_and_leaves_no_litter_in_the_store_or_on_the_machine(
    layout: Layout, address: str, object_store: ObjectStore, tmp_path: Path
) -> None:
    there = machine(tmp_path / "there", address)
    assert (read(layout), layout.days("events"), layout.sound("events", DAY)) == ([], [], False)
    for text, parts in [("a", 0), ("b", 3), ("c", 2), ("d", 0), ("e", 1)]:
        write(layout, text, parts)
        assert read(layout) == read(there) == [text] * (parts or 1)
        assert layout.days("events") == [DAY]
        assert layout.sound("events", DAY)
        assert len(object_store.keys(address)) == (parts or 1) + 1
        for one in (layout, there):
            files = [file for file in (one.root / ".copies").rglob("*") if file.is_file() and file.name != ".lock"]
            assert len(files) == (parts or 1) + 1, files
    assert sorted(path.name for path in layout.root.iterdir()) == [".copies", "storage.toml"]


def test_the_machine_that_wrote_a_day_does_not_fetch_it_and_another_fetches_it_once(
    layout: Layout, address: str, object_store: ObjectStore, tmp_path: Path
) -> None:
    write(layout, "a", 2)
    there = machine(tmp_path / "there", address)
    for one, fetched in [(layout, 0), (there, 2), (there, 0)]:
        with object_store.watching(lambda request: None) as seen:
            assert read(one) == ["a", "a"]
        assert sum("/part-" in request.path and request.method == "GET" for request in seen) == fetched


@pytest.mark.slow
def test_what_lies_in_the_store_is_a_day_in_parts_for_whoever_copies_it(
    layout: Layout, address: str, object_store: ObjectStore, tmp_path: Path
) -> None:
    write(layout, "a", 12)
    for key in object_store.keys(address):
        (tmp_path / "copied" / key).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "copied" / key).write_bytes(object_store.get(address, key))
    plain = Layout(tmp_path / "copied")
    assert plain.days("events") == [DAY]
    assert [file.name for file in plain.files("events", DAY)] == [f"part-{n:05d}.parquet" for n in range(12)]
    assert plain.sound("events", DAY)


@pytest.mark.parametrize("parts", [0, 2])
def test_an_error_of_a_writer_leaves_the_day_as_it_was(
    layout: Layout, address: str, object_store: ObjectStore, parts: int
) -> None:
    def broken() -> None:
        with layout.replacing("events", DAY) as beside:
            if parts:
                beside.mkdir()
            (beside / "part-00000.parquet" if parts else beside).write_text("new")
            raise RuntimeError

    write(layout, "old")
    with pytest.raises(RuntimeError):
        broken()
    assert read(layout) == ["old"]
    assert len(object_store.keys(address)) == 2


@pytest.mark.parametrize("where", [pytest.param("/part-00001", marks=pytest.mark.slow), "/manifest.json"])
def test_a_store_that_fails_in_the_middle_is_a_sentence_and_leaves_the_day_as_it_was(
    layout: Layout, address: str, object_store: ObjectStore, tmp_path: Path, where: str
) -> None:
    write(layout, "old")

    def fail(request: Request) -> tuple[int, str] | None:
        return (400, "EntityTooLarge") if request.method in ("PUT", "POST") and where in request.path else None

    with object_store.watching(fail), pytest.raises(StoreError, match="a day is seen whole, old or new") as raised:
        write(layout, "new", 3)
    assert len(str(raised.value).splitlines()) == 1
    assert read(layout) == read(machine(tmp_path / "there", address)) == ["old"]
    assert len(object_store.keys(address)) == 2
    write(layout, "new", 3)
    assert read(layout) == ["new"] * 3


_WRITER = """
import sys
from pathlib import Path
from warehouse.layout import Layout
with Layout(Path(sys.argv[1])).replacing("events", "2026-01-31") as beside:
    beside.mkdir()
    for n in range(3):
        (beside / f"part-{n:05d}.parquet").write_text("new")
"""


@pytest.mark.parametrize("where", [pytest.param("/part-00002", marks=pytest.mark.slow), "/manifest.json"])
def test_a_writer_that_is_killed_leaves_the_old_day_and_litter_that_goes_later(
    layout: Layout, address: str, object_store: ObjectStore, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    write(layout, "old")
    came, dead = threading.Event(), threading.Event()

    def hold(request: Request) -> tuple[int, str] | None:
        if request.method == "PUT" and where in request.path:
            came.set()
            dead.wait(60)
            return 400, "ItsClientIsGone"
        return None

    with object_store.watching(hold):
        writer = subprocess.Popen([sys.executable, "-c", _WRITER, str(layout.root)])
        assert came.wait(60)
        writer.kill()
        assert writer.wait() == -signal.SIGKILL
        dead.set()
    left = object_store.keys(address)
    assert read(layout) == ["old"]
    assert len(left) > 2
    write(layout, "newer")
    assert read(layout) == ["newer"]
    assert len(object_store.keys(address)) == len(left), "nobody knows yet whether that writer is dead"
    monkeypatch.setattr(tables, "ABANDONED", timedelta(0))
    write(layout, "newest", 2)
    assert read(layout) == ["newest"] * 2
    assert len(object_store.keys(address)) == 3
    assert not list((layout.root / ".copies" / "events").glob(".*.tmp"))


def test_of_two_writers_of_a_day_the_one_that_shows_it_last_stands_whole(
    layout: Layout, address: str, object_store: ObjectStore, tmp_path: Path
) -> None:
    there = machine(tmp_path / "there", address)
    write(layout, "old")
    met: list[str] = []

    def let_the_other_in(request: Request) -> None:
        if request.method == "PUT" and request.path.endswith("/manifest.json") and not met:
            met.append(request.path)
            write(there, "second", 2)
            assert read(there) == ["second"] * 2

    with object_store.watching(let_the_other_in):
        write(layout, "first", 3)
    assert met
    assert read(layout) == read(there) == ["first"] * 3
    write(there, "third")
    assert read(layout) == read(there) == ["third"]


@pytest.mark.slow
def test_a_reader_between_two_days_sees_the_new_one(
    layout: Layout, address: str, object_store: ObjectStore, tmp_path: Path
) -> None:
    there = machine(tmp_path / "there", address)
    write(layout, "old", 2)
    met: list[str] = []

    def replace(request: Request) -> None:
        if "/part-" in request.path and not met:
            met.append(request.path)
            write(layout, "new", 3)

    with object_store.watching(replace):
        assert read(there) == ["new"] * 3
    assert met


@pytest.mark.slow
def test_many_writers_and_readers_of_a_day_never_meet_a_mixture(address: str, tmp_path: Path, layout: Layout) -> None:
    write(layout, "0", 1)
    found: list[list[str]] = []

    def work(number: int) -> None:
        own = machine(tmp_path / f"machine {number}", address)
        for turn in range(4):
            if number % 2:
                write(own, f"{number}.{turn}", 1 + (number + turn) % 3)
            else:
                found.append(read(own))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 12
    for texts in found:
        number, _, turn = texts[0].partition(".")
        assert len(texts) == (1 + (int(number) + int(turn)) % 3 if turn else 1)
        assert len(set(texts)) == 1


@pytest.mark.slow
def test_days_are_many_and_ascending(layout: Layout) -> None:
    days = [DAY - timedelta(days=n) for n in range(9)]
    for day in days:
        write(layout, "a", day=day)
    assert layout.days("events") == sorted(days)
    assert layout.days("sessions") == []
