"""auto on data that it was not chosen on: slices of the data sets cut in other ways, ratings, and the synthetic shop.

    python -m benchmarks.unseen --slice small-clicks --preset auto --seeds 3
    python -m benchmarks.unseen --slice movielens-days --preset bpr-max --seeds 1 --log unseen.jsonl

Beside auto stand the two published configurations that accuracy.py measures, bpr-max and cross-entropy, with as many
epochs as there (6 and 5 from 150,000 predictions on, else 10). Data, protocol and `--validation` are accuracy.py's.
Prints one JSON line a seed: what is held out and how large the training part is, the metrics, and `error`, the standard
errors of recall@20 and mrr@20. Of the shop it also says how much of the best reachable recall that is.

A slice is cut from the sessions of split = train in the order of time: some to fit, the ones that follow to test.
The newest tenth of them, which auto was chosen on, is in none but `days`; the slices of long or repeating sessions
alone end near its start (`serenade-long` .5% inside of it).
"""

import argparse
from collections.abc import Callable
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.accuracy import ALPHA_5, METRICS, add_run_arguments, divide, events, read, run, training
from gru4rec.config.auto import SMALL
from gru4rec.config.options import Config, read_settings
from gru4rec.config.presets import preset, resolve
from gru4rec.data.dataset import Dataset
from warehouse.sources.shop.process import Shop

Tables = tuple[pa.Table, pa.Table]  # to fit, to test
Change = Callable[[pa.Table], pa.Table]
CLICKS = ["session_id", "item_id", "timestamp"]
MICROSECONDS_A_DAY = 24 * 3600 * 10**6

# row -> (published preset, what differs from it, epochs from SMALL predictions on)
PUBLISHED = {"bpr-max": ("retailrocket", {}, 6), "cross-entropy": ("rsc15", ALPHA_5, 5)}


def main() -> None:
    """Fit and measure once a seed."""
    args = _arguments()
    parts = divide(*SLICES[args.slice](), args.validation)
    found = Dataset(parts.train, parts.vocabulary).statistics()
    config = resolve("auto", found) if args.preset == "auto" else _published(args.preset, found.predictions)
    config = config.override(read_settings(dict(s.split("=", 1) for s in args.set)))
    about = {
        "data": args.slice, "row": args.preset, "validation": args.validation, "settings": args.set,
        "sessions": found.sessions, "fitted": found.predictions, "items": found.items, "length": round(found.length, 2),
    }  # fmt: skip
    best = best_reachable(args.slice)
    for seed in range(args.first_seed, args.first_seed + args.seeds):
        recall = run(config.override({"seed": seed}), parts, about, args)[METRICS.index("recall@20")]
        if best is not None:
            print(f"the best of all models reaches a recall@20 of {best:.4f}; this is {100 * recall / best:.1f}% of it")


def _published(row: str, predictions: int) -> Config:
    name, changes, fewer = PUBLISHED[row]
    return preset(name).override({**changes, **({"epochs": fewer} if predictions >= SMALL else {})})


def _clicks(data: str, fitted: tuple[float, float], tested: float, change: Change = lambda table: table) -> Tables:
    """Sessions from one place to another, and those from there on to a third: shares of the training sessions."""
    table = change(events(*training(read(data, [*CLICKS, "split"]).filter(pc.field("split") == "train"))))
    table = events(*training(table))
    return _by_place(table, *(share * (pc.max(table["session_id"]).as_py() + 1) for share in (*fitted, tested)))


def _by_place(table: pa.Table, begin: float, middle: float, end: float) -> Tables:
    place = pc.field("session_id")
    return table.filter((place >= begin) & (place < middle)), table.filter((place >= middle) & (place < end))


def _few(data: str, begin: float, fitted: int, tested: int) -> Tables:
    """So many sessions from a share of the training sessions on, and the ones after them."""
    train, vocabulary = training(read(data, [*CLICKS, "split"]).filter(pc.field("split") == "train"))
    first = int(begin * len(train))
    return _by_place(events(train, vocabulary), first, first + fitted, first + fitted + tested)


def _long(table: pa.Table, least: int = 4) -> pa.Table:
    """The sessions of so many events."""
    sizes = table.group_by("session_id").aggregate([("item_id", "count")])
    long = sizes.filter(pc.field("item_id_count") >= least)
    return table.filter(pc.is_in(table["session_id"], long["session_id"]))


def _repeating(table: pa.Table, least: float = 1 / 3) -> pa.Table:
    """The sessions in which so large a share of the events returns to an item seen before."""
    sizes = table.group_by("session_id").aggregate([("item_id", "count"), ("item_id", "count_distinct")])
    share = pc.divide(sizes["item_id_count_distinct"].cast(pa.float64()), sizes["item_id_count"])
    some = sizes.filter(pc.less_equal(share, 1 - least))
    return table.filter(pc.is_in(table["session_id"], some["session_id"]))


def _popular(table: pa.Table, items: int = 500) -> pa.Table:
    """The events of the most popular items."""
    counts = pc.value_counts(table["item_id"])
    order = pc.sort_indices(counts.field("counts"), sort_keys=[("counts", "descending")])
    return table.filter(pc.is_in(table["item_id"], counts.field("values").take(order[:items])))


def _without_repeats(table: pa.Table) -> pa.Table:
    """No item twice running; the events stand session by session."""
    session, item = table["session_id"].to_numpy(), table["item_id"].to_numpy()
    return table.filter(pa.array(np.concatenate([[True], (np.diff(session) != 0) | (np.diff(item) != 0)])))


