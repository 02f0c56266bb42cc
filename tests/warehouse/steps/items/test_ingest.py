"""raw items -> items: one row an item, the last one delivered."""

from datetime import date

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from warehouse.steps.items.ingest import ingest_items

DAY = date(2024, 3, 1)


def deliver(layout, name, columns):
    layout.raw_items.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), layout.raw_items / name)


def test_the_last_row_of_an_item_counts_and_features_stay(layout):
    deliver(
        layout,
        "a.parquet",
        {"item_id": [2, 1, 2, None], "title": ["old", "one", "older", "?"], "genres": [["x"], [], None, []]},
    )
    deliver(layout, "b.parquet", {"item_id": [2], "title": ["two"], "price": [1.5]})
    report = ingest_items(layout, DAY)
    assert pq.read_table(layout.partition("items", DAY)).to_pylist() == [
        {"item_id": 1, "title": "one", "genres": [], "price": None},
        {"item_id": 2, "title": "two", "genres": None, "price": 1.5},
    ]
    assert (report.rows, report.duplicates, report.rejected, report.files) == (2, 2, 1, 2)


def test_without_raw_items_the_table_is_empty(layout):
    report = ingest_items(layout, DAY)
    assert report.rows == 0
    assert pq.read_table(layout.partition("items", DAY)).column_names == ["item_id", "title"]


def test_columns_may_have_other_names(layout):
    deliver(layout, "a.parquet", {"sku": ["é", "b"], "name": ["E", "B"]})
    ingest_items(layout, DAY, item_column="sku", title_column="name")
    assert pq.read_table(layout.partition("items", DAY)).to_pylist() == [
        {"item_id": "b", "title": "B"},
        {"item_id": "é", "title": "E"},
    ]


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        ({"id": [1]}, "has no column 'item_id'"),
        ({"item_id": [1.5]}, "a.parquet holds an id that cannot be kept as int64 .*write the ids as whole numbers or"),
        ({"item_id": [2.0**53]}, "a double of 9007199254740992 or more may have been rounded"),
        ({"item_id": [[1]]}, "is list<.*: a whole number or text is expected"),
    ],
)
def test_a_catalogue_that_cannot_be_one_is_refused(layout, columns, sentence):
    deliver(layout, "a.parquet", columns)
    with pytest.raises(ValueError, match=sentence):
        ingest_items(layout, DAY)
    assert not layout.partition("items", DAY).exists()


def test_columns_of_two_types_are_refused(layout):
    deliver(layout, "a.parquet", {"item_id": [1], "price": [1.5]})
    deliver(layout, "b.parquet", {"item_id": [2], "price": ["cheap"]})
    with pytest.raises(ValueError, match=r"a.parquet, b.parquet\) have columns of different types"):
        ingest_items(layout, DAY)
