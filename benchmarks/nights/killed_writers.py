"""Killed writers of the tables of lists: killed at random moments while two readers count rows in a loop.

python benchmarks/nights/killed_writers.py --kills 100 --users 2000
python benchmarks/nights/killed_writers.py --kills 100 --users 2000 --lists similar_items

Each round forks a writer that publishes some night, and kills it with SIGKILL: every other round after a random time
between nothing and a bit more than a publication takes, and every other a few random milliseconds after the night's
first new data file appears, so that the short moment of the commit is met often. Two readers in processes of their
own, DuckDB and polars, count the rows of every night all the while. A night must always have all its users, from one
publication, and a night once seen must not disappear. At the end one good night is published, and no file may be left
that the table's log does not know. Prints what was counted, as JSON; exit code 1 when anything was wrong.
"""

import argparse
import datetime as dt
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from warehouse.recommendations import SIMILAR, AuditLimits, Expected, NightFacts, publish
from warehouse.recommendations.kinds import kind_at

FIRST = dt.date(2026, 1, 1)
NIGHTS = 5  # the killed writers write these nights again and again
N, CATALOGUE = 25, 500


def batches(users: int, generation: int, gate: Path | None = None) -> Iterator[pa.RecordBatch]:
    """N distinct items for each user, from one generator per publication; the first batch waits for the file `gate`."""
    while gate is not None and not gate.exists():
        time.sleep(0.01)
    rng = np.random.default_rng(generation)
    for first in range(0, users, 100):
        some = np.arange(first, min(first + 100, users))
        yield pa.record_batch(
            {
                "user_id": np.repeat(some, N),
                "rank": np.tile(np.arange(1, N + 1, dtype=np.int16), len(some)),
                "item_id": np.concatenate([rng.permutation(CATALOGUE)[:N] for _ in some]),
                "score": -np.sort(rng.normal(size=(len(some), N)).astype(np.float32)).ravel(),
                "probability": np.full(N * len(some), 0.01, np.float32),
                "model": pa.array(["GRU4Rec"] * (N * len(some))),
                "context_length": np.full(N * len(some), 3, np.int16),
            }
        )


