"""auto on data that it was not chosen on: slices of the data sets cut in other ways, ratings, and the synthetic shop.

    python -m benchmarks.unseen --slice small-clicks --preset auto --seeds 3
    python -m benchmarks.unseen --slice movielens-days --preset bpr-max --seeds 1 --log unseen.jsonl

Beside auto stand the two published configurations that accuracy.py measures, bpr-max and cross-entropy, with as many
epochs as there (6 and 5 from 150,000 predictions on, else 10). Data, protocol and `--validation` are accuracy.py's.
Prints one JSON line a seed: what is held out and how large the training part is, the metrics, and `error`, the standard
errors of recall@20 and mrr@20.

A slice is cut from the sessions of split = train in the order of time: some to fit, the ones that follow to test.
The newest tenth of them, which auto was chosen on, is in none but `days`; `serenade-long` ends .5% inside of it.
"""

import argparse
from collections.abc import Callable
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.accuracy import ALPHA_5, add_run_arguments, divide, events, read, run, training
from gru4rec.config.auto import SMALL
from gru4rec.config.options import Config, read_settings
from gru4rec.config.presets import preset, resolve
from gru4rec.data.dataset import Dataset
from warehouse.sources.shop.process import Shop

Parts = tuple[pa.Table, pa.Table]  # to fit, to test
Change = Callable[[pa.Table], pa.Table]
CLICKS = ["session_id", "item_id", "timestamp"]
MICROSECONDS_A_DAY = 24 * 3600 * 10**6

# row -> (published preset, what differs from it, epochs from SMALL predictions on)
PUBLISHED = {"bpr-max": ("retailrocket", {}, 6), "cross-entropy": ("rsc15", ALPHA_5, 5)}


def main() -> None:
    """Fit and measure once a seed."""
    args = _arguments()
    train, held_out, vocabulary = divide(*SLICES[args.slice](), args.validation)
    found = Dataset(train, vocabulary).statistics()
    config = resolve("auto", found) if args.preset == "auto" else _published(args.preset, found.predictions)
    config = config.override(read_settings(dict(s.split("=", 1) for s in args.set)))
    about = {
        "data": args.slice, "row": args.preset, "validation": args.validation, "settings": args.set,
        "sessions": found.sessions, "fitted": found.predictions, "items": found.items, "length": round(found.length, 2),
    }  # fmt: skip
    for seed in range(args.first_seed, args.first_seed + args.seeds):
        run(config.override({"seed": seed}), train, held_out, vocabulary, about, args)


def _published(row: str, predictions: int) -> Config:
    name, changes, fewer = PUBLISHED[row]
    return preset(name).override({**changes, **({"epochs": fewer} if predictions >= SMALL else {})})


def _clicks(data: str, fitted: tuple[float, float], tested: float, change: Change = lambda table: table) -> Parts:
    """Sessions from one place to another, and those from there on to a third: shares of the training sessions."""
    table = change(events(*training(read(data, [*CLICKS, "split"]).filter(pc.field("split") == "train"))))
    table = events(*training(table))
    return _by_place(table, *(share * (pc.max(table["session_id"]).as_py() + 1) for share in (*fitted, tested)))


def _by_place(table: pa.Table, begin: float, middle: float, end: float) -> Parts:
    place = pc.field("session_id")
    return table.filter((place >= begin) & (place < middle)), table.filter((place >= middle) & (place < end))


def _few(data: str, begin: float, fitted: int, tested: int) -> Parts:
    """So many sessions from a share of the training sessions on, and the ones after them."""
    train, vocabulary = training(read(data, [*CLICKS, "split"]).filter(pc.field("split") == "train"))
    first = int(begin * len(train))
    return _by_place(events(train, vocabulary), first, first + fitted, first + fitted + tested)


def _long(table: pa.Table, least: int = 4) -> pa.Table:
    """The sessions of so many events."""
    sizes = table.group_by("session_id").aggregate([("item_id", "count")])
    long = sizes.filter(pc.field("item_id_count") >= least)
    return table.filter(pc.is_in(table["session_id"], long["session_id"]))


def _popular(table: pa.Table, items: int = 500) -> pa.Table:
    """The events of the most popular items."""
    counts = pc.value_counts(table["item_id"])
    order = pc.sort_indices(counts.field("counts"), sort_keys=[("counts", "descending")])
    return table.filter(pc.is_in(table["item_id"], counts.field("values").take(order[:items])))


