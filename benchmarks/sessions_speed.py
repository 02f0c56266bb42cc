"""Speed and memory of the way from raw events to splits, against polars and pandas, on the synthetic shop.

python benchmarks/sessions_speed.py                            10M events: the whole way, then polars and pandas
python benchmarks/sessions_speed.py --events 100000000 --alone    the whole way at full size
python benchmarks/sessions_speed.py --events 100000000 --alone --data FOLDER    a shop made before; it is kept

Every measurement is a process of its own, so that its greatest memory is its own. The peers do the work of sessions and
splits from the same daily events files: cut at a pause of 30 minutes, drop repeats, filter items and sessions to the
fixpoint, write sessions and splits sorted as parquet; their rows are compared with ours, value by value. Processor
seconds are told beside wall seconds: on a machine that others use too, the wall says more about them.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

from warehouse.config import SessionsConfig, SplitsConfig
from warehouse.days import midnight
from warehouse.engine.duckdb_engine import DuckDBEngine
from warehouse.layout import Layout
from warehouse.sources.shop.generate import write_shop
from warehouse.sources.shop.process import Shop
from warehouse.steps.events.ingest import ingest_days
from warehouse.steps.sessions.build import build_sessions
from warehouse.steps.splits.build import boundaries, build_splits

MEMORY_LIMIT = "2GB"
CORES = 2
MIN_LENGTH, MIN_SUPPORT = SessionsConfig().min_session_length, SessionsConfig().min_item_support


class Clock:
    """Wall and processor seconds of steps, and the process's greatest memory so far."""

    def __init__(self) -> None:
        self.steps: dict[str, dict[str, float]] = {}
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def done(self, step: str) -> None:
        """A step has ended."""
        wall, cpu = time.perf_counter(), time.process_time()
        self.steps[step] = {"wall_s": round(wall - self._wall, 2), "cpu_s": round(cpu - self._cpu, 2)}
        self._wall, self._cpu = wall, cpu

    def result(self, **more: object) -> dict[str, object]:
        """All steps, their sums, the greatest memory in GiB, and what else there is to tell."""
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        totals = {key: round(sum(step[key] for step in self.steps.values()), 2) for key in ("wall_s", "cpu_s")}
        return {**totals, "peak_gib": round(peak, 2), "steps": self.steps, **more}


def whole_way(layout: Layout) -> dict[str, object]:
    """Our own: events of every day, sessions, splits."""
    engine, days = DuckDBEngine(MEMORY_LIMIT, threads=CORES), layout.raw_days()
    clock = Clock()
    rows = sum(report.rows for report in ingest_days(engine, layout, days))
    clock.done("events")
    report = build_sessions(engine, layout, days[-1])
    clock.done("sessions")
    splits = build_splits(engine, layout, days[-1])
    clock.done("splits")
    return clock.result(events=rows, sessions=report.sessions, rows=report.rows, split_rows=splits.rows)


def with_polars(layout: Layout, out: Path) -> dict[str, object]:
    """The same sessions and splits in polars: one sort, shifts along it, semi joins to the fixpoint."""
    import polars as pl

    clock = Clock()
    same_user = pl.col("user_id") == pl.col("user_id").shift()
    pause = pl.col("timestamp") - pl.col("timestamp").shift()
    start = (~same_user | (pause > timedelta(minutes=30))).fill_null(True)
    clicks = (
        pl.scan_parquet(layout.root / "events" / "*.parquet")
        .sort("user_id", "timestamp", "item_id")
        .with_columns(start.alias("start"))
        .with_columns(pl.when("start").then("timestamp").forward_fill().alias("session_start"))
        .filter(pl.col("start") | (pl.col("item_id") != pl.col("item_id").shift()))
        .select("user_id", "session_start", "item_id", "timestamp")
        .collect()
    )
    while True:
        before = len(clicks)
        long = clicks.group_by("user_id", "session_start").len().filter(pl.col("len") >= MIN_LENGTH)
        clicks = clicks.join(long, on=["user_id", "session_start"], how="semi", maintain_order="left")
        known = clicks.group_by("item_id").len().filter(pl.col("len") >= MIN_SUPPORT)
        clicks = clicks.join(known, on="item_id", how="semi", maintain_order="left")
        if len(clicks) == before:
            break
    clicks.write_parquet(out / "sessions.parquet", compression="zstd", row_group_size=122_880)
    clock.done("sessions")
    validation, test = (midnight(day) for day in boundaries(layout.raw_days()[-1], SplitsConfig()))
    began, at = pl.col("session_start"), pl.col("timestamp")
    parts = {
        "train": (began < validation) & (at < validation),
        "validation": (began >= validation) & (began < test) & (at < test),
        "test": began >= test,
    }
    splits = pl.concat(clicks.filter(mask).with_columns(split=pl.lit(name)) for name, mask in parts.items())
    splits.write_parquet(out / "splits.parquet", compression="zstd", row_group_size=122_880)
    clock.done("splits")
    return clock.result(rows=len(clicks), split_rows=len(splits))


