"""`make torture`: whole nights of a tiny shop are killed, their data spoiled, their day fought over.

    python -m benchmarks.torture --kills 1000 --spoiled 300 --rivals 20 --seed 0

Prints for each kind how many were tried, held and failed; exit code 1 when one failed. A case holds when one good night
stands afterwards, or when one sentence says what a person must do, and when DuckDB, polars and the package's reader
never see a part of a night. The same seed draws the same cases; the moment at which a signal meets a night is the
machine's. Takes hours at these numbers; the writers of the recommendations table alone are killed faster by
`benchmarks/nights/killed_writers.py`.
"""

import argparse
import os
import random
import shutil
import sys
import tempfile
from pathlib import Path

from benchmarks.torture.nights import FIRST, SECOND, SETTINGS, Night, warm


def main() -> int:
    """Run the command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.torture", description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=1000, help="nights to kill (1000)")
    parser.add_argument("--spoiled", type=int, default=300, help="states to spoil (300)")
    parser.add_argument("--rivals", type=int, default=20, help="rounds of two runs of one day at once (20)")
    parser.add_argument("--seed", type=int, default=0, help="of what is drawn (0)")
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
    warm()

    from benchmarks.torture.kills import kill_nights
    from benchmarks.torture.readers import seen
    from benchmarks.torture.rivals import rivals
    from benchmarks.torture.spoil import spoil

    _shop(good)
    unbroken = shutil.copytree(good, folder / "unbroken")
    seconds = _good(unbroken, SECOND)
    whole = seen(unbroken, SECOND)["package"]
    assert whole, "the unbroken night shows nothing"
    print(f"an unbroken night takes {seconds:.1f} s and shows {len(whole)} rows", flush=True)
    chance = random.Random(options.seed)
    found = {
        "spoiled": spoil(good, options.spoiled, whole, chance),
        "rivals": rivals(good, options.rivals, whole, seconds, chance),
        "kills": kill_nights(shutil.copytree(good, folder / "killed"), options.kills, whole, seconds, chance),
    }
    for kind, counts in found.items():
        print(f"{kind}: {counts}")
    return 1 if any(counts.failures for counts in found.values()) else 0


def _shop(root: Path) -> None:
    """Raw events of three days, read until the first night, and that night."""
    from warehouse.sources.shop.generate import generate

    generate(root, 1200, seed=1, n_items=60, days=3)
    for day in ("2026-01-01", FIRST):
        _good(root, day, "backfill_events")
    _good(root, FIRST)


def _good(root: Path, day: str, job: str = "nightly") -> float:
    """Run a job that must succeed; returns its seconds."""
    ended = Night(root, day, job).ended()
    if not ended.success:
        sys.exit(f"{job} of {day} failed before any torture: {ended.sentences or ended.traces}")
    return ended.seconds


if __name__ == "__main__":
    sys.exit(main())
