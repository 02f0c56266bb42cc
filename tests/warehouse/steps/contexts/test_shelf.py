"""Who gets a list, and what may stand in it."""

from datetime import date, timedelta

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from warehouse.engine.duckdb_engine import DuckDBEngine
from warehouse.layout import Layout
from warehouse.steps.contexts.shelf import Shelf, shelf

DAY = date(2026, 1, 10)


@pytest.fixture
def layout(tmp_path):
    layout = Layout(tmp_path)
    for folder in ("events", "items"):
        layout.partition(folder, DAY).parent.mkdir()
    items = {"item_id": [1, 2, 3, 4], "title": ["a", "b", "c", None], "in_stock": [True, False, True, None]}
    pq.write_table(pa.table(items), layout.partition("items", DAY))
    return layout


@pytest.fixture
def engine(tmp_path):
    return DuckDBEngine(memory_limit="200MB", threads=1, temp_directory=tmp_path)


def test_no_selection_lets_everything_stand(layout, engine):
    assert shelf(engine, layout, DAY) == Shelf(None, None)
    assert Shelf().of(pa.array([3, 1])).to_pylist() == [3, 1]


def test_predicates_on_items(layout, engine):
    chosen = shelf(engine, layout, DAY, allow="in_stock", deny="title = 'c' -- gone")
    assert chosen.of(pa.array([4, 3, 2, 1, 9])).to_pylist() == [1], "unknown stock and unknown items are not in stock"
    assert shelf(engine, layout, DAY, deny="NOT in_stock").of(pa.array([4, 3, 2, 1, 9])).to_pylist() == [4, 3, 1, 9]


def test_lists_in_a_parquet_file(layout, engine):
    pq.write_table(pa.table({"item_id": pa.array([2, 3, None], pa.int32())}), layout.root / "banned.parquet")
    assert shelf(engine, layout, DAY, deny="banned.parquet").of(pa.array([1, 2, 3])).to_pylist() == [1]
    assert shelf(engine, layout, DAY, allow=str(layout.root / "banned.parquet")).of(
        pa.array([1, 2, 3])
    ).to_pylist() == [2, 3]


@pytest.mark.parametrize(
    ("selection", "error", "sentence"),
    [
        ({"allow": "in_stok"}, ValueError, r"allow \(in_stok\) is not a predicate on items .*columns .*in_stock"),
        ({"deny": "title ="}, ValueError, r"deny \(title =\) is not a predicate on items"),
        ({"allow": "item_id > 99"}, ValueError, "leaves no item that may be recommended"),
        ({"deny": "nowhere.parquet"}, FileNotFoundError, "deny needs .*nowhere.parquet, which does not exist"),
    ],
)
def test_a_selection_that_cannot_be_is_one_sentence(layout, engine, selection, error, sentence):
    with pytest.raises(error, match=sentence):
        shelf(engine, layout, DAY, **selection)


def test_a_predicate_needs_the_items_of_the_night(layout, engine):
    with pytest.raises(FileNotFoundError, match=r"allow needs .*items/2026-01-11.parquet.*materialise items"):
        shelf(engine, layout, DAY + timedelta(days=1), allow="in_stock")
