"""Events in an object store: read through copies on this machine, and through the network by DuckDB over fsspec.

`python -m benchmarks.object_store [--events N]`. The server speaks S3 on loopback (moto), so its seconds are those of a
network without delay; the count of requests is what a real one multiplies.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import duckdb

from tests.object_store import KEYS, say_where, serving
from warehouse.engine.duckdb_engine import DuckDBEngine
from warehouse.layout import Layout
from warehouse.sources.shop.generate import generate
from warehouse.steps.events.ingest import ingest_days
from warehouse.store.address import opened

STATEMENTS = (
    "SELECT count(DISTINCT user_id) FROM events",
    "SELECT sum(hash(user_id, item_id, timestamp)) FROM (FROM events ORDER BY user_id, timestamp, item_id)",
)


def ask(connection: duckdb.DuckDBPyConnection, files: list[str]) -> list[object]:
    connection.execute(f"CREATE OR REPLACE TEMP VIEW events AS FROM read_parquet({files!r})")
    return [connection.execute(statement).fetchall() for statement in STATEMENTS]


def through_copies(layout: Layout) -> list[object]:
    files = [str(file) for day in layout.days("events") for file in layout.files("events", day)]
    return ask(duckdb.connect(config={"threads": 1}), files)


def through_the_network(address: str, keys: list[str]) -> list[object]:
    from fsspec.implementations.arrow import ArrowFSWrapper

    store, root = opened(address)
    wrapped, connection = ArrowFSWrapper(store), duckdb.connect(config={"threads": 1})
    connection.register_filesystem(wrapped)
    protocol = wrapped.protocol if isinstance(wrapped.protocol, str) else wrapped.protocol[0]
    return ask(connection, [f"{protocol}://{root}/{key}" for key in keys])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    events = parser.parse_args().events
    os.environ.update(KEYS)
    with serving() as server, tempfile.TemporaryDirectory() as made:
        address = server.address()
        writer, reader = (Layout(Path(made) / name) for name in ("writer", "reader"))
        for layout in (writer, reader):
            say_where(layout.root, address)
        generate(writer, events, seed=1, days=14)
        rows = sum(day.rows for day in ingest_days(DuckDBEngine("1GB", 1), writer, writer.raw_days()))
        keys = [key for key in server.keys(address) if key.startswith("events/") and key.endswith(".parquet")]
        ways: dict[str, Callable[[], list[object]]] = {
            "copies, fetched": lambda: through_copies(reader),
            "copies, there": lambda: through_copies(reader),
            "network, over fsspec": lambda: through_the_network(address, keys),
        }
        print(f"{rows:,} events in {len(keys)} days, {len(STATEMENTS)} statements over all of them")
        answers = []
        for name, way in ways.items():
            with server.watching(lambda request: None) as seen:
                begun = time.perf_counter()
                answers.append(way())
                print(f"{name}: {time.perf_counter() - begun:.2f} s, {len(seen)} requests", flush=True)
        assert answers[0] == answers[1] == answers[2]


if __name__ == "__main__":
    main()
