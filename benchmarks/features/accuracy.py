"""What item features bring: accuracy on real data, of all, frequent, tail and cold targets apart.

    python benchmarks/features/accuracy.py run rsc15 id parallel --seeds 1 2 3 --out /tmp/features
    python benchmarks/features/accuracy.py table rsc15 --out /tmp/features

`run` trains and ranks, one file a model and seed; `table` reads them: means over the seeds, differences to `id` with
paired 95% intervals over sessions. Data: the folder named by GRU4REC_TEST_DATA, default ../shared/data.
"""

import argparse
import json
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import torch

from gru4rec.config.options import Config, read_settings
from gru4rec.config.values import features_from_text
from gru4rec.data.dataset import Dataset
from gru4rec.data.histories import cut_at
from gru4rec.data.sessions import Sessions
from gru4rec.data.vocabulary import Vocabulary
from gru4rec.evaluation.evaluate import evaluate, translate
from gru4rec.evaluation.metrics import bootstrap_draws
from gru4rec.scoring.continued import Continued
from gru4rec.scoring.scorer import Scorer
from gru4rec.training.fit import FitOptions, fit

DATA = Path(os.environ.get("GRU4REC_TEST_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))
TAIL = 5  # training events up to which a warm item counts as tail
K = 20
BASE = {"hidden_size": 100, "dropout_embedding": 0.1, "sample_alpha": 0.5, "learning_rate": 0.1, "n_sample": 1024}
OWN = {"rsc15": {"batch_size": 64, "epochs": 5}, "movielens": {"batch_size": 64, "epochs": 5}}
MODELS = {
    "id": {},
    "parallel": {"architecture": "parallel"},
    "shared-output": {"architecture": "shared-output"},
    "interaction": {"architecture": "interaction"},
    "concatenated": {"architecture": "concatenated"},
    "alternating": {"training": "alternating"},
    "residual": {"training": "residual"},
    "interleaving": {"training": "interleaving"},
    "parallel, all ids shown": {"id_dropout": 0.0},
    "parallel, category and number": {"selected_features": {"category": "multi", "number": "binned"}},
    "parallel, genres and year": {"selected_features": ["genres", "year"]},
    "parallel, genres and titles": {"selected_features": {"genres": "auto", "title": "text"}},
    "parallel, genres, year, titles": {"selected_features": {"genres": "auto", "year": "auto", "title": "text"}},
}


class Case(NamedTuple):
    """train in `ids` (what was clicked), items with their features; test rows in time order, to be encoded."""

    train: Sessions
    ids: Vocabulary
    items: pa.Table
    fields: dict[str, str]
    test: pa.Table | None
    histories: pa.Table | None
    boundary: int


def rsc15(events: int, fields: dict[str, str], part: str, sessions: int) -> Case:
    """The last `events` training clicks (whole sessions); an item's categories are all that its clicks show.

    part: "test", or "validation": the last tenth of the training sessions stands for the test part. sessions: of that
    part, the first ones; 0 for all.
    """
    table = pq.read_table(DATA / "rsc15_last_5_days.parquet")
    pairs = table.group_by(["item_id", "category"]).aggregate([]).sort_by("category")
    items = pairs.group_by("item_id", use_threads=False).aggregate([("category", "list")])
    items = items.rename_columns({"category_list": "category"})
    items = items.append_column("number", items["item_id"].cast(pa.float64()))  # catalogue numbers rise with time
    train = table.filter(pc.equal(table["split"], "train")).sort_by("timestamp")
    test = table.filter(pc.equal(table["split"], "test"))
    if part == "validation":
        every = pc.unique(train["session_id"])
        late = pc.is_in(train["session_id"], value_set=every.slice(int(0.9 * len(every))))
        train, test = train.filter(pc.invert(late)), train.filter(late)
    newest = pc.unique(train.slice(max(0, train.num_rows - events))["session_id"])
    train = train.filter(pc.is_in(train["session_id"], value_set=newest))
    ids = Vocabulary.build(train["item_id"])
    if sessions:
        test = test.filter(pc.is_in(test["session_id"], value_set=pc.unique(test["session_id"]).slice(0, sessions)))
    return Case(Sessions.from_table(train, ids), ids, items, fields, test, None, 0)


def movielens(events: int, fields: dict[str, str], part: str, sessions: int) -> Case:
    """Whole histories; the newest fifth of the ratings is test, and goes on from the state at the end of train, which
    is the `events` ratings before.

    part: "test", or "validation": the newest tenth of what lies before the test part stands for it. All users are
    tested, whatever `sessions` says.
    """
    table = pq.read_table(DATA / "movielens_small_ratings.parquet")
    items = pq.read_table(DATA / "movielens_small_items.parquet")
    year = pc.extract_regex(items["title"], r"\((?P<year>\d{4})\)\s*$")
    items = items.append_column("year", pc.struct_field(year, "year"))
    clock = table["timestamp"].cast(pa.int64()).to_numpy()
    boundary = int(np.quantile(clock, 0.8, method="higher"))
    if part == "validation":
        table, clock = table.filter(pa.array(clock < boundary)), clock[clock < boundary]
        boundary = int(np.quantile(clock, 0.9, method="higher"))
    begin = int(np.sort(clock)[max(0, np.searchsorted(np.sort(clock), boundary) - events)])
    table, clock = table.filter(pa.array(clock >= begin)), clock[clock >= begin]
    before = table.filter(pa.array(clock < boundary))
    ids = Vocabulary.build(before["item_id"])
    train = Sessions.from_table(before, ids, session=("user_id",))
    return Case(train, ids, items, fields, None, table, boundary)


def held_out(case: Case, vocabulary: Vocabulary) -> tuple[Sessions, Sessions | None]:
    """Test sessions in a vocabulary, and what comes before each (histories)."""
    if case.test is not None:
        return Sessions.from_table(case.test, vocabulary), None
    histories = Sessions.from_table(case.histories, vocabulary, session=("user_id",))
    cut = cut_at(histories, case.boundary)
    return cut.test, cut.earlier


def run(case: Case, name: str, changes: dict, model: str, seed: int) -> dict[str, np.ndarray]:
    """Train one model; ranks of the test targets, their counts in train, those of the items before, the sessions.

    The id-only model reads past items it does not know and misses them as targets: the events are the same for all.
    """
    config = Config().override({**BASE, **changes, "seed": seed})
    with_features = config.override({"selected_features": case.fields, **MODELS[model]})
    wide = Dataset(case.train, case.ids, case.items).with_features(with_features.features)
    test, earlier = held_out(case, wide.vocabulary)
    if model == "id":
        result = fit(Dataset(case.train, case.ids), config, FitOptions(device="cpu", threads=1))
        earlier = None if earlier is None else translate(earlier, wide.vocabulary, case.ids)[0]
    else:
        result = fit(wide, with_features, FitOptions(device="cpu", threads=1))
    scorer: Scorer = result.model if earlier is None else Continued(result.model, earlier)
    counts = wide.vocabulary.counts
    found = evaluate(scorer, Dataset(test, wide.vocabulary), ks=(K,), bootstrap=0)
    print(json.dumps({"case": name, "model": model, "seed": seed, **found.metrics, "loss": result.history[-1].loss,
                      "events_per_second": round(result.events_per_second)}), flush=True)  # fmt: skip
    last = counts[test.items[test.prediction_events()]]
    values = {"ranks": found.ranks, "session": found.session, "count": counts[found.targets], "last": last}
    if model != "id":
        values |= {"ties": ties(scorer, test, counts), "cold_items": np.array(np.count_nonzero(counts == 0))}
    return values


def ties(scorer: Scorer, test: Sessions, counts: np.ndarray) -> np.ndarray:
    """Of each cold target, how many items score more and how many the same (itself included): in the whole catalogue,
    then among the cold items, [P, 4]; NaN for the other targets."""
    found = np.full((len(test.items), 4), np.nan)
    cold = torch.from_numpy(np.flatnonzero(counts == 0))
    for block in scorer.blocks(test):
        targets = test.items[block.events + 1]
        rows = np.flatnonzero(counts[targets] == 0)
        own, scores = block.scores[rows, targets[rows]].unsqueeze(1), block.scores[rows]
        for at, others in ((0, scores), (2, scores[:, cold])):
            both = torch.stack([(others > own).sum(1), (others == own).sum(1)], dim=1)
            found[block.events[rows], at : at + 2] = both.numpy()
    result: np.ndarray = found[test.prediction_events()]
    return result


def table(name: str, out: Path) -> None:
    """Print a markdown table of all files of a case: recall@20 and MRR@20 by group of targets, against `id`."""
    runs: dict[str, list[dict[str, np.ndarray]]] = {}
    for path in sorted(out.glob(f"{name}.*.npz")):
        runs.setdefault(path.name.split(".")[1], []).append(dict(np.load(path)))
    first = runs["id"][0]
    count, last = first["count"], first["last"]
    groups = {"all": count >= 0, "frequent": count > TAIL, "tail": (count > 0) & (count <= TAIL), "cold": count == 0}
    groups |= {"one click": count == 1, "after tail": (last > 0) & (last <= TAIL), "after cold": last == 0}
    print(f"{name}: " + ", ".join(f"{group} {int(events.sum())} targets" for group, events in groups.items()))
    print("| targets | model | seeds | R@20 | less id-only | M@20 | less id-only |\n|---|---|---|---|---|---|---|")
    values = {model: np.stack([per_event(each) for each in each_seed]).mean(0) for model, each_seed in runs.items()}
    for group, events in groups.items():
        for model in sorted(runs, key=list(MODELS).index):
            mean = values[model][events].mean(0)
            cells = [f"{mean[0]:.4f}", "", f"{mean[1]:.4f}", ""]
            if model != "id":
                low, high = paired(values[model] - values["id"], first["session"], events)
                difference = (values[model] - values["id"])[events].mean(0)
                for m in (0, 1):
                    cells[2 * m + 1] = f"{difference[m]:+.4f} [{low[m]:+.4f}, {high[m]:+.4f}]"
            print(f"| {group} | {model} | {len(runs[model])} | " + " | ".join(cells) + " |")
    with_features = sorted(set(runs) - {"id"}, key=list(MODELS).index)
    cold_alone({model: runs[model] for model in with_features}, first["session"], groups["cold"])


def cold_alone(runs: dict[str, list[dict[str, np.ndarray]]], session: np.ndarray, cold: np.ndarray) -> None:
    """Print what cold targets get when equal scores stand in random order: expected recall in the whole catalogue and
    among the cold items alone, and the share of the other cold items that stand behind the target."""
    print("\n| model | R@20, whole catalogue | R@20 among cold items | random | cold items behind | random |")
    print("|---|---|---|---|---|---|")
    for model, each_seed in runs.items():
        items = int(each_seed[0]["cold_items"])
        above, equal, above_cold, equal_cold = np.stack([each["ties"] for each in each_seed]).transpose(2, 0, 1)
        hit, hit_cold = (np.clip((K - a) / e, 0, 1).mean(0) for a, e in ((above, equal), (above_cold, equal_cold)))
        behind = 1 - (above_cold + (equal_cold - 1) / 2).mean(0) / (items - 1)
        bounds = [paired(np.stack(pair, axis=1), session, cold) for pair in ((hit, hit_cold), (behind, behind))]
        means = [values[cold].mean() for values in (hit, hit_cold, behind)]
        low, high = (np.concatenate([one[side] for one in bounds]) for side in (0, 1))
        cells = [f"{means[m]:.4f} [{low[m]:.4f}, {high[m]:.4f}]" for m in range(3)]
        print(f"| {model} | {cells[0]} | {cells[1]} | {min(1.0, K / items):.4f} | {cells[2]} | .5 |")


def per_event(found: dict[str, np.ndarray]) -> np.ndarray:
    """Hit and reciprocal rank within the first K, [P, 2]."""
    hit = found["ranks"] <= K
    return np.stack([hit, np.where(hit, 1.0 / found["ranks"], 0.0)], axis=1).astype(np.float64)


def paired(difference: np.ndarray, session: np.ndarray, events: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """95% interval of the mean of `difference` [P, 2] over `events`, sessions drawn with replacement."""
    columns = np.column_stack([difference[events], np.ones(int(events.sum()))])
    sums = np.zeros((int(session.max()) + 1, 3))
    np.add.at(sums, session[events], columns)
    totals = np.concatenate([weights @ sums for weights in bootstrap_draws(len(sums), 1000, 0)])
    low, high = np.nanpercentile(totals[:, :2] / totals[:, 2:], [2.5, 97.5], axis=0)
    return low, high


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=("run", "table"))
    parser.add_argument("names", nargs="+", help="the case (rsc15, movielens), then models")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--events", type=int, default=100_000, help="training events, the newest")
    parser.add_argument("--sessions", type=int, default=0, help="of the tested part, the first ones; 0: all")
    parser.add_argument("--fields", help="selected_features; default: category, or genres")
    parser.add_argument("--part", default="test", choices=("test", "validation"))
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE", help="changes of the settings")
    parser.add_argument("--out", type=Path, default=Path("features-benchmark"))
    arguments = parser.parse_args()
    name, *models = arguments.names
    if arguments.command == "table":
        return table(name, arguments.out)
    make, fields = {"rsc15": (rsc15, "category:multi"), "movielens": (movielens, "genres")}[name]
    case = make(arguments.events, features_from_text(arguments.fields or fields), arguments.part, arguments.sessions)
    changes = {**OWN[name], **read_settings(dict(pair.split("=", 1) for pair in arguments.set))}
    arguments.out.mkdir(parents=True, exist_ok=True)
    for seed in arguments.seeds:
        for model in models:
            np.savez(arguments.out / f"{name}.{model}.{seed}.npz", **run(case, name, changes, model, seed))
    return None


if __name__ == "__main__":
    main()
