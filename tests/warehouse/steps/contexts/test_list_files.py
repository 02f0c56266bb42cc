"""Ids of an allow or a deny file in any type that tools write: those of the night's items, or one sentence."""

import uuid
from datetime import date
from decimal import Decimal

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from warehouse.engine.duckdb_engine import DuckDBEngine
from warehouse.layout import Layout
from warehouse.steps.contexts.shelf import shelf
from warehouse.steps.items.ingest import ingest_items

DAY = date(2026, 1, 10)
ITEMS = [2, 3, 120]
WHOLE = {
    **{str(kind): pa.array(ITEMS, kind) for kind in (
        pa.int8(), pa.int16(), pa.int32(), pa.int64(), pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64(),
        pa.float32(), pa.float64())},
    "decimal128": pa.array([Decimal(item) for item in ITEMS], pa.decimal128(38, 0)),
    "decimal with a scale": pa.array([Decimal(item) for item in ITEMS], pa.decimal128(20, 4)),
    **{str(kind): pa.array([str(item) for item in ITEMS], kind) for kind in (
        pa.string(), pa.large_string(), pa.string_view())},
    "binary": pa.array([str(item).encode() for item in ITEMS]),
    "dictionary of numbers": pa.array(ITEMS).dictionary_encode(),
    "dictionary of text": pa.array([str(item) for item in ITEMS]).dictionary_encode(),
    "float with NaN": pa.array([*map(float, ITEMS), float("nan")]),
    "with nulls": pa.array([*ITEMS, None, 2]),
}  # fmt: skip
REFUSED = {
    "halves": pa.array([1.5, 2.0]),
    "large floats": pa.array([2.0**53, 1.0]),
    "uint64 beyond int64": pa.array([2**63, 1], pa.uint64()),
    "text": pa.array(["abc", "2"]),
    "leading zeros": pa.array(["007"]),
    "scientific": pa.array(["1e2"]),
    "blanks": pa.array([" 2"]),
    "uuids": pa.array([uuid.uuid4().bytes], pa.uuid()),
    "bools": pa.array([True]),
    "lists": pa.array([[1]]),
    "structs": pa.array([{"a": 1}]),
    "timestamps": pa.array([1], pa.timestamp("us")),
    "nothing": pa.array([None, None], pa.int64()),
    "nulls of no type": pa.nulls(2),
}


@pytest.fixture
def night(tmp_path):
    """A layout whose items are numbers."""
    layout = Layout(tmp_path)
    path = layout.partition("items", DAY)
    path.parent.mkdir()
    pq.write_table(pa.table({"item_id": [1, 2, 3, 120]}), path)
    return layout


def denied(layout, tmp_path, known_as=None):
    engine = DuckDBEngine(memory_limit="200MB", threads=1, temp_directory=tmp_path / "spill")
    return shelf(engine, layout, DAY, deny="list.parquet", known_as=known_as).deny


@pytest.mark.parametrize("name", WHOLE)
def test_whole_numbers_of_any_type_are_the_items(night, tmp_path, name):
    pq.write_table(pa.table({"item_id": WHOLE[name]}), tmp_path / "list.parquet")
    found = denied(night, tmp_path)
    assert (str(found.type), found.to_pylist()) == ("int64", ITEMS)


@pytest.mark.parametrize("name", WHOLE)
def test_they_are_text_where_the_items_are(night, tmp_path, name):
    pq.write_table(pa.table({"item_id": ["1", "2", "3", "120"]}), night.partition("items", DAY))
    pq.write_table(pa.table({"item_id": WHOLE[name]}), tmp_path / "list.parquet")
    assert denied(night, tmp_path).to_pylist() == [str(item) for item in ITEMS]


@pytest.mark.parametrize(("known_as", "ids"), [("int64", ITEMS), ("string", ["2", "3", "120"]), (None, ITEMS)])
def test_they_are_what_the_model_knows_where_no_items_were_delivered(night, tmp_path, known_as, ids):
    ingest_items(night, DAY)
    pq.write_table(pa.table({"item_id": ITEMS}), tmp_path / "list.parquet")
    assert denied(night, tmp_path, known_as).to_pylist() == ids


@pytest.mark.parametrize("name", REFUSED)
def test_what_would_be_another_id_is_a_sentence(night, tmp_path, name):
    pq.write_table(pa.table({"item_id": REFUSED[name]}), tmp_path / "list.parquet")
    with pytest.raises(ValueError, match=r"deny: .*list.parquet") as caught:
        denied(night, tmp_path)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    "tool", ["pandas", "pandas nullable", "pandas category", "polars", "polars category", "duckdb"]
)
def test_whichever_tool_wrote_it(night, tmp_path, tool):
    file = tmp_path / "list.parquet"
    if tool.startswith("pandas"):
        kind = {"pandas": "int64", "pandas nullable": "Int64", "pandas category": "category"}[tool]
        pd.DataFrame({"item_id": pd.Series(ITEMS).astype(kind)}).to_parquet(file)
    elif tool.startswith("polars"):
        ids = pl.Series("item_id", ITEMS)
        ids = ids.cast(pl.String).cast(pl.Categorical) if "category" in tool else ids
        pl.DataFrame(ids).write_parquet(file)
    else:
        import duckdb

        duckdb.sql(f"COPY (SELECT unnest({ITEMS})::HUGEINT::DECIMAL(38,0) AS item_id) TO '{file}'")
    assert denied(night, tmp_path).to_pylist() == ITEMS
