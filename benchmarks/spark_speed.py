"""DuckDB and Spark side by side: the same rows of every table, in the same order and types, and what each step takes.

python -m benchmarks.spark_speed                                 1M events on two executors of this machine
python -m benchmarks.spark_speed --events 10000000 --url "local-cluster[1,1,2048]"

The events have text ids with quotes, backslashes and line breaks, given sessions, late rows, rows delivered twice and
rows that no engine may accept. Every table is compared whole: EXCEPT ALL both ways, then row by row.
"""

import argparse
import json
import tempfile
import time
from datetime import date, datetime, timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from warehouse.config import ContextConfig, EventsConfig
from warehouse.engine.duckdb_engine import DuckDBEngine
from warehouse.engine.protocol import Engine
from warehouse.engine.spark.spark_engine import SparkEngine
from warehouse.layout import Layout
from warehouse.steps.contexts.build import contexts
from warehouse.steps.events.ingest import ingest_days
from warehouse.steps.sessions.build import build_sessions
from warehouse.steps.splits.build import build_splits

DAYS = [date(2026, 1, 1) + timedelta(days=n) for n in range(6)]
STRANGE = ["'", "\\", "\n", '"', "é", "${x}", "%"]  # what a dialect might read as more than a character
TABLES = ("events", "rejected_events", "sessions", "splits")


def write_raw(layout: Layout, events: int) -> None:
    """Raw events of DAYS, two files a day."""
    rng = np.random.default_rng(0)
    for place, day in enumerate(DAYS):
        n = events // len(DAYS)
        users = rng.zipf(1.3, n) % (events // 10)
        items = rng.zipf(1.2, n) % (events // 50)
        sessions = users * 10 + rng.integers(0, 3, n)
        seconds = np.sort(rng.integers(0, 86_400, n)) - 86_400 * rng.integers(1, 6, n) * (rng.random(n) < 0.02)
        start = datetime(day.year, day.month, day.day)
        times = [(start + timedelta(seconds=int(one))).isoformat() for one in seconds]
        for bad, text in (("12:30", 1e-3), ("2026", 1e-3), ("soon", 1e-3), ("2030-01-01 10:00", 1e-3)):
            for row in np.flatnonzero(rng.random(n) < text):
                times[row] = bad
        names = [None if user % 1009 == 7 else f"u{STRANGE[user % len(STRANGE)]}{user}" for user in users.tolist()]
        table = pa.table(
            {
                "user_id": names,
                "item_id": pa.array([None if item % 1013 == 3 else item for item in items.tolist()], pa.int64()),
                "timestamp": times,
                "session_id": [f"s\\{one}" for one in sessions.tolist()],
                "event_type": np.array(["view", "cart"])[(rng.random(n) < 0.1).astype(int)],
            }
        )
        twice = table.take(rng.integers(0, n, n // 50))
        folder = layout.raw_events(day)
        folder.mkdir(parents=True)
        pq.write_table(table, folder / "a.parquet")
        pq.write_table(pa.concat_tables([twice, table.slice(place, 10)]), folder / "b.parquet")


def run(engine: Engine, layout: Layout) -> tuple[dict[str, float], pa.Table]:
    """Every step, in seconds; and the contexts."""
    seconds: dict[str, float] = {}
    began = time.perf_counter()
    with engine.open():
        seconds["start"] = time.perf_counter() - began
    for name, step in {
        "events": lambda: list(ingest_days(engine, layout, DAYS, EventsConfig(max_rejected_share=1.0))),
        "sessions": lambda: build_sessions(engine, layout, DAYS[-1]),
        "splits": lambda: build_splits(engine, layout, DAYS[-1]),
        "contexts": lambda: contexts(engine, layout, DAYS[-1], ContextConfig()).read_all(),
    }.items():
        began = time.perf_counter()
        made: Any = step()
        seconds[name] = time.perf_counter() - began
        if name == "splits":
            print(json.dumps({"greatest_memory_gib": greatest_memory()}), flush=True)
    return {name: round(one, 2) for name, one in seconds.items()}, made


def greatest_memory() -> dict[str, float]:
    """The greatest memory so far of this process and, where Spark has started, of its driver's JVM."""
    from pyspark import SparkContext

    found = {"python": Path("/proc/self/status")}
    if SparkContext._gateway is not None:
        found["jvm"] = Path(f"/proc/{SparkContext._gateway.proc.pid}/status")
    return {name: round(int(path.read_text().split("VmHWM:")[1].split()[0]) / 2**20, 3) for name, path in found.items()}


def differences(one: pa.Table, other: pa.Table) -> dict[str, object]:
    """Rows of each table that the other lacks, and whether order and types are the same."""
    with duckdb.connect() as con:
        con.register("one", one)
        con.register("other", other)
        missing = [
            con.sql(f"SELECT count(*) FROM (FROM {a} EXCEPT ALL FROM {b})").fetchall()[0][0]
            for a, b in (("one", "other"), ("other", "one"))
        ]
    same = one.column_names == other.column_names and all(
        one[name].type == other[name].type and one[name].equals(other[name]) for name in one.column_names
    )
    return {"rows": len(one), "differ": missing, "same_order_and_types": same}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--url", default="local-cluster[2,1,2048]")
    parser.add_argument("--alone", action="store_true", help="Spark alone: its seconds and the memory of its driver")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="spark_speed_") as made:
        layouts = {kind: Layout(Path(made) / kind) for kind in ("duckdb", "spark")}
        # In a process of its own, so that its memory is not this one's.
        making = get_context("spawn").Process(target=write_raw, args=(layouts["duckdb"], arguments.events))
        making.start()
        making.join()
        (Path(made) / "spark").mkdir()
        layouts["spark"].raw.symlink_to(layouts["duckdb"].raw)
        settings = {"spark.driver.memory": "1g", "spark.executor.memory": "1g", "spark.sql.shuffle.partitions": "4"}
        engines: dict[str, Engine] = {
            "duckdb": DuckDBEngine("2GB", 2, Path(made) / "scratch"),
            "spark": SparkEngine(arguments.url, Path(made) / "scratch", settings),
        }
        if arguments.alone:
            del engines["duckdb"]
        found = {}
        for kind, engine in engines.items():
            seconds, found[kind] = run(engine, layouts[kind])
            print(json.dumps({kind: seconds}), flush=True)
        if arguments.alone:
            return
        print(json.dumps({"contexts": differences(found["duckdb"], found["spark"])}), flush=True)
        for name in TABLES:
            for day in layouts["duckdb"].days(name):
                one, other = (pq.read_table(layout.files(name, day)) for layout in layouts.values())
                if name == "rejected_events":  # each names its own raw folder
                    one, other = one.drop("source_file"), other.drop("source_file")
                print(json.dumps({f"{name} {day}": differences(one, other)}), flush=True)


if __name__ == "__main__":
    main()
