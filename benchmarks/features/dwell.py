"""What dwell time brings: training on repeats, or with weights, of items that were stayed on, on data with a clock.

    python benchmarks/features/dwell.py rsc15_first_week --seeds 1 2 3

The stay on an item is the time to the session's next event (none after the last one); a stay above 1,800 s says
nothing. Every full `--threshold` seconds count once more, five at most: as further rows of the training sessions
("repeat"), or as the event's weight in the loss ("weight"). Repeats lengthen training too: "longer" trains without
them for about as many updates. What is tested stays as it is: all targets in the whole catalogue, and those new to
their session in a list without what it has seen. Prints means over the seeds and differences to training without, with
paired 95% intervals over sessions.
Data: the folder named by GRU4REC_TEST_DATA, default ../shared/data.
"""

import argparse
import dataclasses
import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from gru4rec.config.options import Config
from gru4rec.data.dataset import Dataset
from gru4rec.data.sessions import Sessions
from gru4rec.data.vocabulary import Vocabulary
from gru4rec.evaluation.evaluate import evaluate
from gru4rec.evaluation.metrics import bootstrap_draws
from gru4rec.network.model import GRU4Rec
from gru4rec.training.fit import FitOptions, fit

DATA = Path(os.environ.get("GRU4REC_TEST_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))
LIMIT, MOST = 1800.0, 5  # seconds; copies of an event, itself included
SETTINGS = {
    "hidden_size": 100, "dropout_embedding": 0.1, "sample_alpha": 0.5, "learning_rate": 0.1, "n_sample": 1024,
    "batch_size": 64, "epochs": 5,
}  # fmt: skip
K = 20


def copies(sessions: Sessions, seconds: np.ndarray, threshold: float) -> np.ndarray:
    """How often each event counts, int64 [E]; seconds: the events' times."""
    stay = np.append(np.diff(seconds), np.nan)
    stay[sessions.offsets[1:] - 1] = np.nan
    stay[~((stay >= 0) & (stay <= LIMIT))] = 0.0
    return np.minimum(1 + (stay // threshold).astype(np.int64), MOST)


def variants(train: Sessions, seconds: np.ndarray, threshold: float) -> dict[str, tuple[Sessions, int]]:
    """The training sessions as they are, with repeats and with weights, and the epochs that they are trained for."""
    count = copies(train, seconds, threshold)
    lengths = np.add.reduceat(count, train.offsets[:-1])
    repeated = Sessions(np.repeat(train.items, count), np.concatenate([[0], np.cumsum(lengths)]))
    weighted = dataclasses.replace(train, weights=count.astype(np.float32))
    print(f"{(count > 1).mean():.3f} of {len(count)} events count more than once, {count.mean():.2f} times on average")
    epochs = int(SETTINGS["epochs"])
    longer = round(epochs * (len(repeated.items) - len(train)) / (len(train.items) - len(train)))
    return {
        "off": (train, epochs),
        "repeat": (repeated, epochs),
        "weight": (weighted, epochs),
        f"longer, {longer} epochs": (train, longer),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", choices=("rsc15_first_week", "serenade_clicks"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--threshold", type=float, default=60.0, help="seconds")
    arguments = parser.parse_args()
    table = pq.read_table(DATA / f"{arguments.data}.parquet")
    is_train = pc.equal(table["split"], "train")
    clicks = table.filter(is_train)
    vocabulary = Vocabulary.build(clicks["item_id"])
    train = Sessions.from_table(clicks, vocabulary)
    test = Sessions.from_table(table.filter(pc.invert(is_train)), vocabulary)
    if train.times is None:
        raise SystemExit("the data has no times")
    seconds = train.times / ticks(table["timestamp"].type)

    values: dict[str, list[np.ndarray]] = {}
    for name, (sessions, epochs) in variants(train, seconds, arguments.threshold).items():
        for seed in arguments.seeds:
            config = Config().override({**SETTINGS, "epochs": epochs, "seed": seed})
            model = fit(Dataset(sessions, vocabulary), config, FitOptions(device="cpu", threads=1)).model
            values.setdefault(name, []).append(np.concatenate([in_catalogue(model, test), among_new(model, test)], 1))
    session = np.repeat(np.arange(len(test)), np.diff(test.offsets) - 1)
    means = {name: np.mean(each, axis=0) for name, each in values.items()}
    new = np.isfinite(means["off"][:, 2])
    print(f"{len(session)} targets, {new.sum()} of them new to their session")
    for title, columns, events in (("all", slice(0, 2), new >= 0), ("new", slice(2, 4), new)):
        print(f"| {arguments.data}, {title} | seeds | R@20 | less off | M@20 | less off |\n|---|---|---|---|---|---|")
        for name, mean in means.items():
            average, less = mean[events, columns].mean(0), (mean - means["off"])[events, columns]
            low, high = paired(less, session[events])
            cells = [f"{average[m]:.4f} | {less[:, m].mean():+.4f} [{low[m]:+.4f}, {high[m]:+.4f}]" for m in (0, 1)]
            print(f"| {name} | {len(arguments.seeds)} | " + " | ".join(cells) + " |")


def in_catalogue(model: GRU4Rec, test: Sessions) -> np.ndarray:
    """Hit and reciprocal rank [P, 2] of every target within the first K of the whole catalogue."""
    return hits(evaluate(model, Dataset(test, model.vocabulary), ks=(K,), bootstrap=0).ranks)


def among_new(model: GRU4Rec, test: Sessions) -> np.ndarray:
    """The same in a list without what the session has seen, as the pipeline publishes it; NaN for seen targets."""
    ranks = np.full(len(test.items), np.nan)
    begin = np.repeat(test.offsets[:-1], np.diff(test.offsets))
    for block in model.blocks(test):
        for scores, event in zip(block.scores, block.events, strict=True):
            seen, target = test.items[begin[event] : event + 1], test.items[event + 1]
            if target not in seen:
                above = scores > scores[target]
                above[seen] = False
                ranks[event] = 1 + int(above.sum())
    ranks = ranks[test.prediction_events()]
    return np.where(np.isnan(ranks)[:, None], np.nan, hits(ranks))


def hits(ranks: np.ndarray) -> np.ndarray:
    """Hit and reciprocal rank within the first K, [P, 2]."""
    hit = ranks <= K
    return np.stack([hit, np.where(hit, 1.0 / ranks, 0.0)], axis=1)


def ticks(kind: pa.DataType) -> float:
    """How many of a timestamp column's units make a second; whole numbers are milliseconds."""
    return {"s": 1.0, "ms": 1e3, "us": 1e6, "ns": 1e9}[kind.unit] if pa.types.is_timestamp(kind) else 1e3


def paired(difference: np.ndarray, session: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """95% interval of the mean of `difference` [P, 2], sessions drawn with replacement."""
    sums = np.zeros((int(session.max()) + 1, 3))
    np.add.at(sums, session, np.column_stack([difference, np.ones(len(difference))]))
    totals = np.concatenate([weights @ sums for weights in bootstrap_draws(len(sums), 1000, 0)])
    low, high = np.percentile(totals[:, :2] / totals[:, 2:], [2.5, 97.5], axis=0)
    return low, high


if __name__ == "__main__":
    main()
