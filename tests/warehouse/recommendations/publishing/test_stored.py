"""The tables of lists in an object store: any reader of Delta Lake sees whole nights there, whatever fails or dies."""

import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars
import pytest
from deltalake import DeltaTable

from tests.object_store import ObjectStore, Request, say_where
from warehouse import recommendations
from warehouse.layout import Layout
from warehouse.recommendations.errors import RecommendationsError
from warehouse.recommendations.publishing.stored import put_stored
from warehouse.recommendations.publishing.sweeping import known_files
from warehouse.store.address import StoreError


@pytest.fixture
def address(object_store: ObjectStore, nights: SimpleNamespace) -> str:
    found = object_store.address()
    say_where(nights.layout.root, found)
    return found


def rows(table: DeltaTable) -> list[tuple[Any, ...]]:
    found = table.to_pyarrow_table(columns=["run_date", "user_id", "rank", "item_id", "score"])
    order = found.sort_by([("run_date", "ascending"), ("user_id", "ascending"), ("rank", "ascending")])
    return list(zip(*order.to_pydict().values(), strict=True))


def here(nights: SimpleNamespace, version: int | None = None) -> list[tuple[Any, ...]]:
    return rows(DeltaTable(nights.layout.recommendations, version=version))


def elsewhere(address: str, object_store: ObjectStore) -> DeltaTable:
    """The table as a reader sees it that knows nothing but its address."""
    return DeltaTable(f"{address.partition('?')[0]}/recommendations", storage_options=object_store.options)


@pytest.mark.slow
def test_the_store_follows_publications_a_rollback_and_an_operator(
    nights: SimpleNamespace, address: str, object_store: ObjectStore
) -> None:
    for act in (
        lambda: nights.publish(0),
        lambda: nights.publish(1),
        lambda: nights.publish(0, nights.rows(seed=9)),
        lambda: recommendations.rollback(nights.layout),
        lambda: nights.publish(2),
        lambda: recommendations.retain(nights.layout, 2, 0),
    ):
        act()
        there = elsewhere(address, object_store)
        assert there.version() == DeltaTable(nights.layout.recommendations).version()
        assert rows(there) == here(nights) != []
        data = {key for key in object_store.keys(address) if key.endswith(".parquet")}
        known = {f"recommendations/{name}" for name in known_files(nights.layout.recommendations)}
        assert data == {name for name in known if (nights.layout.root / name).exists()}
    read = polars.read_delta(f"{address.partition('?')[0]}/recommendations", storage_options=object_store.options)
    assert read.height == len(here(nights))
    assert read["run_date"].n_unique() == 2


def test_what_is_put_is_put_once(nights: SimpleNamespace, address: str, object_store: ObjectStore) -> None:
    nights.publish(0)
    with object_store.watching(lambda request: None) as seen:
        nights.publish(1)
    put = [request.path for request in seen if request.method == "PUT"]
    assert len([path for path in put if path.endswith(".parquet")]) == 1
    assert len([path for path in put if path.endswith(".json")]) == 1
    with object_store.watching(lambda request: None) as seen:
        put_stored(nights.layout.recommendations)
    assert [request.method for request in seen if request.method not in ("GET", "HEAD")] == []


def test_a_publication_trims_copies_of_days_that_the_store_has_no_more(
    nights: SimpleNamespace, address: str, object_store: ObjectStore
) -> None:
    for day in (nights.day(0), nights.day(1)):
        with nights.layout.replacing("events", day) as beside:
            beside.write_text("events")
    for key in object_store.keys(address):
        if str(nights.day(0)) in key:
            object_store.delete(address, key)
    nights.publish(1)
    left = [part.parents[1].name for part in (nights.layout.root / ".copies").rglob("part-*")]
    assert left == [f"{nights.day(1)}.parts"]


@pytest.mark.slow
def test_readers_see_whole_nights_at_every_moment(
    nights: SimpleNamespace, address: str, object_store: ObjectStore
) -> None:
    nights.publish(0)
    found: list[tuple[int, list[tuple[Any, ...]]]] = []
    looking = threading.Lock()

    def look(request: Request) -> None:
        if request.method in ("PUT", "POST", "DELETE") and looking.acquire(blocking=False):
            there = elsewhere(address, object_store)
            found.append((there.version(), rows(there)))
            looking.release()

    with object_store.watching(look):
        nights.publish(1)
        nights.publish(0, nights.rows(seed=9))
    assert len({version for version, _ in found}) >= 2
    for version, seen in found:
        assert seen == here(nights, version)


