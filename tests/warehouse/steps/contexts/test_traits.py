"""Categories and newness of the night's items."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from warehouse.engine.duckdb_engine import DuckDBEngine
from warehouse.layout import Layout
from warehouse.steps.contexts.traits import traits

DAY = date(2026, 1, 10)
DAYS = [date(2026, 1, 8), date(2026, 1, 7), None, date(2026, 2, 1)]


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    layout = Layout(tmp_path)
    layout.partition("items", DAY).parent.mkdir()
    at = [None if day is None else datetime(day.year, day.month, day.day, 23, 59, tzinfo=UTC) for day in DAYS]
    items = {
        "item_id": [1, 2, 3, 4],
        'the "kind"': ["a", None, "b", "a"],
        "shelf": [1, 2, 2, None],
        "day": pa.array(DAYS, pa.date32()),
        "at": pa.array(at, pa.timestamp("us", "UTC")),
        "written": [None if day is None else day.isoformat() for day in DAYS],
        "words": ["soon", "soon", "soon", "soon"],
    }
    pq.write_table(pa.table(items), layout.partition("items", DAY))
    return layout


@pytest.fixture
def engine(tmp_path: Path) -> DuckDBEngine:
    return DuckDBEngine(memory_limit="200MB", threads=1, temp_directory=tmp_path)


@pytest.mark.parametrize("released", ["day", "at", "written"])
def test_new_is_who_came_in_the_last_days(layout: Layout, engine: DuckDBEngine, released: str) -> None:
    found = traits(engine, layout, DAY, released=released, days=3)
    assert found.column_names == ["item_id", "new"]
    assert found["new"].to_pylist() == [True, False, False, True], "8 to 10 January, and what is yet to come"


def test_categories_may_be_of_any_type_and_name(layout: Layout, engine: DuckDBEngine) -> None:
    found = traits(engine, layout, DAY, ["shelf", 'the "kind"'])
    assert found.column_names == ["item_id", "new", "shelf", 'the "kind"']
    assert found["item_id"].to_pylist() == [1, 2, 3, 4]
    assert found['the "kind"'].to_pylist() == ["a", None, "b", "a"]
    assert found["shelf"].to_pylist() == ["1", "2", "2", None]
    assert found["new"].to_pylist() == [False] * 4


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        ({"categories": ["shelf", "genre"]}, "need the column 'genre' of items, which has item_id, .*correct caps or"),
        ({"released": "words"}, "cannot read words of items as a day: "),
        ({"released": "shelf"}, "cannot read shelf of items as a day: "),
    ],
)
def test_columns_that_cannot_be_are_one_sentence(
    layout: Layout, engine: DuckDBEngine, columns: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence) as caught:
        traits(engine, layout, DAY, **columns)
    assert "\n" not in str(caught.value)


def test_the_items_of_the_night_are_needed(layout: Layout, engine: DuckDBEngine) -> None:
    with pytest.raises(FileNotFoundError, match=r"rules of the shop need .*2026-01-11.parquet.*materialise items"):
        traits(engine, layout, "2026-01-11", ["shelf"])