def with_pandas(layout: Layout, out: Path) -> dict[str, object]:
    """The same sessions and splits in pandas."""
    import pandas as pd

    clock = Clock()
    days = layout.days("events")
    events = pd.concat([pd.read_parquet(layout.partition("events", day)) for day in days], ignore_index=True)
    events = events.sort_values(["user_id", "timestamp", "item_id"], ignore_index=True)
    start = (events.user_id != events.user_id.shift()) | (events.timestamp.diff() > pd.Timedelta(minutes=30))
    events["session_start"] = events.timestamp.where(start).ffill()
    clicks = events[start | (events.item_id != events.item_id.shift())]
    while True:
        before = len(clicks)
        lengths = clicks.groupby(["user_id", "session_start"], sort=False).item_id.transform("size")
        clicks = clicks[lengths >= MIN_LENGTH]
        support = clicks.item_id.map(clicks.item_id.value_counts())
        clicks = clicks[support >= MIN_SUPPORT]
        if len(clicks) == before:
            break
    clicks = clicks[["user_id", "session_start", "item_id", "timestamp"]]
    clicks.to_parquet(out / "sessions.parquet", compression="zstd", row_group_size=122_880, index=False)
    clock.done("sessions")
    validation, test = (pd.Timestamp(midnight(day)) for day in boundaries(layout.raw_days()[-1], SplitsConfig()))
    began, at = clicks.session_start, clicks.timestamp
    parts = {
        "train": (began < validation) & (at < validation),
        "validation": (began >= validation) & (began < test) & (at < test),
        "test": began >= test,
    }
    splits = pd.concat([clicks[mask].assign(split=name) for name, mask in parts.items()])
    splits.to_parquet(out / "splits.parquet", compression="zstd", row_group_size=122_880, index=False)
    clock.done("splits")
    return clock.result(rows=len(clicks), split_rows=len(splits))


def same_rows(layout: Layout, out: Path) -> bool:
    """Whether a peer's sessions and splits are ours, row for row and in order."""
    import pyarrow.parquet as pq

    night = layout.raw_days()[-1]
    for name in ("sessions", "splits"):
        ours, theirs = pq.read_table(layout.partition(name, night)), pq.read_table(out / f"{name}.parquet")
        if not ours.equals(theirs.select(ours.column_names).cast(ours.schema)):
            return False
    return True


RUNS = {"ours": lambda layout, out: whole_way(layout), "polars": with_polars, "pandas": with_pandas}


def measured(name: str, layout: Layout, out: Path) -> dict[str, object]:
    """One run in a process of its own."""
    environment = os.environ | {"POLARS_MAX_THREADS": str(CORES), "OMP_NUM_THREADS": str(CORES)}
    command = [sys.executable, __file__, "--run", name, "--data", str(layout.root), "--out", str(out)]
    printed = subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout
    return dict(json.loads(printed.splitlines()[-1]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--alone", action="store_true", help="without polars and pandas")
    parser.add_argument("--data", type=Path, help="a folder with a shop made before (else one is made, and removed)")
    parser.add_argument("--run", choices=RUNS, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.run:
        print(json.dumps(RUNS[arguments.run](Layout(arguments.data), arguments.out)))
        return
    with tempfile.TemporaryDirectory(prefix="sessions_speed_") as made:
        layout = Layout(arguments.data or Path(made) / "data")
        if not layout.raw_days():
            shop = Shop(n_items=min(arguments.events // 50, 1_000_000), days=30)
            write_shop(shop, layout, arguments.events)
        out = Path(made) / "peer"
        out.mkdir()
        ours = measured("ours", layout, out)
        ours["events_per_second"] = round(ours["events"] / ours["wall_s"])
        ours["events_per_second_of_free_cores"] = round(CORES * ours["events"] / ours["cpu_s"])
        print(json.dumps({"ours": ours}, indent=1), flush=True)
        for name in () if arguments.alone else ("polars", "pandas"):
            theirs = measured(name, layout, out)
            theirs["same_rows"] = same_rows(layout, out)
            mine = {key: ours["steps"]["sessions"][key] + ours["steps"]["splits"][key] for key in ("wall_s", "cpu_s")}
            theirs["times_ours"] = {key: round(theirs[key] / mine[key], 2) for key in mine}
            theirs["memory_times_ours"] = round(theirs["peak_gib"] / ours["peak_gib"], 2)
            print(json.dumps({name: theirs}, indent=1), flush=True)
        shutil.rmtree(out)


if __name__ == "__main__":
    main()
