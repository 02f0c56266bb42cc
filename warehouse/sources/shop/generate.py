"""A synthetic shop put on disk, day by day in chunks: who clicks, when, and in which folder the event arrives."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from warehouse.days import days_between
from warehouse.engine.errors import DataError, disk_sentences
from warehouse.layout import Layout
from warehouse.sources.raw.progress import Progress
from warehouse.sources.raw.unit import alone, finish_imports, staged
from warehouse.sources.shop.process import MEAN_LENGTH, Shop
from warehouse.tables import EVENTS, ITEMS
from warehouse.values import whole
from warehouse.whole_files import replacing

SESSIONS_A_USER = 4  # on average; some users come far more often than others
MAX_PAUSE = 240.0  # seconds between two clicks, at most
EARLIEST = 165 * 60  # a day's first session starts this many seconds after midnight: after the day before has ended
CHUNK = 200_000  # sessions drawn at a time; memory does not grow with the number of events
DAY = 86_400
MICROS = 1_000_000
UNIT = "part"  # a day's file is UNIT.parquet
MADE_BY = {b"made_by": b"warehouse generate"}  # in the footer of every file of a shop: what a later shop may replace


@dataclass(frozen=True)
class ShopReport:
    """What was written."""

    events: int
    sessions: int
    users: int
    items: int
    first_day: date
    last_day: date


def generate(
    layout: Layout | Path | str, n_events: int, seed: int = 0, *, n_items: int | None = None, **shop: float | str | date
) -> Shop:
    """Write a shop of about `n_events` events (see write_shop) and return it, to ask it for its best recall.

    `n_items`: by default `usual_items`. Further names are those of Shop.
    """
    made = Shop(n_items=n_items or usual_items(n_events), seed=seed, **shop)  # type: ignore[arg-type]
    write_shop(made, layout if isinstance(layout, Layout) else Layout(Path(layout)), n_events)
    return made


def usual_items(n_events: int) -> int:
    """How many items a shop of so many events has: one for every 50 events, from 200 to 1,000,000."""
    return min(max(n_events // 50, 200), 1_000_000)


@alone
def write_shop(shop: Shop, layout: Layout, n_events: int, *, progress: bool = False) -> ShopReport:
    """Write raw/events/<day>/part.parquet for every day, about `n_events` events in all, and raw/items/items.parquet.

    The last events of a session that runs over midnight lie in the next day's folder. Those that run over the end of
    the last day are left out: a night would not know them yet. A shop that was written there before is replaced, all
    its days, when the new one is whole.

    Raises:
        DataError: raw/events or raw/items holds a file that is of no such shop, or the disk is full; nothing has
            changed.
    """
    whole("n_events", n_events, 1, 10**10)
    days = days_between(shop.opens, shop.last_day)
    users = max(1, round(n_events / MEAN_LENGTH / min(SESSIONS_A_USER, shop.days)))
    activity = np.random.default_rng([shop.seed, 5]).lognormal(0, 1, users)
    events = sessions = 0
    seen = np.zeros(users, bool)
    over: list[pa.Table] = []  # what of a day's sessions happens on the next day
    _refuse_others(layout)
    with Progress("events", n_events, enabled=progress) as bar, disk_sentences(), staged(layout, UNIT) as folder:
        for number, day in enumerate(days):
            wanted = n_events * (number + 1) // len(days) - n_events * number // len(days)
            end = np.datetime64(day, "us") + np.timedelta64(DAY * MICROS, "us")
            with pq.ParquetWriter(folder / f"{day}.parquet", _schema(shop).with_metadata(MADE_BY)) as writer:
                for part in over:
                    writer.write_table(part)
                    events += len(part)
                over = []
                for table, n in _day(shop, number, wanted, activity, seen):
                    inside = table["timestamp"].to_numpy() < end
                    over.append(table.filter(pa.array(~inside)))
                    part = table.filter(pa.array(inside))
                    writer.write_table(part)
                    events += len(part)
                    sessions += n
                    bar.add(len(part))
        _write_items(shop, layout)
    return ShopReport(events, sessions, int(seen.sum()), shop.n_items, days[0], days[-1])


def _refuse_others(layout: Layout) -> None:
    """DataError where a raw file lies that no shop has written: it would be replaced, or mixed with one."""
    finish_imports(layout)  # a killed one's files are on their way to where this looks
    for folder in (layout.raw / "events", layout.raw_items):
        for path in sorted(folder.rglob("[!._]*")):
            if path.is_symlink() or not (path.is_dir() or _is_of_a_shop(path)):
                raise DataError(
                    f"{path} is not of a synthetic shop, which would replace it or mix with it: "
                    f"give another data folder, or remove {layout.raw} first"
                )


def _is_of_a_shop(path: Path) -> bool:
    try:
        return MADE_BY.items() <= (pq.read_schema(path).metadata or {}).items()
    except (pa.ArrowInvalid, OSError):
        return False


def _schema(shop: Shop) -> pa.Schema:
    ids = "string" if shop.text_ids else "int64"
    return EVENTS.schema(user_id=ids, item_id=ids)


def _day(
    shop: Shop, number: int, wanted: int, activity: np.ndarray, seen: np.ndarray
) -> Iterator[tuple[pa.Table, int]]:
    """Tables of a day's events, about `wanted` in all, with the number of sessions in each; marks the users `seen`."""
    rng = np.random.default_rng([shop.seed, 6, number])
    # The day's visitors in the order of their coming, each at most once, the active ones more often than others.
    visitors = np.argsort(rng.exponential(size=len(activity)) / activity, kind="stable")
    midnight = np.datetime64(shop.first_day, "us").astype(np.int64) + number * DAY * MICROS
    done = chunk = came = 0
    while done < wanted and came < len(visitors):
        n = min(CHUNK, len(visitors) - came, 1 + int((wanted - done) / MEAN_LENGTH))
        items, lengths = shop.draw(n, number, [8, chunk])
        ends = np.cumsum(lengths)
        n = min(n, int(np.searchsorted(ends, wanted - done)) + 1)
        lengths, items = lengths[:n], items[: ends[n - 1]]
        users = visitors[came : came + n]
        seen[users] = True
        starts = rng.integers(EARLIEST * MICROS, DAY * MICROS, n)
        pauses = np.clip(rng.lognormal(3.5, 1.0, len(items)), 1.0, MAX_PAUSE)
        times = _times(midnight + starts, (pauses * MICROS).astype(np.int64), lengths)
        yield _table(shop, np.repeat(users, lengths) + 1, shop.item_ids[items], times), n
        done, came, chunk = done + len(items), came + n, chunk + 1