@pytest.mark.parametrize("where", [pytest.param(".parquet", marks=pytest.mark.slow), ".json"])
def test_a_store_that_fails_shows_the_night_before_until_the_next_publication(
    nights: SimpleNamespace, address: str, object_store: ObjectStore, where: str
) -> None:
    nights.publish(0)
    before = here(nights)

    def fail(request: Request) -> tuple[int, str] | None:
        return (400, "EntityTooLarge") if request.method == "PUT" and request.path.endswith(where) else None

    with (
        object_store.watching(fail),
        pytest.raises(StoreError, match=r"recommendations shows it, and readers in the store an earlier version: "),
    ):
        nights.publish(1)
    assert rows(elsewhere(address, object_store)) == before
    assert len(here(nights)) == 2 * len(before)
    nights.publish(2)
    assert rows(elsewhere(address, object_store)) == here(nights)


@pytest.mark.slow
@pytest.mark.parametrize("where", [".parquet", ".json"])
def test_a_process_that_is_killed_while_it_puts_shows_the_night_before(
    nights: SimpleNamespace, address: str, object_store: ObjectStore, where: str
) -> None:
    nights.publish(0)
    before = here(nights)
    (nights.layout.root / "storage.toml").rename(nights.layout.root / "aside")
    nights.publish(1)
    nights.publish(2)
    (nights.layout.root / "aside").rename(nights.layout.root / "storage.toml")
    came, dead = threading.Event(), threading.Event()

    def hold(request: Request) -> tuple[int, str] | None:
        if request.method == "PUT" and request.path.endswith(where):
            came.set()
            dead.wait(60)
            return 400, "ItsClientIsGone"
        return None

    text = "import sys, pathlib; from warehouse.recommendations.publishing.stored import put_stored; "
    text += "put_stored(pathlib.Path(sys.argv[1]))"
    with object_store.watching(hold):
        putting = subprocess.Popen([sys.executable, "-c", text, str(nights.layout.recommendations)])
        assert came.wait(60)
        putting.kill()
        assert putting.wait() == -signal.SIGKILL
        dead.set()
    assert rows(elsewhere(address, object_store)) == before
    put_stored(nights.layout.recommendations)
    assert rows(elsewhere(address, object_store)) == here(nights)


def test_another_data_folder_does_not_write_into_the_table(
    nights: SimpleNamespace, address: str, object_store: ObjectStore, tmp_path: Path
) -> None:
    nights.publish(0)
    keys = object_store.keys(address)
    other = Layout(tmp_path / "other")
    say_where(other.root, address)
    nights.layout.root.rename(tmp_path / "aside")
    other.root.rename(nights.layout.root)
    with pytest.raises(RecommendationsError, match=r"was not put there from .*nothing was written there; copy it here"):
        nights.publish(1)
    assert nights.files() == {"storage.toml"}
    assert object_store.keys(address) == keys
    for key in keys:  # what the sentence says helps
        (nights.layout.root / key).parent.mkdir(parents=True, exist_ok=True)
        (nights.layout.root / key).write_bytes(object_store.get(address, key))
    nights.publish(1)
    assert rows(elsewhere(address, object_store)) == here(nights)


def test_a_store_that_is_not_there_stops_a_night_before_it_is_written(
    nights: SimpleNamespace, object_store: ObjectStore
) -> None:
    say_where(nights.layout.root, object_store.address("not-there"))
    with pytest.raises(StoreError, match="there is no bucket not-there"):
        nights.publish(0)
    assert nights.files() == {"storage.toml"}


@pytest.mark.slow
def test_a_table_with_many_nights_whose_old_log_is_cleaned_comes_whole(
    nights: SimpleNamespace, address: str, object_store: ObjectStore
) -> None:
    (nights.layout.root / "storage.toml").rename(nights.layout.root / "aside")
    for day in range(4):
        nights.publish(day)
    table = DeltaTable(nights.layout.recommendations)
    table.create_checkpoint()
    log = nights.layout.recommendations / "_delta_log"
    for version in range(table.version() - 1):
        (log / f"{version:020d}.json").unlink()
    nights.publish(4)
    (nights.layout.root / "aside").rename(nights.layout.root / "storage.toml")
    put_stored(nights.layout.recommendations)
    assert rows(elsewhere(address, object_store)) == here(nights)
    assert "recommendations/_delta_log/_last_checkpoint" in object_store.keys(address)
    nights.publish(5)
    assert rows(elsewhere(address, object_store)) == here(nights)
