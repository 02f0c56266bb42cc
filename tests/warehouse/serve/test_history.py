"""A user's latest events."""

import datetime as dt
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from warehouse.serve.history import latest_events


def test_events_of_one_time_are_in_the_order_of_sessions(nights: Any) -> None:
    at = pa.array([dt.datetime.combine(nights.day(0), dt.time(12), dt.UTC)] * 4, pa.timestamp("us", "UTC"))
    for day, columns in ((0, {"sequence": pa.array([2, 3, 1, None])}), (-1, {})):
        path = nights.layout.partition("events", nights.day(day))
        path.parent.mkdir(parents=True, exist_ok=True)
        times = at if not day else pa.array([at[0].as_py() - dt.timedelta(days=1)] * 4, at.type)
        pq.write_table(pa.table({"user_id": [7] * 4, "item_id": [5, 4, 9, 1], "timestamp": times, **columns}), path)
    found = [item for item, _ in latest_events(nights.layout, nights.day(0), 7, 20)]
    assert found == [1, 4, 5, 9, 9, 5, 4, 1]
    assert [item for item, _ in latest_events(nights.layout, nights.day(-1), 7, 20)] == [9, 5, 4, 1]
