"""Raw files delivered into an object store: the folder here becomes what lies there, and nothing else of it changes."""

from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import warehouse.sources.raw.fetching as fetching
from tests.object_store import ObjectStore, Request, say_where
from warehouse.engine.duckdb_engine import DuckDBEngine
from warehouse.engine.errors import DataError
from warehouse.layout import Layout
from warehouse.sources.raw.fetching import fetch_events, fetch_items
from warehouse.steps.events.calendar import calendar
from warehouse.steps.events.ingest import ingest_day
from warehouse.store.address import StoreError

DAY = date(2024, 3, 1)


@pytest.fixture
def address(object_store: ObjectStore, layout: Layout) -> str:
    found = object_store.address(folder="in/shop")
    say_where(layout.root, raw=found)
    return found


def files(layout: Layout) -> dict[str, bytes]:
    found = (path for path in layout.raw.rglob("*") if path.is_file() and not path.name.startswith("."))
    return {path.relative_to(layout.raw).as_posix(): path.read_bytes() for path in found}


def test_a_folder_becomes_what_was_delivered_and_keeps_imports_of_this_machine(
    layout: Layout, address: str, object_store: ObjectStore
) -> None:
    assert fetch_events(layout, [DAY]) == 0
    assert not layout.raw.exists()
    own = layout.raw_events(DAY) / "import.parquet"
    own.parent.mkdir(parents=True)
    own.write_bytes(b"own")
    kept = {"events/2024-03-01/import.parquet": b"own"}
    first = {"events/2024-03-01/a.parquet": b"a", "events/2024-03-01/hour=1/b c.parquet": b"b"}
    others = [
        "events/2024-03-02/a.parquet",
        "events/2024-03-01/_SUCCESS",
        "events/2024-03-01/.hidden",
        "items/a.parquet",
    ]
    for key in (*first, *others):
        object_store.put(address, key, first.get(key, b"other"))
    assert fetch_events(layout, [DAY]) == 2
    assert files(layout) == kept | first
    object_store.put(address, "events/2024-03-01/a.parquet", b"x")
    assert fetch_events(layout, [DAY]) == 2, "a file of this second may be another one of its size by now"
    assert files(layout) == kept | first | {"events/2024-03-01/a.parquet": b"x"}
    (layout.raw_events(DAY) / "a.parquet").unlink()
    object_store.delete(address, "events/2024-03-01/hour=1/b c.parquet")
    assert fetch_events(layout, [DAY]) == 1
    assert files(layout) == kept | {"events/2024-03-01/a.parquet": b"x"}
    assert fetch_items(layout) == 1
    assert files(layout)["items/a.parquet"] == b"other"


def test_what_has_lain_there_for_a_while_is_fetched_once(
    layout: Layout, address: str, object_store: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "SETTLED", -5.0)
    object_store.put(address, f"events/{DAY}/a.parquet", b"a")
    assert fetch_events(layout, [DAY]) == 1
    with object_store.watching(lambda request: None) as seen:
        assert fetch_events(layout, [DAY]) == 0
    assert len(seen) == 1
    object_store.put(address, f"events/{DAY}/a.parquet", b"longer")
    assert fetch_events(layout, [DAY]) == 1


@pytest.mark.slow
def test_a_delivery_is_read_and_read_again_when_it_changes(
    layout: Layout, address: str, object_store: ObjectStore, duckdb_engine: DuckDBEngine, tmp_path: Path
) -> None:
    def deliver(users: list[int]) -> None:
        times = pa.array([f"{DAY}T12:00:00Z"] * len(users))
        pq.write_table(pa.table({"user_id": users, "item_id": users, "timestamp": times}), tmp_path / "made.parquet")
        object_store.put(address, f"events/{DAY}/part.parquet", (tmp_path / "made.parquet").read_bytes())
        fetch_events(layout, [DAY])

    deliver([1, 2, 3])
    assert ingest_day(duckdb_engine, layout, DAY).rows == 3
    fetch_events(layout, [DAY])
    assert calendar(layout, DAY, DAY).problem() is None
    deliver([1, 2, 3, 4])
    assert calendar(layout, DAY, DAY).stale == (DAY,)
    assert ingest_day(duckdb_engine, layout, DAY).rows == 4
    object_store.put(address, f"events/{DAY}/notes.txt", b"x")
    fetch_events(layout, [DAY])
    with pytest.raises(DataError, match=r"notes\.txt is no parquet file by its name"):
        ingest_day(duckdb_engine, layout, DAY)


def test_a_store_that_fails_leaves_what_was_fetched(layout: Layout, address: str, object_store: ObjectStore) -> None:
    for name in ("a", "b"):
        object_store.put(address, f"events/{DAY}/{name}.parquet", b"old")
    fetch_events(layout, [DAY])
    for name in ("a", "b"):
        object_store.put(address, f"events/{DAY}/{name}.parquet", b"newer")

    def fail(request: Request) -> tuple[int, str] | None:
        return (400, "InvalidRequest") if request.method == "GET" and request.path.endswith("b.parquet") else None

    with (
        object_store.watching(fail),
        pytest.raises(StoreError, match=r"in/shop on 127.* failed: run again when it works"),
    ):
        fetch_events(layout, [DAY])
    assert set(files(layout).values()) == {b"newer", b"old"}
    fetch_events(layout, [DAY])
    assert set(files(layout).values()) == {b"newer"}


def test_a_name_that_leads_out_of_the_folder_is_refused(
    layout: Layout, address: str, object_store: ObjectStore
) -> None:
    object_store.put(address, f"events/{DAY}/../../../../escaped.parquet", b"x")
    with pytest.raises(StoreError, match="cannot be a file of a folder: remove it from the store"):
        fetch_events(layout, [DAY])
    assert files(layout) == {}
