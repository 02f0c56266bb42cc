"""Accuracy beside the reference results: the same parameters as the reference rows, and what `auto` chooses.

    python -m benchmarks.accuracy --data serenade_clicks --preset auto --seeds 3
    python -m benchmarks.accuracy --data yoochoose_1_64 --preset bpr-max --seeds 1 --log accuracy.jsonl

The data sets lie in the folder named by the environment variable GRU4REC_TEST_DATA, default ../shared/data beside the
checkout. Protocol (the README there): fit on split = train, sessions of two events or more; every event but the first
of a session of split = test (serenade: of valid, too) is a target, ranked over the whole catalogue, standard tie rule,
seen items stay in; items that train does not know are dropped from the test sessions. A second pair of figures, `all
targets`, counts each of those as a miss: it stands beside what papers report (benchmarks/published.py). With
`--validation` other sessions are measured, by which a configuration may be chosen: those of split = valid where they
are no part of the test, or else the newest tenth of the training sessions, and the first 90% are fitted.
"""

import argparse
import json
import os
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmarks.published import print_published
from gru4rec.config.options import Config, read_settings
from gru4rec.config.presets import preset, resolve
from gru4rec.data.dataset import Dataset
from gru4rec.data.sessions import Sessions
from gru4rec.data.vocabulary import Vocabulary
from gru4rec.evaluation.metrics import RANK_METRICS
from gru4rec.evaluation.ranking import ranks
from gru4rec.training.fit import FitOptions, fit

METRICS = ("recall@5", "recall@10", "recall@20", "mrr@5", "mrr@10", "mrr@20")
ALL_TARGETS = ("recall@20 all targets", "mrr@20 all targets")
ALPHA_75, ALPHA_5, FIVE_EPOCHS = {"sample_alpha": 0.75}, {"sample_alpha": 0.5}, {"epochs": 5}

# set -> row -> (published preset, what differs from it, the reference's METRICS)
REFERENCE = {
    "serenade_clicks": {
        "cross-entropy": ("rsc15", ALPHA_5, (0.4176, 0.5097, 0.5916, 0.2668, 0.2790, 0.2848)),
        "bpr-max": ("retailrocket", {}, (0.4664, 0.5814, 0.6711, 0.2969, 0.3123, 0.3186)),
    },
    "rsc15_first_week": {
        "cross-entropy": ("rsc15", ALPHA_75, (0.4900, 0.5859, 0.6625, 0.3231, 0.3361, 0.3414)),
        "bpr-max": ("retailrocket", {}, (0.5218, 0.6137, 0.6857, 0.3456, 0.3580, 0.3630)),
    },
    "yoochoose_1_64": {
        "cross-entropy-480": ("yoochoose", FIVE_EPOCHS, (0.4619, 0.5884, 0.6924, 0.2805, 0.2975, 0.3048)),
        "cross-entropy": ("rsc15", ALPHA_5 | FIVE_EPOCHS, (0.4766, 0.6047, 0.7092, 0.2891, 0.3063, 0.3136)),
        "bpr-max": ("retailrocket", {"epochs": 6}, (0.4802, 0.6116, 0.7164, 0.2853, 0.3031, 0.3105)),
    },
    "rsc15_last_5_days": {
        "cross-entropy": ("rsc15", ALPHA_5 | FIVE_EPOCHS, (0.4053, 0.5231, 0.6242, 0.2505, 0.2663, 0.2734)),
        "bpr-max": ("retailrocket", {}, (0.4174, 0.5362, 0.6371, 0.2589, 0.2749, 0.2820)),
    },
}

# The best peer (neighbourhood methods, rules, self-attention) of each set: recall@20, mrr@20.
PEERS = {
    "serenade_clicks": (0.6735, 0.2619),
    "rsc15_first_week": (0.6952, 0.3765),
    "yoochoose_1_64": (0.7101, 0.3045),
}


class Parts(NamedTuple):
    """What is fitted and what is measured.

    vocabulary: of the items in train. targets: events but the first of each held-out session, unknown items too.
    """

    train: Sessions
    held_out: Sessions
    vocabulary: Vocabulary
    targets: int


def main() -> None:
    """Fit and measure once a seed; print each run and the means beside the reference."""
    args = _arguments()
    parts = _sessions(args.data, args.validation)
    rows = [args.preset] if args.preset != "all" else [*REFERENCE[args.data], "auto"]
    for row in rows:
        config = _config(args.data, row, parts).override(read_settings(dict(s.split("=", 1) for s in args.set)))
        about = {"data": args.data, "row": row, "validation": args.validation, "settings": args.set}
        runs = [
            run(config.override({"seed": seed}), parts, about, args)
            for seed in range(args.first_seed, args.first_seed + args.seeds)
        ]
        _print_means(args.data, row, np.array(runs), measured_on_test=not args.validation)


