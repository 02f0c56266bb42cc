"""What each kind of field reads from an items table, by hand; and every way the table can be wrong."""

import numpy as np
import pyarrow as pa
import pytest
import torch

from gru4rec.config.options import FeatureConfig
from gru4rec.data.dataset import Dataset
from gru4rec.data.feature_fields import BUCKETS, encode_field
from gru4rec.data.features import ItemFeatures, encode_features
from gru4rec.data.sessions import Sessions
from gru4rec.data.vocabulary import Vocabulary
from gru4rec.network.feature_tower import Tower

WARM = np.array([True, True, True, False])


def read(name: str, values, kind: str = "auto") -> tuple[list[str], list[list[tuple[str, float]]]]:
    """A field's values, and of each item what it reads as (value, weight), "" for missing."""
    field, entries = encode_field(name, kind, pa.array(values), WARM)
    names = ["", *(field.values or range(1, field.rows))]
    read = [(names[row], round(float(weight), 4)) for row, weight in zip(entries.rows, entries.weight, strict=True)]
    return list(field.values), [read[a:b] for a, b in zip(entries.offsets, entries.offsets[1:], strict=False)]


def test_categorical() -> None:
    values, items = read("colour", ["red", None, "blue", "red"])
    assert values == ["blue", "red"]
    assert items == [[("red", 1)], [("", 1)], [("blue", 1)], [("red", 1)]]
    assert read("year", [1999, 2001, 1999, None])[0] == ["1999", "2001"]
    assert read("sold", [True, False, None, True])[0] == ["false", "true"]


def test_a_value_that_only_cold_items_have_is_missing() -> None:
    assert read("colour", ["red", "red", None, "green"])[1][3] == [("", 1)]


@pytest.mark.parametrize("column", [["b|a", " a | |a", None, "c|b"], [["b", "a"], ["a", "a", None], [], ["c", "b"]]])
def test_multi_valued(column) -> None:
    values, items = read("genres", column, "multi")
    assert values == ["a", "b"]
    assert items == [[("a", 1), ("b", 1)], [("a", 1)], [("", 1)], [("b", 1)]]


def test_numeric_is_scaled_by_the_warm_items() -> None:
    _, items = read("price", [1.0, 3.0, float("nan"), 5.0])
    assert items == [[(1, -1)], [(1, 1)], [("", 1)], [(1, 3)]]
    assert read("price", [2.0, 2.0, None, 2.0])[1][0] == [(1, 0)]  # no spread: nothing to say, and no division by it


def test_binned() -> None:
    warm = np.ones(100, dtype=bool)
    field, entries = encode_field("price", "binned", pa.array([*range(99), None]), warm)
    assert field.rows == 11
    assert entries.rows[99] == 0
    assert np.bincount(entries.rows[:99])[1:].tolist() == [10, 10, 10, 10, 9, 10, 10, 10, 10, 10]
    assert len(ItemFeatures((field,), (entries,)).row_names()) == field.rows


def test_text_is_hashed_by_words_and_pairs() -> None:
    column = pa.array(["Red shoe", "shoe, red", "", "the RED  shoe!"])
    _, entries = encode_field("title", "text", column, WARM)
    read = [set(entries.rows[a:b]) for a, b in zip(entries.offsets, entries.offsets[1:], strict=False)]
    assert [len(rows) for rows in read] == [3, 3, 1, 3]  # two words and a pair; only the missing row; what is known
    assert read[0] == read[3]
    assert len(read[0] & read[1]) == 2
    assert read[2] == {0}
    assert entries.rows.max() < BUCKETS + 1


