"""Whether item features help in the demo: its night's splits and parameters, with and without columns of its items.

    python -m benchmarks.features.demo --seeds 1 2 3

Reads the tables that `make demo` left in the data folder (GRU4REC_DATA, default ./data), trains the night's measured
model and ranks the test days, items without a click in train included. Prints means over the seeds and differences to
ids alone, with paired 95% intervals over sessions, and the processor time of one training.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from benchmarks.features.accuracy import TAIL, paired, per_event
from gru4rec.data.dataset import Dataset
from gru4rec.evaluation.evaluate import evaluate
from gru4rec.training.fit import FitOptions, fit
from pipelines.policy import parts
from pipelines.settings import presets
from pipelines.settings.read import load
from pipelines.training.data import add_features, encode_night
from warehouse.layout import Layout

MODELS = {
    "id": {},
    "genres": {"genres": "auto"},
    "genres and year": {"genres": "auto", "release_year": "auto"},
    "genres and titles": {"genres": "auto", "title": "text"},
}


def run(files: dict[str, Path], columns: dict[str, str], seed: int) -> dict[str, np.ndarray]:
    """Ranks [P] of the test days' targets with their sessions and counts in train, and the seconds of training."""
    settings = load()
    data = encode_night([files["splits"]], [files["sessions"]])
    knobs = settings.knobs.model
    overrides = {**knobs.overrides, "seed": seed}
    config = presets.resolve(settings.root, knobs.preset, overrides, data.train.statistics())
    items = pq.read_table(files["items"])
    wide = add_features(data, items, config.override({"selected_features": MODELS["genres"]})).train
    if columns:
        config = config.override({"selected_features": columns})
        data = add_features(data, items, config)
    begun = time.process_time()
    model = fit(data.train, config, FitOptions(validation=data.validation, threads=1, device="cpu")).model
    seconds = time.process_time() - begun
    test = Dataset(parts.encode(parts.stream([files["splits"]], "test"), wide.vocabulary), wide.vocabulary)
    found = evaluate(model, test, bootstrap=0)
    count = wide.vocabulary.counts[found.targets]
    return {"ranks": found.ranks, "session": found.session, "count": count, "seconds": np.array(seconds)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    arguments = parser.parse_args()
    layout = Layout(load().root)
    day = layout.days("splits")[-1]
    files = {name: layout.partition(name, day) for name in ("splits", "sessions", "items")}
    runs = {model: [run(files, columns, seed) for seed in arguments.seeds] for model, columns in MODELS.items()}

    first = runs["id"][0]
    groups = {"all": first["count"] >= 0, "tail": (first["count"] > 0) & (first["count"] <= TAIL)}
    groups |= {"cold": first["count"] == 0}
    values = {model: np.stack([per_event(each) for each in every]).mean(0) for model, every in runs.items()}
    print(f"night of {day}, {len(arguments.seeds)} seeds")
    print("| targets | n | model | R@20 | less id-only | M@20 | less id-only | training, s |")
    print("|---|---|---|---|---|---|---|---|")
    for group, events in groups.items():
        for model, every in runs.items():
            mean = values[model][events].mean(0)
            difference = values[model] - values["id"]
            low, high = paired(difference, first["session"], events)
            less = difference[events].mean(0)
            cells = [f"{mean[m]:.4f} | {less[m]:+.4f} [{low[m]:+.4f}, {high[m]:+.4f}]" for m in (0, 1)]
            seconds = float(np.median([each["seconds"] for each in every]))
            print(f"| {group} | {int(events.sum())} | {model} | " + " | ".join(cells) + f" | {seconds:.1f} |")


if __name__ == "__main__":
    main()
