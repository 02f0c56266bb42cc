"""Ten nights in a row through Dagster, and a table of who was champion when.

`python benchmarks/ten_nights.py shop FOLDER`: a synthetic shop whose taste drifts; with `movielens` instead of `shop`:
MovieLens 100K, fetched as the demo does. FOLDER is made and kept.
"""

import argparse
import os
import tempfile
from datetime import date
from pathlib import Path
from typing import Any

NIGHTS = 10
SHOP = """
[partitions]
first_day = "2026-01-01"
last_day = "2026-01-20"

[sessions]
window_days = 8

[contexts]
window_days = 8

[model]
preset = "rsc15"
threads = 1

[model.overrides]
hidden_size = 64
n_sample = 128
epochs = 4
keep = "best"

[evaluation]
baselines = ["popularity", "markov", "sequential rules"]

[recommendations]
n = 20
min_overlap = 0.0 # taste drifts here
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", choices=("shop", "movielens"))
    parser.add_argument("folder", type=Path)
    options = parser.parse_args()
    root = options.folder.absolute()
    root.mkdir(parents=True, exist_ok=True)
    os.environ["GRU4REC_DATA"] = str(root)
    os.environ["DAGSTER_HOME"] = tempfile.mkdtemp(prefix="dagster-home-")
    prepare_shop(root) if options.data == "shop" else prepare_movielens(root)
    rows = run_nights(root)
    print("| night | challenger, recall@20 | champion before | challenger − champion | best baseline | decision |")
    print("|---|---|---|---|---|---|")
    for row in rows:
        print("| " + " | ".join(row) + " |", flush=True)


def prepare_shop(root: Path) -> None:
    from warehouse.sources.synthetic import generate

    (root / "pipeline.toml").write_text(SHOP)
    generate(root, 60_000, seed=5, n_items=200, days=20, drift=0.1)


def prepare_movielens(root: Path) -> None:
    from pipelines.demo.data import prepare

    prepare(root)
    settings = root / "pipeline.toml"
    text = settings.read_text().replace("epochs = 4", "epochs = 3")
    settings.write_text(text + '\n[evaluation]\nbaselines = ["popularity", "sequential rules"]\n')


def run_nights(root: Path) -> list[list[str]]:
    import dagster as dg

    from pipelines.definitions import defs
    from pipelines.partitions import DAILY

    days = DAILY.get_partition_keys()
    span = {"dagster/asset_partition_range_start": days[0], "dagster/asset_partition_range_end": days[-1]}
    quiet = {"loggers": {"plain": {}}}
    rows = []
    with dg.DagsterInstance.get() as instance:
        defs.resolve_job_def("backfill_events").execute_in_process(instance=instance, run_config=quiet, tags=span)
        for night in days[-NIGHTS:]:
            done = defs.resolve_job_def("retrain").execute_in_process(
                instance=instance, partition_key=night, run_config=quiet
            )
            judged = done.asset_materializations_for_node("champion_model")[0].metadata
            rows.append(line(root, night, judged))
            print(rows[-1], flush=True)
    return rows


def line(root: Path, night: str, judged: dict[str, Any]) -> list[str]:
    import pyarrow.parquet as pq

    from warehouse.layout import Layout

    table = pq.read_table(Layout(root).partition("evaluations", date.fromisoformat(night))).to_pylist()
    figures = [row for row in table if row["segment"] == "all" and row["metric"] == "recall@20"]
    mine = next(row for row in figures if row["role"] == "challenger")
    champion = next((row for row in figures if row["role"] == "champion"), None)
    best = max((row for row in figures if row["role"] == "baseline"), key=lambda row: row["value"])
    decision = judged["decision"].value
    if decision == "refused":
        decision += ": " + judged["reason"].value.removeprefix("- ").replace("\n", " ")
    return [
        night,
        f"version {mine['model_version']}: {mine['value']:.4f} [{mine['low']:.4f}, {mine['high']:.4f}]",
        f"version {champion['model_version']}: {champion['value']:.4f}" if champion else "none",
        f"[{champion['difference_low']:+.4f}, {champion['difference_high']:+.4f}]" if champion else "",
        f"{best['model']} {best['value']:.4f}",
        decision,
    ]


if __name__ == "__main__":
    main()