@pytest.mark.parametrize(
    ("name", "kind", "values", "sentence"),
    [
        ("colour", "auto", [None, None, None, "red"], "feature colour has no value on any item that training knows"),
        ("nothing", "auto", [None] * 4, "feature nothing has no value"),
        ("price", "numeric", ["a", "b", "c", "d"], "feature price is string; a numeric field needs numbers"),
        ("price", "binned", [[1.0]] * 4, "a binned field needs numbers"),
        ("tags", "categorical", [["a"]] * 4, "feature tags holds lists; .* its kind is multi"),
        ("tags", "multi", [1.0] * 4, "feature tags is double; a multi field needs lists"),
        ("title", "text", [1] * 4, "feature title is int64; a text field needs text"),
        ("when", "auto", [{"a": 1}] * 4, "feature when is struct"),
    ],
)
def test_a_column_that_cannot_be_read_is_refused(name: str, kind: str, values, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        encode_field(name, kind, pa.array(values), WARM)


ITEMS = pa.table({"item_id": ["d", "b", "x"], "colour": ["red", "blue", "blue"], "size": [1.0, None, 3.0]})


def training() -> tuple[Sessions, Vocabulary]:
    vocabulary = Vocabulary.build(pa.array(["b", "c", "d", "d"]))
    return Sessions.from_lists([[0, 1, 2], [2, 0]]), vocabulary


def test_cold_items_join_the_vocabulary_and_absent_ones_are_missing() -> None:
    train, vocabulary = training()
    prepared = Dataset(train, vocabulary, ITEMS).with_features(FeatureConfig(selected_features=("colour", "size")))
    assert prepared.vocabulary.ids.to_pylist() == ["b", "c", "d", "x"]
    assert prepared.vocabulary.counts.tolist() == [1, 1, 2, 0]
    assert prepared.sessions.items.tolist() == train.items.tolist()
    colour, size = prepared.features.entries
    assert colour.rows.tolist() == [1, 0, 2, 1]
    assert size.rows.tolist() == [0, 0, 1, 1]
    assert prepared.features.row_names()[:3] == [
        "colour:categorical=",
        "colour:categorical=blue",
        "colour:categorical=red",
    ]


def test_new_indices_when_a_cold_id_comes_first() -> None:
    train, vocabulary = training()
    items = pa.table({"item_id": ["a", "d"], "colour": ["red", "red"]})
    prepared = Dataset(train, vocabulary, items).with_features(FeatureConfig(selected_features=("colour",)))
    assert prepared.vocabulary.decode(prepared.sessions.items).to_pylist() == vocabulary.decode(train.items).to_pylist()


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        (pa.table({"id": ["b"]}), "the items table has no column item_id; it has id"),
        (pa.table({"item_id": ["b"], "size": [1]}), "no column colour for selected_features; it has size"),
        (
            pa.table({"item_id": [1], "colour": ["red"]}),
            "item ids are int64 in the items table, but string in the events",
        ),
        (pa.table({"item_id": ["b", "b"], "colour": ["red", "blue"]}), "has item b more than once"),
        (pa.table({"item_id": pa.array([], pa.string()), "colour": pa.array([], pa.string())}), "colour has no value"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused(table: pa.Table, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Dataset(*training(), table).with_features(FeatureConfig(selected_features=("colour",)))


def test_features_survive_being_written() -> None:
    _, vocabulary = training()
    features = encode_features(ITEMS, vocabulary, FeatureConfig(selected_features={"colour": "text", "size": "auto"}))
    again = ItemFeatures.from_bytes(features.to_bytes())
    assert again.fields == features.fields
    for mine, other in zip(features.entries, again.entries, strict=True):
        for a, b in zip(mine, other, strict=True):
            assert a.tolist() == b.tolist()


@pytest.mark.parametrize("short", [0, 1000])
@pytest.mark.parametrize(("mode", "expected"), [("sum", [3.0, 5.0]), ("mean", [1.5, 2.5]), ("max", [2.0, 4.0])])
def test_pooling_inside_a_field(mode: str, expected, short: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gru4rec.network.feature_tower.SHORT", short)
    items = pa.table({"item_id": ["b", "c", "d"], "genres": ["p|q", "q", None]})
    features = encode_features(items, training()[1], FeatureConfig(selected_features=("genres",)))
    table = torch.tensor([[9.0, 9.0], [1.0, 4.0], [2.0, 1.0]])
    tower = Tower(features, mode, torch.device("cpu"), torch.float32)
    pooled = tower.pool(table, torch.tensor([0, 2, 1, 3]))  # 3 stands for "no item"
    assert pooled.tolist() == [expected, [9.0, 9.0], [2.0, 1.0], [0.0, 0.0]]
