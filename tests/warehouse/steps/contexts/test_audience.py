"""Who gets a list."""

from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from warehouse.layout import Layout
from warehouse.steps.contexts.audience import audience

DAY = date(2026, 1, 10)


@pytest.fixture
def layout(tmp_path):
    layout = Layout(tmp_path)
    for folder in ("events", "items"):
        layout.partition(folder, DAY).parent.mkdir()
    items = {"item_id": [1, 2, 3, 4], "title": ["a", "b", "c", None], "in_stock": [True, False, True, None]}
    pq.write_table(pa.table(items), layout.partition("items", DAY))
    return layout


def put_events(layout, day, *rows):
    at = [datetime(2026, 1, 10, 12, tzinfo=UTC) - timedelta(days=ago) for _, ago in rows]
    table = {"user_id": [user for user, _ in rows], "item_id": [1] * len(rows)}
    pq.write_table(
        pa.table({**table, "timestamp": pa.array(at, pa.timestamp("us", "UTC"))}), layout.partition("events", day)
    )


def test_the_audience_is_every_user_with_an_event_in_the_window(layout, engine):
    put_events(layout, DAY, (1, 0), (1, 0), (2, 2), (3, 3))  # 2 and 3 arrived late, 3 before the window
    put_events(layout, DAY - timedelta(days=2), (4, 2))
    put_events(layout, DAY - timedelta(days=3), (5, 3))
    assert audience(engine, layout, DAY, window_days=3) == 3
    assert audience(engine, layout, DAY, window_days=4) == 5
    with pytest.raises(FileNotFoundError, match="events of 2026-01-11 are missing"):
        audience(engine, layout, DAY + timedelta(days=1), window_days=3)