def similar(lists: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The same lists as those of items that none of them holds."""
    for batch in lists:
        columns = [pa.array(batch["user_id"].to_numpy() + CATALOGUE), batch["rank"], batch["item_id"], batch["score"]]
        yield pa.RecordBatch.from_arrays(columns, names=list(SIMILAR.staged.names))


def write(table: Path, night: dt.date, generation: int, users: int, gate: Path | None = None) -> None:
    """Publish one night; its model version tells the publications of a night apart."""
    expected = Expected(N, users, pa.array(range(CATALOGUE)))
    limits = AuditLimits(min_overlap=None)  # the lists are random: no two nights resemble each other
    lists = batches(users, generation, gate)
    lists = similar(lists) if kind_at(table) is SIMILAR else lists
    publish(table, night, lists, NightFacts(generation, f"run{generation}"), expected, limits)


def count_duckdb(table: Path) -> dict[str, tuple[int, int, int]]:
    """night -> rows, lists, publications, over the files that the log names."""
    import duckdb
    from deltalake import DeltaTable

    figures = f"count(*), count(DISTINCT {kind_at(table).owner}), count(DISTINCT model_version)"
    sql = f"SELECT run_date::VARCHAR, {figures} FROM read_parquet($f) GROUP BY 1"
    with duckdb.connect() as con:
        rows = con.sql(sql, params={"f": DeltaTable(table).file_uris()}).fetchall()
    return {row[0]: row[1:] for row in rows}


def count_polars(table: Path) -> dict[str, tuple[int, int, int]]:
    """The same through polars' own Delta reader."""
    import polars as pl

    frame = pl.scan_delta(str(table)).group_by("run_date").agg(
        pl.len(), pl.col(kind_at(table).owner).n_unique(), pl.col("model_version").n_unique().alias("generations")
    )  # fmt: skip
    return {str(row[0]): row[1:] for row in frame.collect().iter_rows()}


def read(engine: str, table: Path, users: int) -> int:
    """Count until standard input closes; print looks and faults as JSON."""
    count = {"duckdb": count_duckdb, "polars": count_polars}[engine]
    os.set_blocking(sys.stdin.fileno(), False)
    looks, faults, seen = 0, [], set()
    while sys.stdin.buffer.read(1) is None:
        try:
            nights = count(table)
        except Exception as error:  # whatever the engine raises is a reader's error, and what is looked for
            faults.append(f"{type(error).__name__}: {error}")
            continue
        looks += 1
        time.sleep(0.01)
        faults += [f"{night}: {found}" for night, found in nights.items() if found != (users * N, users, 1)]
        faults += [f"{night} disappeared" for night in seen - nights.keys()]
        seen |= nights.keys()
    print(
        json.dumps({"engine": engine, "looks": looks, "nights": len(seen), "faults": faults[:20], "wrong": len(faults)})
    )
    return 0


def forked_writer(table: Path, night: dt.date, generation: int, users: int) -> int:
    """Start a writer; returns its process id. Forked, so that its life is all publishing and no starting up."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            write(table, night, generation, users)
            code = 0
        finally:
            os._exit(code)
    return child


def data_files(table: Path, night: dt.date) -> set[str]:
    """The files in a night's folder, committed or not."""
    folder = table / f"run_date={night}"
    return set(os.listdir(folder)) if folder.exists() else set()


def left_behind(table: Path) -> list[str]:
    """What kind of litter lies about now."""
    kinds = []
    if list((table.parent / f"{table.name}_staging").glob("*")):
        kinds.append("staged file")
    if list((table / "_delta_log").glob("_commit_*")):
        kinds.append("draft of a commit")
    if list(table.glob("run_date=*/*#*")):
        kinds.append("half a data file")
    return kinds


def kill_writers(table: Path, kills: int, users: int, seed: int) -> dict:
    """Kill `kills` writers, publish one good night, and return what was counted."""
    rng = random.Random(seed)
    for generation in (1, 2):
        began = time.monotonic()
        child = forked_writer(table, FIRST + dt.timedelta(days=generation - 1), generation, users)
        if os.waitpid(child, 0)[1]:
            raise SystemExit("a writer that nobody killed has failed")
        whole = time.monotonic() - began
    readers = [
        subprocess.Popen([sys.executable, __file__, "--read", engine, "--table", str(table), "--users", str(users)],
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for engine in ("duckdb", "polars")
    ]  # fmt: skip
    outcome: Counter[str] = Counter()
    generation = 2
    while outcome["killed"] < kills:
        generation += 1
        night = FIRST + dt.timedelta(days=rng.randrange(NIGHTS))
        before = data_files(table, night)
        child = forked_writer(table, night, generation, users)
        if generation % 2:
            time.sleep(rng.uniform(0, 1.2 * whole))
        else:
            end = time.monotonic() + 2 * whole
            while data_files(table, night) == before and time.monotonic() < end:
                time.sleep(0.001)
            time.sleep(rng.uniform(0, 0.03))
        os.kill(child, signal.SIGKILL)
        status = os.waitpid(child, 0)[1]
        if os.WIFSIGNALED(status) and data_files(table, night) != before:
            outcome["killed with data files written"] += 1
        outcome["killed" if os.WIFSIGNALED(status) else "finished before" if status == 0 else "failed"] += 1
        outcome.update(left_behind(table) if os.WIFSIGNALED(status) else [])
    child = forked_writer(table, FIRST + dt.timedelta(days=NIGHTS), generation + 1, users)
    outcome["failed"] += os.waitpid(child, 0)[1] != 0
    reports = [json.loads(reader.communicate()[0]) for reader in readers]
    return {"kills": outcome["killed"], **outcome, "seconds a night": round(whole, 2), "readers": reports,
            "litter": litter(table), "nights": len(count_duckdb(table))}  # fmt: skip


def litter(table: Path) -> list[str]:
    """Files below the table's folders that no log entry names."""
    known = set()
    for entry in (table / "_delta_log").glob("*.json"):
        actions = [json.loads(line) for line in entry.read_text().splitlines()]
        known |= {str(table / a[kind]["path"]) for a in actions for kind in ("add", "remove") if kind in a}
    staging = table.parent / f"{table.name}_staging"
    there = [file for folder in (table, staging) for file in folder.rglob("*") if file.is_file()]
    log = [file for file in there if file.parent.name == "_delta_log"]
    logged = [file for file in log if file.suffix in (".json", ".parquet") or file.name == "_last_checkpoint"]
    return sorted(str(file) for file in there if str(file) not in known and file not in logged)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--users", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--lists", choices=("recommendations", "similar_items"), default="recommendations")
    parser.add_argument("--table", type=Path, help="folder of the table (default: a temporary one)")
    parser.add_argument("--read", choices=("duckdb", "polars"), help="be a reader (used by the run itself)")
    parser.add_argument("--write", metavar="NIGHT", type=dt.date.fromisoformat, help="publish one night and end")
    parser.add_argument("--gate", type=Path, help="with --write: wait for this file to exist before the first batch")
    args = parser.parse_args()
    if args.read:
        return read(args.read, args.table, args.users)
    if args.write:
        try:
            write(args.table, args.write, args.seed, args.users, args.gate)
        except ValueError as error:
            print(error, file=sys.stderr)
            return 2
        return 0
    with tempfile.TemporaryDirectory() as folder:
        found = kill_writers(args.table or Path(folder) / args.lists, args.kills, args.users, args.seed)
    print(json.dumps(found, indent=2))
    good = not (found["litter"] or found.get("failed") or any(r["wrong"] or not r["looks"] for r in found["readers"]))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