def _without_repeats(table: pa.Table) -> pa.Table:
    """No item twice running; the events stand session by session."""
    session, item = table["session_id"].to_numpy(), table["item_id"].to_numpy()
    return table.filter(pa.array(np.concatenate([[True], (np.diff(session) != 0) | (np.diff(item) != 0)])))


def _days() -> Parts:
    """RSC15's days 178 to 180 (their training sessions), and all sessions of day 181."""
    table = read("rsc15_last_5_days", [*CLICKS, "day_index", "split"])
    day = pc.field("day_index")
    fitted = table.filter((day < 181) & (pc.field("split") == "train"))
    return fitted.select(CLICKS), table.filter(day == 181).select(CLICKS)


def _users(ratings: pa.Table) -> Parts:
    """A user's ratings as one session; the tenth of the users that came last to test."""
    table = events(*training(ratings.rename_columns({"user_id": "session_id"})))
    users = pc.max(table["session_id"]).as_py() + 1
    return _by_place(table, 0, 0.9 * users, users)


def _tails(ratings: pa.Table) -> Parts:
    """A user's ratings but the last tenth as one session; that tenth as another, which knows nothing of the first."""
    table = events(*training(ratings.rename_columns({"user_id": "session_id"})))
    user = table["session_id"].to_numpy()
    ends = np.searchsorted(user, user, side="right")
    sizes = ends - np.searchsorted(user, user, side="left")
    last = pa.array(ends - np.arange(len(user)) <= sizes / 10)
    return table.filter(pc.invert(last)), table.filter(last)


def _user_days(ratings: pa.Table) -> Parts:
    """A user's ratings of one day as a session; the newest tenth of the sessions to test."""
    day = pc.divide(ratings["timestamp"].cast(pa.int64()), MICROSECONDS_A_DAY)
    key = pc.add(pc.multiply(ratings["user_id"], 100_000), day)
    table = events(*training(ratings.append_column("session_id", key)))
    sessions = pc.max(table["session_id"]).as_py() + 1
    return _by_place(table, 0, 0.9 * sessions, sessions)


def _movielens(cut: Callable[[pa.Table], Parts]) -> Parts:
    return cut(read("movielens_small_ratings", ["user_id", "item_id", "timestamp"]))


def _shop(sessions: int, items: int) -> Parts:
    """Sessions of the synthetic shop, and a fifth as many to test; its taste stays."""
    shop = Shop(n_items=items, seed=7)
    drawn, lengths = shop.draw(sessions + sessions // 5)
    number = np.repeat(np.arange(len(lengths)), lengths)
    table = pa.table({"session_id": number, "item_id": shop.item_ids[drawn], "timestamp": np.arange(len(drawn))})
    return _by_place(table, 0, sessions, len(lengths))


SLICES: dict[str, Callable[[], Parts]] = {
    "small-clicks": partial(_few, "yoochoose_1_64", 0.45, 1500, 1500),
    "small-serenade": partial(_few, "serenade_clicks", 0.1, 1500, 1500),
    "small-shop": partial(_shop, 2000, 500),
    "shop": partial(_shop, 10_000, 2000),
    "500-items": partial(_clicks, "yoochoose_1_64", (0.5, 0.65), 0.7, _popular),
    "no-repeats": partial(_clicks, "yoochoose_1_64", (0.7, 0.8), 0.85, _without_repeats),
    "serenade-long": partial(_clicks, "serenade_clicks", (0.0, 0.8), 0.9, _long),
    "serenade-half": partial(_clicks, "serenade_clicks", (0.0, 0.5), 0.65),
    "movielens-users": partial(_movielens, _users),
    "movielens-tails": partial(_movielens, _tails),
    "movielens-days": partial(_movielens, _user_days),
    "clicks-third": partial(_clicks, "yoochoose_1_64", (0.0, 1 / 3), 0.4333),
    "days": _days,
}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--slice", choices=SLICES, required=True)
    parser.add_argument("--preset", choices=[*PUBLISHED, "auto"], default="auto")
    return add_run_arguments(parser, seeds=1).parse_args()


if __name__ == "__main__":
    main()
