"""raw items -> items: one row an item, the last one delivered."""

from datetime import date
from decimal import Decimal

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


def test_a_named_column_wins_over_one_that_is_called_so(layout):
    deliver(layout, "a.parquet", {"sku": ["b"], "item_id": [7], "title": ["unasked"], "name": ["B"]})
    deliver(layout, "b.parquet", {"sku": ["c"], "item_id": [8.5]})
    report = ingest_items(layout, DAY, item_column="sku", title_column="name")
    assert report.columns == ("item_id", "title")
    assert pq.read_table(layout.partition("items", DAY)).to_pylist() == [
        {"item_id": "b", "title": "B"},
        {"item_id": "c", "title": None},
    ]


@pytest.mark.parametrize(("names", "twice"), [(["item_id", "c", "c"], "c"), (["item_id", "item_id", "c"], "item_id")])
def test_two_columns_of_one_name_are_refused(layout, names, twice):
    layout.raw_items.mkdir(parents=True)
    table = pa.Table.from_arrays([pa.array([1])] * 3, names=names)
    pq.write_table(table, layout.raw_items / "a.parquet")
    with pytest.raises(ValueError, match=rf"a.parquet has 2 columns '{twice}': leave one of them out, or rename it"):
        ingest_items(layout, DAY)


@pytest.mark.parametrize("values", [["x", None], [1, 2], [1.5, None], [date(2024, 1, 1), None], [b"x", b"y"]])
def test_categories_are_their_values(layout, values):
    deliver(layout, "a.parquet", {"item_id": [1, 2], "shelf": pa.array(values).dictionary_encode()})
    deliver(layout, "b.parquet", {"item_id": [3, 4], "shelf": values})
    ingest_items(layout, DAY)
    found = pq.read_table(layout.partition("items", DAY))["shelf"]
    assert (found.type, found.to_pylist()) == (pa.array(values).type, values * 2)


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


@pytest.mark.parametrize(
    ("titles", "text"),
    [
        ([1984, None], ["1984", None]),
        ([1984.0, float("nan")], ["1984", None]),
        ([Decimal("7.50"), Decimal("7.00")], ["7.50", "7"]),
        ([b"Caf\xc3\xa9", None], ["Café", None]),
        (pa.array(["a", None]).dictionary_encode(), ["a", None]),
        ([True, None], ["true", None]),
    ],
)
def test_titles_are_text_whatever_the_files_hold(layout, titles, text):
    """A number, or NaN, stood in the table and in readers' answers; beside text in another file it was refused."""
    deliver(layout, "a.parquet", {"item_id": [1, 2], "title": titles})
    deliver(layout, "b.parquet", {"item_id": [3], "title": ["z"]})
    ingest_items(layout, DAY)
    table = pq.read_table(layout.partition("items", DAY))
    assert str(table.schema.field("title").type) == "string"
    assert table["title"].to_pylist() == [*text, "z"]


@pytest.mark.parametrize("titles", [[["a"], ["b"]], [b"\xff", b"a"]])
def test_what_cannot_be_a_title_is_a_sentence(layout, titles):
    deliver(layout, "a.parquet", {"item_id": [1, 2], "name": titles})
    with pytest.raises(
        ValueError, match=r"'name' of .*a\.parquet holds what is no title .*: write text, or name another"
    ):
        ingest_items(layout, DAY, title_column="name")


@pytest.mark.parametrize("text", ["007", "+7", "7.0", " 7", "0x7"])
def test_no_item_of_text_becomes_another_one_by_its_number(layout, text):
    """007 became 7, the last of the two rows counted, and nothing was said."""
    deliver(layout, "a.parquet", {"item_id": ["7", text]})
    with pytest.raises(ValueError, match="cannot be kept as int64"):
        ingest_items(layout, DAY, item_id_type="int64")


def test_an_empty_text_is_no_item(layout):
    deliver(layout, "a.parquet", {"item_id": ["", "a", None]})
    report = ingest_items(layout, DAY)
    assert (report.rows, report.rejected, report.duplicates) == (1, 2, 0)