def _days() -> Tables:
    """RSC15's days 178 to 180 (their training sessions), and all sessions of day 181."""
    table = read("rsc15_last_5_days", [*CLICKS, "day_index", "split"])
    day = pc.field("day_index")
    fitted = table.filter((day < 181) & (pc.field("split") == "train"))
    return fitted.select(CLICKS), table.filter(day == 181).select(CLICKS)


def _users(ratings: pa.Table) -> Tables:
    """A user's ratings as one session; the tenth of the users that came last to test."""
    table = events(*training(ratings.rename_columns({"user_id": "session_id"})))
    users = pc.max(table["session_id"]).as_py() + 1
    return _by_place(table, 0, 0.9 * users, users)


def _tails(ratings: pa.Table) -> Tables:
    """A user's ratings but the last tenth as one session; that tenth as another, which knows nothing of the first."""
    table = events(*training(ratings.rename_columns({"user_id": "session_id"})))
    user = table["session_id"].to_numpy()
    ends = np.searchsorted(user, user, side="right")
    sizes = ends - np.searchsorted(user, user, side="left")
    last = pa.array(ends - np.arange(len(user)) <= sizes / 10)
    return table.filter(pc.invert(last)), table.filter(last)


def _user_days(ratings: pa.Table) -> Tables:
    """A user's ratings of one day as a session; the newest tenth of the sessions to test."""
    day = pc.divide(ratings["timestamp"].cast(pa.int64()), MICROSECONDS_A_DAY)
    key = pc.add(pc.multiply(ratings["user_id"], 100_000), day)
    table = events(*training(ratings.append_column("session_id", key)))
    sessions = pc.max(table["session_id"]).as_py() + 1
    return _by_place(table, 0, 0.9 * sessions, sessions)


def _movielens(cut: Callable[[pa.Table], Tables]) -> Tables:
    return cut(read("movielens_small_ratings", ["user_id", "item_id", "timestamp"]))


def _playlists(ratings: pa.Table, length: int = 20) -> Tables:
    """So many ratings in a row as a session, as of songs played: none twice; the newest tenth of them to test."""
    table = events(*training(ratings.rename_columns({"user_id": "session_id"})))
    user = table["session_id"].to_numpy()
    place = np.arange(len(user)) - np.searchsorted(user, user, side="left")
    # A user's lists stand one behind another, so the newest are those of the users that came last.
    number = np.unique(np.stack([user, place // length], 1), axis=0, return_inverse=True)[1].ravel()
    table = table.set_column(table.schema.get_field_index("session_id"), "session_id", pa.array(number))
    lists = int(number.max()) + 1
    return _by_place(table, 0, 0.9 * lists, lists)


def _shop(sessions: int, shop: Shop, tested: float = 0.2) -> Tables:
    """Sessions of the synthetic shop, and a share as many to test; its taste stays."""
    drawn, lengths = shop.draw(sessions + int(sessions * tested))
    number = np.repeat(np.arange(len(lengths)), lengths)
    table = pa.table({"session_id": number, "item_id": shop.item_ids[drawn], "timestamp": np.arange(len(drawn))})
    return _by_place(table, 0, sessions, len(lengths))


def best_reachable(name: str) -> float | None:
    """recall@20 of the best of all models on a slice of the shop; None where it cannot be known."""
    return SHOPS[name].best_recall(20, day=0) if name in ("small-shop", "shop") else None


# 200,000 items, each as likely as any other of its group: most are sold once or twice.
SHOPS = {"small-shop": Shop(500, seed=7), "shop": Shop(2000, seed=7), "200000-items": Shop(200_000, seed=7, zipf=0.0)}
SLICES: dict[str, Callable[[], Tables]] = {
    "small-clicks": partial(_few, "yoochoose_1_64", 0.45, 1500, 1500),
    "small-serenade": partial(_few, "serenade_clicks", 0.1, 1500, 1500),
    "small-shop": partial(_shop, 2000, SHOPS["small-shop"]),
    "shop": partial(_shop, 10_000, SHOPS["shop"]),
    "500-items": partial(_clicks, "yoochoose_1_64", (0.5, 0.65), 0.7, _popular),
    "no-repeats": partial(_clicks, "yoochoose_1_64", (0.7, 0.8), 0.85, _without_repeats),
    "serenade-long": partial(_clicks, "serenade_clicks", (0.0, 0.8), 0.9, _long),
    "serenade-half": partial(_clicks, "serenade_clicks", (0.0, 0.5), 0.65),
    "movielens-users": partial(_movielens, _users),
    "movielens-tails": partial(_movielens, _tails),
    "movielens-days": partial(_movielens, _user_days),
    "clicks-third": partial(_clicks, "yoochoose_1_64", (0.0, 1 / 3), 0.4333),
    "days": _days,
    "long-sessions": partial(_clicks, "yoochoose_1_64", (0.0, 0.8), 0.9, partial(_long, least=10)),
    "many-repeats": partial(_clicks, "rsc15_last_5_days", (0.0, 0.8), 0.9, _repeating),
    "playlists": partial(_movielens, _playlists),
    "50-items": partial(_clicks, "yoochoose_1_64", (0.3, 0.45), 0.5, partial(_popular, items=50)),
    "200000-items": partial(_shop, 50_000, SHOPS["200000-items"], 0.1),
}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--slice", choices=SLICES, required=True)
    parser.add_argument("--preset", choices=[*PUBLISHED, "auto"], default="auto")
    return add_run_arguments(parser, seeds=1).parse_args()


if __name__ == "__main__":
    main()
