"""Three small days put on disk, for the tests of what people are told of a night."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from warehouse import recommendations as table
from warehouse.layout import Layout

FIRST = date(2026, 1, 1)
SECOND, THIRD = FIRST + timedelta(days=1), FIRST + timedelta(days=2)
TIME = pa.timestamp("us", "UTC")
LIMITS = table.AuditLimits(min_overlap=None, max_fallback_share=None, max_user_drop=None, max_score_shift=None)


def put(path: Path, **columns: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path)


def events(layout: Layout, day: date, rows: list[tuple[int, int]], late: int = 0) -> None:
    """(user, item) rows at noon; the first `late` of them a day earlier."""
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    times = [noon + timedelta(seconds=n) - timedelta(days=n < late) for n in range(len(rows))]
    put(
        layout.partition("events", day),
        user_id=pa.array([user for user, _ in rows], pa.int64()),
        item_id=pa.array([item for _, item in rows], pa.int64()),
        timestamp=pa.array(times, TIME),
    )


def publish(layout: Layout, night: date, made: dict[int, list[int]]) -> None:
    rows = [
        {"user_id": user, "rank": rank, "item_id": item, "score": 2.0 - rank, "probability": 0.5 / rank}
        for user, items in sorted(made.items())
        for rank, item in enumerate(items, start=1)
    ]
    found = pa.Table.from_pylist(
        [{**row, "model": "GRU4Rec", "context_length": 2} for row in rows],
        schema=pa.schema(
            [("user_id", pa.int64()), ("rank", pa.int16()), ("item_id", pa.int64()), ("score", pa.float32()),
             ("probability", pa.float32()), ("model", pa.string()), ("context_length", pa.int16())]
        ),
    )  # fmt: skip
    expected = table.Expected(n=max(map(len, made.values())), users=len(made))
    table.publish(layout, night, found.to_batches(), table.NightFacts(1, "run"), expected, LIMITS)


def three_days(root: Path) -> Layout:
    """Events of three days, items and lists of the last two; the titles are those of a shop that means harm."""
    found = Layout(root)
    events(found, FIRST, [(1, 10), (1, 11), (2, 10), (2, 11)])
    events(found, SECOND, [(1, 10), (1, 12)])
    events(found, THIRD, [(1, 10), (3, 13), (3, 13), (4, 10)], late=1)
    put(found.partition("rejected_events", THIRD), reason=["null id", "future", "null id"])
    put(found.partition("items", SECOND), item_id=[10, 11, 12], title=["a", "b", "c"])
    put(found.partition("items", THIRD), item_id=[10, 12, 13, 14], title=["<script>alert(1)</script>", "c", "d", "e"])
    publish(found, SECOND, {1: [11, 13], 2: [12, 14]})
    publish(found, THIRD, {1: [11, 12], 3: [10, 14], 4: [12, 13]})
    return found
