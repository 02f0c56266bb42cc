"""Several sequences in one call, frames of events, and answers as frames: the same lists as one by one."""

from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gru4rec.config.options import Config
from gru4rec.data.frames import ColumnNames
from gru4rec.data.vocabulary import Vocabulary
from gru4rec.network.model import GRU4Rec
from gru4rec.serving.recommend import Recommender


def recommender(ids: pa.Array) -> Recommender:
    model = GRU4Rec(Config().override({"hidden_size": 8}).model, Vocabulary(ids, np.arange(len(ids), 0, -1)))
    model.initialise(3)
    return Recommender(model)


@pytest.fixture(scope="module")
def numbered() -> Recommender:
    return recommender(pa.array(range(100, 400, 10)))


@pytest.mark.parametrize(
    "sequences",
    [
        [[100, 250], [7], []],
        ((100, 250), (7,), ()),
        [np.array([100, 250]), pa.array([7]), range(0)],
        pa.array([[100, 250], [7], []]),
        pa.chunked_array([[[100, 250]], [[7], []]]),
    ],
    ids=["lists", "tuples", "arrays", "arrow", "chunked"],
)
def test_several_sequences_are_answered_as_one_by_one(numbered: Recommender, sequences) -> None:
    lists = numbered.recommend(sequences, n=4, exclude=[110])
    assert len(lists) == 3
    for answer, alone in zip(lists, [[100, 250], [7], []], strict=True):
        assert answer.ids.equals(numbered.recommend(alone, n=4, exclude=[110]).ids)
    assert [answer.model for answer in lists] == ["GRU4Rec", "popularity", "popularity"]
    assert lists[1].unknown == [7]


def test_a_matrix_is_several_sequences_and_a_row_is_one(numbered: Recommender) -> None:
    matrix = np.array([[100, 110], [120, 130]])
    assert [answer.context_length for answer in numbered.recommend(matrix)] == [2, 2]
    assert numbered.recommend(matrix[0]).context_length == 2
    assert numbered.recommend([]).context_length == 0


def test_text_ids_are_one_sequence_and_nested_ones_several() -> None:
    named = recommender(pa.array(["a", "b", "c", "d"]))
    assert named.recommend(["a", "b"]).ids.to_pylist() == named.recommend([["a", "b"]])[0].ids.to_pylist()
    with pytest.raises(ValueError, match=r"sequence 1 is 'b'; .* \['b'\] for one id"):
        named.recommend([["a"], "b"])


@pytest.mark.parametrize("mixed", [[[100], 110], [100, [110]]])
def test_ids_and_sequences_side_by_side_are_one_sentence(numbered: Recommender, mixed) -> None:
    with pytest.raises(ValueError, match="give every sequence as a list of ids"):
        numbered.recommend(mixed)


def test_answers_as_frames(numbered: Recommender) -> None:
    lists = numbered.recommend([[100, 250], [7]], n=3)
    rows = lists.to_pandas()
    assert list(rows) == ["sequence", "rank", "item_id", "score", "probability", "model", "context_length"]
    assert rows["sequence"].tolist() == [0, 0, 0, 1, 1, 1]
    assert rows["rank"].tolist() == [1, 2, 3, 1, 2, 3]
    assert rows["item_id"].tolist() == [item for answer in lists for item in answer.ids.to_pylist()]
    assert rows["context_length"].tolist() == [2, 2, 2, 0, 0, 0]
    one = lists[0].to_arrow()
    assert one.equals(lists.to_arrow().slice(0, 3).drop_columns("sequence").combine_chunks())
    assert pl.from_arrow(one)["score"].to_list() == lists[0].scores.tolist()


def test_a_frame_of_events_in_any_order_gives_a_list_a_session(numbered: Recommender, tmp_path: Path) -> None:
    events = pd.DataFrame({"visit": ["v2", "v1", "v1"], "sku": [300, 250, 100], "at": [5, 9, 2]})
    pq.write_table(pa.Table.from_pandas(events), tmp_path / "events.parquet")
    frames = [events, pl.from_pandas(events), pa.Table.from_pandas(events), str(tmp_path / "events.parquet")]
    for frame in frames:
        rows = numbered.recommend_sessions(frame, n=3, columns=ColumnNames(("visit",), "sku", "at"))
        assert rows["visit"].to_pylist() == ["v1"] * 3 + ["v2"] * 3
        lists = numbered.recommend([[100, 250], [300]], n=3)
        assert rows["item_id"].to_pylist() == lists.to_arrow()["item_id"].to_pylist()


def test_what_is_no_frame_of_sessions_is_one_sentence(numbered: Recommender) -> None:
    rows = {"session_id": [1, 2], "item_id": [100, None], "timestamp": [1, 2]}
    with pytest.raises(ValueError, match="column item_id has 1 nulls"):
        numbered.recommend_sessions(pa.table(rows))
    with pytest.raises(ValueError, match="no column visit"):
        numbered.recommend_sessions(pa.table(rows), columns=ColumnNames(("visit",)))
    with pytest.raises(ValueError, match="there are no events"):
        numbered.recommend_sessions(pa.table({**rows, "item_id": [100, 110]}).slice(0, 0))


@pytest.mark.parametrize("one", ["SKU-097/ä", b"SKU-097"])
def test_a_bare_text_is_no_list_of_ids(one: str | bytes) -> None:
    """It was read letter by letter."""
    named = recommender(pa.array(["S", "K", "U", "SKU-097/ä"]))
    for arguments in ((one,), (["S"], 3, one), (["S"], 3, (), one), ([["S"]], 3, one)):
        with pytest.raises(ValueError, match=r"is b?'SKU-097.*; give a list of ids, \[b?'SKU-097.*'\] for one$"):
            named.recommend(*arguments)


def test_digits_of_a_text_file_are_text_where_the_model_knows_text(tmp_path: Path) -> None:
    """Training saw 007 too; a file in which every id happens to be a number is of the same log."""
    texts = recommender(pa.array(["007", "12", "7"]))
    (tmp_path / "log.csv").write_text("session_id,item_id,timestamp\n1,12,1\n1,7,2\n")
    rows = texts.recommend_sessions(tmp_path / "log.csv", n=1)
    assert rows["item_id"].to_pylist() == ["007"]
    assert rows["context_length"].to_pylist() == [2]
