"""A whole night of the synthetic shop, asset by asset: seconds, processor seconds, peak memory and shares.

    .venv/bin/python -m benchmarks.night_speed --events 1000000                the night as it is
    .venv/bin/python -m benchmarks.night_speed --events 10000000 --sessions-a-user 0.65 --updates 320 --test 5000
                                                                               its memory: 1M users, training cut short

Every asset runs in a process of its own, through the job *nightly*, on a data folder made for it and deleted at the
end. Its time begins when Dagster and the definitions are loaded; what an asset itself imports (torch, MLflow) counts.
Its peak is the process's greatest resident set since then (VmHWM, reset by /proc/self/clear_refs), the interpreter and
all libraries included. `--updates` stops every epoch after so many updates and then reads the rest of the sessions
once, so that memory is that of a whole epoch: then the seconds of training and what it reaches mean nothing.
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
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from benchmarks.train_memory import stop_early

FIRST = date(2026, 1, 1)
STEPS = {
    "events": "ingestion", "items": "ingestion", "sessions": "data", "splits": "data", "gru4rec_model": "training",
    "offline_evaluation": "evaluation", "champion_model": "gate", "recommendations": "lists, publication",
    "similar_items": "lists, publication", "night_report": "report",
}  # fmt: skip
SETTINGS = """
[partitions]
first_day = "{first}"
last_day = "{last}"
[engine]
memory_limit = "{memory}"
threads = 2
[sessions]
window_days = {days}
[contexts]
window_days = {days}
[model]
preset = "{preset}"
threads = 1
[model.overrides]
{overrides}
[evaluation]
max_sessions = {test}
[gate]
best_baseline_share = 0.0
min_events = 1
[recommendations]
min_overlap = 0.0
[mlflow]
system_metrics = false
"""


def status(name: str) -> float:
    """A line of /proc/self/status in MiB."""
    return int(Path("/proc/self/status").read_text().split(f"{name}:")[1].split()[0]) / 1024


def processor() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(part.ru_utime + part.ru_stime for part in used)


def generate(root: Path, options: argparse.Namespace) -> None:
    """The shop, in a process of its own so that it leaves nothing in ours."""
    code = (
        "from warehouse.sources.shop import generate; from warehouse.layout import Layout; from pathlib import Path\n"
        f"generate.SESSIONS_A_USER = {options.sessions_a_user}\n"
        f"layout = Layout(Path({str(root)!r}))\n"
        f"generate.generate(layout, {options.events}, n_items={options.items}, days={options.days})"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def run_step(name: str, days: list[str], updates: int) -> dict[str, Any]:
    """Materialise one asset (the events of every day) in this process."""
    import dagster as dg

    from pipelines.definitions import defs

    if updates and name == "gru4rec_model":
        stop_early(updates)
    span = {"dagster/asset_partition_range_start": days[0], "dagster/asset_partition_range_end": days[-1]}
    every_day = name == "events"
    chosen = ["events", "rejected_events"] if every_day else [name]
    with dg.DagsterInstance.get() as instance:
        before, wall = processor(), time.perf_counter()
        Path("/proc/self/clear_refs").write_text("5")
        done = defs.resolve_job_def("backfill_events" if every_day else "nightly").execute_in_process(
            instance=instance,
            partition_key=None if every_day else days[-1],
            tags=span if every_day else None,
            asset_selection=[dg.AssetKey(key) for key in chosen],
            run_config={"loggers": {"plain": {}}},
        )
        assert done.success
    return {
        "seconds": time.perf_counter() - wall,
        "processor": processor() - before,
        "peak": status("VmHWM"),
        "inside": inside(done, name),
    }


def inside(done: Any, name: str) -> dict[str, float]:
    """The seconds of an asset's parts that its own page tells, and rows and users where it counts some."""
    found = {}
    for event in done.asset_materializations_for_node("ingest_events" if name == "events" else name):
        for key, value in event.metadata.items():
            if key.startswith("seconds") or key in ("users", "dagster/row_count", "training_sessions", "items"):
                found[key] = value.value
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--items", type=int, default=20_000)
    parser.add_argument("--days", type=int, default=14)
    parser.add_argument(
        "--sessions-a-user", type=float, default=4, help="of 6 events each: fewer, and there are more users"
    )
    parser.add_argument("--preset", default="auto")
    parser.add_argument("--overrides", default="", help="of the preset: lines of TOML")
    parser.add_argument("--test", type=int, default=50_000, help="[evaluation] max_sessions")
    parser.add_argument("--updates", type=int, default=0, help="of an epoch; 0: a whole one")
    parser.add_argument("--memory-limit", default="2GB", help="[engine] memory_limit")
    parser.add_argument("--folder", type=Path, help="keep the data there, and go on with what is there")
    parser.add_argument("--steps", nargs="+", choices=STEPS, default=list(STEPS), help="run only these")
    parser.add_argument("--step", help="used by the run itself")
    options = parser.parse_args()
    days = [(FIRST + timedelta(days=day)).isoformat() for day in range(options.days)]
    if options.step:
        print(json.dumps(run_step(options.step, days, options.updates)))
        return
    root = options.folder or Path(tempfile.mkdtemp())
    try:
        whole_night(root.absolute(), days, options)
    finally:
        if options.folder is None:
            shutil.rmtree(root)


def whole_night(root: Path, days: list[str], options: argparse.Namespace) -> None:
    if not (root / "raw").is_dir():
        begun = time.perf_counter()
        generate(root, options)
        print(f"shop made in {time.perf_counter() - begun:.0f} s; load {os.getloadavg()[0]:.1f}", flush=True)
    settings = SETTINGS.format(
        first=days[0], last=days[-1], memory=options.memory_limit, days=options.days, preset=options.preset,
        overrides=options.overrides, test=options.test,
    )  # fmt: skip
    (root / "pipeline.toml").write_text(settings)
    (root / "dagster").mkdir(exist_ok=True)
    (root / "dagster" / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    environment = {**os.environ, "GRU4REC_DATA": str(root), "DAGSTER_HOME": str(root / "dagster")}
    environment.pop("MLFLOW_TRACKING_URI", None)
    print("| asset | part | seconds | processor seconds | peak MiB | inside |\n|---|---|---|---|---|---|", flush=True)
    found = {}
    for name in options.steps:
        command = [sys.executable, "-m", "benchmarks.night_speed", *sys.argv[1:], "--step", name]
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
        found[name] = json.loads(done.stdout.splitlines()[-1])
        row = found[name]
        told = ", ".join(f"{key} {value:,.6g}" for key, value in row["inside"].items())
        print(
            f"| {name} | {STEPS[name]} | {row['seconds']:.1f} | {row['processor']:.1f} | {row['peak']:,.0f} | {told} |",
            flush=True,
        )
    for what in ("seconds", "processor"):
        total = sum(row[what] for row in found.values())
        shares = {part: sum(found[name][what] for name in found if STEPS[name] == part) for part in STEPS.values()}
        told = ", ".join(f"{part} {share / total:.0%}" for part, share in shares.items())
        print(f"{what}: {total:.0f}; {told}")
    print(f"load at the end: {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
