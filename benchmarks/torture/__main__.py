"""`make torture`: whole nights of a tiny shop are killed, their data spoiled, their day fought over.

    python -m benchmarks.torture --kills 1000 --spoiled 300 --rivals 20 --seed 0

Prints for each kind how many were tried, held and failed; exit code 1 when one failed. A case holds when one good night
stands afterwards, or when one sentence says what a person must do, and when DuckDB, polars and the package's reader
never see a part of a night. The same seed draws the same cases; the moment at which a signal meets a night is the
machine's. Takes hours at these numbers; the writers of the recommendations table alone are killed faster by
`benchmarks/nights/killed_writers.py`.
"""

import argparse
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import traceback
from pathlib import Path

from benchmarks.torture.counts import Counts
from benchmarks.torture.nights import FIRST, SECOND, SETTINGS, Ended, Night, warm
from benchmarks.torture.readers import Rows, seen


def main() -> int:
    """Run the command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.torture", description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=1000, help="nights to kill (1000)")
    parser.add_argument("--spoiled", type=int, default=300, help="states to spoil (300)")
    parser.add_argument("--rivals", type=int, default=20, help="rounds of two runs of one day at once (20)")
    parser.add_argument("--seed", type=int, default=0, help="of what is drawn (0)")
    parser.add_argument("--shares", type=int, default=1, help="processes that share the cases (1)")
    parser.add_argument("--signals", default="KILL,TERM,INT", help="to kill with, in turn (KILL,TERM,INT)")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="torture-") as folder:
        return torture(Path(folder), options)


def torture(folder: Path, options: argparse.Namespace) -> int:
    """Make the shop with one good night, and do all three to copies of it."""
    good = folder / "good"
    good.mkdir()
    (good / "pipeline.toml").write_text(SETTINGS, encoding="utf-8")
    os.environ["GRU4REC_DATA"] = str(good)  # the settings are read where the assets are defined
    for name in ("GRU4REC_CONFIG", "MLFLOW_TRACKING_URI", "DAGSTER_HOME"):
        os.environ.pop(name, None)
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"  # as every night has it, before MLflow is imported

    _shop(good)
    unbroken = shutil.copytree(good, folder / "unbroken")
    night = _good(unbroken, SECOND)
    whole = seen(unbroken, SECOND)["package"]
    assert whole, "the unbroken night shows nothing"
    print(f"an unbroken night takes {night.seconds:.1f} s ({night.work:.1f} s of a core) and shows {len(whole)} rows")
    shares = [_begun(folder, number, options, whole, night) for number in range(options.shares)]
    found: dict[str, Counts] = {}
    for process, answer in shares:
        os.waitpid(process, 0)
        for kind, (held, failures) in json.loads(answer.read_text(encoding="utf-8")).items():
            found.setdefault(kind, Counts()).include(held, failures)
    for kind, counts in found.items():
        print(f"{kind}: {counts}")
    return 1 if any(counts.failures for counts in found.values()) else 0


def _begun(folder: Path, number: int, options: argparse.Namespace, whole: Rows, night: Ended) -> tuple[int, Path]:
    """Begin a share in a process of its own; returns the process and the file that it will write."""
    answer = folder / f"share-{number}.json"
    sys.stdout.flush()
    process = os.fork()
    if process == 0:
        code = 1
        try:
            found = _share(folder, number, options, whole, night)
            said = {kind: (counts.held, counts.failures) for kind, counts in found.items()}
            answer.write_text(json.dumps(said), encoding="utf-8")
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    return process, answer


def _share(folder: Path, number: int, options: argparse.Namespace, whole: Rows, night: Ended) -> dict[str, Counts]:
    """One share of all cases, in a folder of its own."""
    from benchmarks.torture.kills import kill_nights
    from benchmarks.torture.rivals import rivals
    from benchmarks.torture.spoil import drawn, spoil

    mine = folder / f"share-{number}"
    good = shutil.copytree(folder / "good", mine / "good")
    chance = random.Random(f"{options.seed} {number}")
    states = drawn(good, options.spoiled, random.Random(options.seed))[number :: options.shares]
    kills, rounds = (len(range(number, count, options.shares)) for count in (options.kills, options.rivals))
    signals = [signal.Signals[f"SIG{name}"] for name in options.signals.split(",")]
    killed, healed = kill_nights(shutil.copytree(good, mine / "killed"), kills, whole, night.work, chance, signals)
    return {
        "kills": killed,
        "nights after kills": healed,
        "spoiled": spoil(good, states, whole, chance),
        "rivals": rivals(good, rounds, whole, night.seconds, chance),
    }


def _shop(root: Path) -> None:
    """Raw events of three days, read until the first night, and that night."""
    from warehouse.sources.shop.generate import generate

    generate(root, 1200, seed=1, n_items=60, days=3)
    for day in ("2026-01-01", FIRST):
        _good(root, day, "backfill_events")
    _good(root, FIRST)


def _good(root: Path, day: str, job: str = "nightly") -> Ended:
    """Run a job that must succeed, and import here what it had to."""
    ended = Night(root, day, job).ended()
    if not ended.success:
        sys.exit(f"{job} of {day} failed before any torture: {ended.sentences or ended.traces}")
    warm(ended.modules)
    return ended


if __name__ == "__main__":
    sys.exit(main())
