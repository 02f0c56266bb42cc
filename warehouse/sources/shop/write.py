"""The synthetic shop put on disk, day by day in chunks: who clicks, when, and in which folder the event arrives."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from warehouse.engine.duckdb_engine import disk_sentences
from warehouse.layout import Layout, as_day, days_between, replacing
from warehouse.sources.feed.progress import Progress
from warehouse.sources.shop import generate as synthetic

if TYPE_CHECKING:
    from warehouse.sources.shop.generate import Shop, ShopReport

SESSIONS_A_USER = 4  # on average; some users come far more often than others
DAY = 86_400
MICROS = 1_000_000


def write_shop(shop: "Shop", layout: Layout, n_events: int, progress: Progress) -> "ShopReport":
    """Write raw/events/<day>/part.parquet for every day and raw/items/items.parquet; see Shop.generate."""
    first = as_day(shop.first_day)
    days = days_between(first, shop.last_day)
    users = max(1, round(n_events / synthetic.MEAN_LENGTH / min(SESSIONS_A_USER, shop.days)))
    activity = np.random.default_rng([shop.seed, 5]).lognormal(0, 1, users)
    events = sessions = 0
    seen = np.zeros(users, bool)
    over: list[pa.Table] = []
    with progress, disk_sentences():
        for number, day in enumerate(days):
            wanted = n_events * (number + 1) // len(days) - n_events * number // len(days)
            end = np.datetime64(day, "us") + np.timedelta64(DAY * MICROS, "us")
            late, over = over, []
            folder = layout.raw_events(day)
            with replacing(folder / "part.parquet") as path, pq.ParquetWriter(path, _schema(shop)) as writer:
                for table, n in _day(shop, number, wanted, activity, seen):
                    inside = table["timestamp"].to_numpy() < end
                    over.append(table.filter(pa.array(~inside)))
                    late.append(table.filter(pa.array(inside)))
                    sessions += n
                    for part in late:
                        writer.write_table(part)
                        events += len(part)
                        progress.add(len(part))
                    late = []
                for part in late:
                    writer.write_table(part)
                    events += len(part)
        _write_items(shop, layout)
    return synthetic.ShopReport(events, sessions, int(seen.sum()), shop.n_items, days[0], days[-1])


def _schema(shop: "Shop") -> pa.Schema:
    ids = pa.string() if shop.text_ids else pa.int64()
    return pa.schema([("user_id", ids), ("item_id", ids), ("timestamp", pa.timestamp("us", tz="UTC"))])


def _day(
    shop: "Shop", number: int, wanted: int, activity: np.ndarray, seen: np.ndarray
) -> Iterator[tuple[pa.Table, int]]:
    """Tables of a day's events, about `wanted` in all, with the number of sessions in each; marks the users `seen`."""
    rng = np.random.default_rng([shop.seed, 6, number])
    # The day's visitors in the order of their coming, each at most once, the active ones more often than others.
    visitors = np.argsort(rng.exponential(size=len(activity)) / activity, kind="stable")
    midnight = np.datetime64(shop.first_day, "us").astype(np.int64) + number * DAY * MICROS
    done = chunk = came = 0
    while done < wanted and came < len(visitors):
        n = min(synthetic.CHUNK, len(visitors) - came, 1 + int((wanted - done) / synthetic.MEAN_LENGTH))
        items, lengths = shop.draw(n, number, [8, chunk])
        ends = np.cumsum(lengths)
        n = min(n, int(np.searchsorted(ends, wanted - done)) + 1)
        lengths, items = lengths[:n], items[: ends[n - 1]]
        users = visitors[came : came + n]
        seen[users] = True
        starts = rng.integers(synthetic.EARLIEST * MICROS, DAY * MICROS, n)
        pauses = np.clip(rng.lognormal(3.5, 1.0, len(items)), 1.0, synthetic.MAX_PAUSE)
        times = _times(midnight + starts, (pauses * MICROS).astype(np.int64), lengths)
        yield _table(shop, np.repeat(users, lengths) + 1, shop.item_ids[items], times), n
        done, came, chunk = done + len(items), came + n, chunk + 1


def _times(starts: np.ndarray, pauses: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """[E] the time of every click: its session's start and the pauses since; the first pause of a session is void."""
    firsts = np.cumsum(lengths) - lengths
    pauses[firsts] = 0
    total = np.cumsum(pauses)
    return np.repeat(starts - total[firsts], lengths) + total


def _table(shop: "Shop", users: np.ndarray, items: np.ndarray, times: np.ndarray) -> pa.Table:
    moments = pa.array(times.astype("datetime64[us]")).cast(pa.timestamp("us", tz="UTC"))
    return pa.Table.from_arrays([_ids(shop, "u", users), _ids(shop, "i", items), moments], schema=_schema(shop))


def _ids(shop: "Shop", letter: str, numbers: np.ndarray) -> pa.Array:
    if not shop.text_ids:
        return pa.array(numbers)
    return pa.array(np.char.add(letter, numbers.astype(str)))


def _write_items(shop: "Shop", layout: Layout) -> None:
    table = pa.table(
        {
            "item_id": _ids(shop, "i", shop.item_ids),
            "title": [f"Item {number}" for number in shop.item_ids],
            "category": [f"group {group}" for group in shop.home],
            "price": np.round(np.random.default_rng([shop.seed, 9]).lognormal(3, 1, shop.n_items), 2),
        }
    )
    with replacing(layout.raw_items / "items.parquet") as path:
        pq.write_table(table.sort_by("item_id"), path)