def _times(starts: np.ndarray, pauses: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """[E] the time of every click: its session's start plus the pauses since; a session's first pause is ignored."""
    firsts = np.cumsum(lengths) - lengths
    pauses[firsts] = 0
    times: np.ndarray = np.cumsum(pauses)
    times += np.repeat(starts - times[firsts], lengths)
    return times


def _table(shop: Shop, users: np.ndarray, items: np.ndarray, times: np.ndarray) -> pa.Table:
    schema = _schema(shop)
    moments = pa.array(times.astype("datetime64[us]")).cast(schema.field("timestamp").type)
    return pa.Table.from_arrays([_ids(shop, "u", users), _ids(shop, "i", items), moments], schema=schema)


def _ids(shop: Shop, letter: str, numbers: np.ndarray) -> pa.Array:
    if not shop.text_ids:
        return pa.array(numbers)
    return pa.array(np.char.add(letter, numbers.astype(str)))


def _write_items(shop: Shop, layout: Layout) -> None:
    """The catalogue, with two features of its own beside the title."""
    schema = ITEMS.schema(item_id="string" if shop.text_ids else "int64", optional=("title",))
    features = [("category", pa.string()), ("price", pa.float64())]
    table = pa.table(
        {
            "item_id": _ids(shop, "i", shop.item_ids),
            "title": [f"Item {number}" for number in shop.item_ids],
            "category": [f"group {group}" for group in shop.home],
            "price": np.round(np.random.default_rng([shop.seed, 9]).lognormal(3, 1, shop.n_items), 2),
        },
        schema=pa.schema([*schema, *features], metadata=MADE_BY),
    )
    with replacing(layout.raw_items / "items.parquet") as path:
        pq.write_table(table.sort_by("item_id"), path)