def run(config: Config, parts: Parts, about: dict[str, object], args: argparse.Namespace) -> list[float]:
    """Fit, measure, print (and log) one JSON line that begins with `about`; the METRICS, and ALL_TARGETS."""
    begin = time.perf_counter()
    dataset = Dataset(parts.train, parts.vocabulary)
    result = fit(dataset, config, FitOptions(threads=args.threads, device=args.device))
    seconds = time.perf_counter() - begin
    found = ranks(result.model, parts.held_out)
    values, errors = [], {}
    for name in METRICS:
        metric, k = name.split("@")
        value = RANK_METRICS[metric](found, int(k))
        values.append(float(value.mean()))
        errors[name] = float(value.std()) / len(found) ** 0.5
    known = len(found) / parts.targets
    values += [known * values[METRICS.index(name)] for name in ("recall@20", "mrr@20")]
    record = {
        **about, "seed": config.train.seed,
        **{name: round(value, 5) for name, value in zip((*METRICS, *ALL_TARGETS), values, strict=True)},
        "error": [round(errors[name], 5) for name in ("recall@20", "mrr@20")],
        "fit_seconds": round(seconds, 1), "predictions": len(found), "targets": parts.targets,
        "epochs": config.train.epochs,
    }  # fmt: skip
    print(json.dumps(record), flush=True)
    if args.log:
        with args.log.open("a") as log:
            log.write(json.dumps(record) + "\n")
    return values


def _print_means(data: str, row: str, runs: np.ndarray, *, measured_on_test: bool) -> None:
    """runs [seeds, METRICS and ALL_TARGETS]."""
    mean, spread = runs.mean(0), runs.max(0) - runs.min(0)
    best = np.array([reference for _, _, reference in REFERENCE[data].values()]).max(0)
    reference = np.array(REFERENCE[data][row][2]) if row in REFERENCE[data] else best
    what = "reference" if row in REFERENCE[data] else "best reference"
    print(f"{data} · {row} · {len(runs)} seeds" + ("" if measured_on_test else " · validation part, no reference"))
    for n, name in enumerate(METRICS):
        line = f"  {name:10s} mean {mean[n]:.4f}  spread {spread[n]:.4f}"
        if measured_on_test:
            line += f"  {what} {reference[n]:.4f}  {100 * (mean[n] / reference[n] - 1):+.1f}%"
            if data in PEERS and name in ("recall@20", "mrr@20"):
                peer = PEERS[data][name == "mrr@20"]
                line += f"  best peer {peer:.4f}  {100 * (mean[n] / peer - 1):+.1f}%"
        print(line, flush=True)
    if measured_on_test:
        print_published(data, *mean[len(METRICS) :].tolist())


def _config(data: str, row: str, parts: Parts) -> Config:
    if row in REFERENCE[data]:
        name, changes, _ = REFERENCE[data][row]
        return preset(name).override(changes)
    return resolve(row, Dataset(parts.train, parts.vocabulary).statistics())


def _sessions(data: str, validation: bool) -> Parts:
    table = read(data, ["session_id", "item_id", "timestamp", "split"])
    of = {name: table.filter(pc.equal(table["split"], name)) for name in ("train", "valid", "test")}
    if data == "serenade_clicks":  # so few test sessions that the protocol adds those of valid
        return divide(of["train"], pa.concat_tables([of["valid"], of["test"]]), validation)
    if validation and len(of["valid"]):
        return divide(of["train"], of["valid"], validation=False)
    return divide(of["train"], of["test"], validation)


def read(data: str, columns: list[str]) -> pa.Table:
    """Columns of a data set."""
    folder = Path(os.environ.get("GRU4REC_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))
    return pq.read_table(folder / f"{data}.parquet", columns=columns)


def divide(first: pa.Table, held_out: pa.Table, validation: bool) -> Parts:
    """What is fitted and what is measured, of tables of events.

    validation: the newest tenth of the first table's sessions is held out instead of the other table.
    """
    train, vocabulary = training(first)
    if validation:
        table, cut = events(train, vocabulary), int(len(train) * 0.9)
        held_out = table.filter(pc.greater_equal(table["session_id"], cut))
        train, vocabulary = training(table.filter(pc.less(table["session_id"], cut)))
    targets = len(held_out) - pc.count_distinct(held_out["session_id"]).as_py()
    return Parts(train, Sessions.from_table(held_out, vocabulary, min_length=2), vocabulary, targets)


def training(table: pa.Table) -> tuple[Sessions, Vocabulary]:
    """Sessions of two events or more, and the vocabulary of exactly their items."""
    vocabulary = Vocabulary.build(table["item_id"])
    train = Sessions.from_table(table, vocabulary, min_length=2)
    vocabulary = Vocabulary.build(vocabulary.decode(train.items))
    return Sessions.from_table(table, vocabulary, min_length=2), vocabulary


def events(sessions: Sessions, vocabulary: Vocabulary) -> pa.Table:
    """Sessions as a table again; a session's id is its place in time, an event's timestamp its position."""
    number = np.repeat(np.arange(len(sessions)), sessions.lengths)
    position = np.arange(len(sessions.items))
    return pa.table({"session_id": number, "item_id": vocabulary.decode(sessions.items), "timestamp": position})


def add_run_arguments(parser: argparse.ArgumentParser, seeds: int) -> argparse.ArgumentParser:
    """What says how to fit and measure, whatever the data and the rows are."""
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE", help="settings changed")
    parser.add_argument("--seeds", type=int, default=seeds)
    parser.add_argument("--first-seed", type=int, default=1)
    parser.add_argument("--validation", action="store_true", help="measure on a validation part, not on test")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--log", type=Path, help="append one JSON line a run")
    return parser


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", choices=sorted(REFERENCE), required=True)
    parser.add_argument("--preset", default="all", help="a reference row, a preset's name, auto, or all")
    return add_run_arguments(parser, seeds=3).parse_args()


if __name__ == "__main__":
    main()
