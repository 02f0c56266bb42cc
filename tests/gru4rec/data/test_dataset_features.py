"""Datasets of items with features: what a split makes known, and what an items table must have."""

import itertools
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest

from gru4rec.config.options import FeatureConfig
from gru4rec.data.dataset import Dataset
from gru4rec.data.features import encode_features

FILMS = pa.table({"item_id": [1, 2, 3, 4], "genre": ["a", "b", "a", "b"], "year": [1990.0, 2000.0, 2010.0, 2050.0]})

SELECTED = FeatureConfig(selected_features=("genre", "year"))


def watched() -> Dataset:
    """Film 3 is first watched in the last session, film 4 never, film 5 has no row."""
    rows = [(1, 1, 0), (1, 2, 1), (2, 2, 2), (2, 5, 3), (3, 3, 4), (3, 2, 5), (3, 3, 6)]
    session, item, time = zip(*rows, strict=True)
    return Dataset.from_table(pa.table({"session_id": session, "item_id": item, "timestamp": time}), items=FILMS)


def lists(data: Dataset) -> list[list]:
    ids, offsets = data.vocabulary.decode(data.sessions.items).to_pylist(), data.sessions.offsets
    return [ids[begin:end] for begin, end in itertools.pairwise(offsets)]


def test_held_out_sessions_find_again_what_features_make_known() -> None:
    """Without features film 3 is unknown to the training part; with them it is a cold film of both."""
    train, test = watched().split(last=0.3)
    assert lists(train) == [[1, 2], [2, 5]]
    assert lists(test) == []
    assert (test.sessions.unknown, test.sessions.short) == (2, 1)
    wide = train.with_features(SELECTED)
    assert wide.vocabulary.ids.to_pylist() == [1, 2, 3, 4, 5]
    assert wide.vocabulary.counts.tolist() == [1, 2, 0, 0, 1]
    assert lists(wide) == lists(train)
    followed = [wide.reencode(test), test.with_features(SELECTED), watched().with_features(SELECTED).split(last=0.3)[1]]
    for again in followed:
        assert lists(again) == [[3, 2, 3]]
        assert (again.sessions.unknown, again.sessions.short) == (0, 0)
        assert again.vocabulary.counts.tolist() == wide.vocabulary.counts.tolist()
        same_features(again, wide)
    assert wide.features.fields[1].mean == 1995  # of the films of the training part alone


def same_features(one: Dataset, other: Dataset) -> None:
    assert one.features.fields == other.features.fields
    for mine, theirs in zip(one.features.entries, other.features.entries, strict=True):
        assert [part.tolist() for part in mine] == [part.tolist() for part in theirs]


def test_a_test_part_follows_a_second_split() -> None:
    rest, test = watched().split(last=0.3)
    train, validation = rest.split(last=0.5)
    assert lists(train) == [[1, 2]]
    assert (lists(validation), validation.sessions.unknown, validation.sessions.short) == ([], 1, 1)
    assert train.reencode(test).vocabulary is train.vocabulary


@pytest.mark.parametrize("frame", [FILMS, FILMS.to_pandas(), pl.DataFrame(FILMS)])
def test_an_items_table_of_any_kind(frame) -> None:
    renamed = pl.DataFrame(FILMS.rename_columns({"item_id": "film"}))
    table = pa.table({"session_id": [1, 1], "film": [1, 2], "timestamp": [0, 1]})
    data = Dataset.from_table(table, item="film", items=renamed)
    assert data.items.equals(FILMS)
    same_features(data.with_features(SELECTED), Dataset.from_table(
        table.rename_columns({"film": "item_id"}), items=frame).with_features(SELECTED))  # fmt: skip
    expected = encode_features(FILMS, data.with_features(SELECTED).vocabulary, SELECTED)
    assert data.with_features(SELECTED).features.fields == expected.fields


def test_features_need_an_items_table_and_a_selection() -> None:
    data = watched()
    assert data.with_features(FeatureConfig()) is data
    bare = Dataset(data.sessions, data.vocabulary)
    with pytest.raises(ValueError, match=r"selected_features=\['genre', 'year'\] needs an items table"):
        bare.with_features(SELECTED)


def test_digits_of_an_items_file_are_text_where_the_events_have_text_ids(tmp_path: Path) -> None:
    events = pa.table({"session_id": [1, 1, 1], "item_id": ["7", "x", "8"], "timestamp": [1, 2, 3]})
    (tmp_path / "items.csv").write_text("item_id,genre\n7,a\n8,b\n9,a\n")
    data = Dataset.from_table(events, items=tmp_path / "items.csv")
    wide = data.with_features(FeatureConfig(selected_features=("genre",)))
    assert wide.vocabulary.ids.to_pylist() == ["7", "8", "9", "x"]
