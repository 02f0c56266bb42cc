"""Similar items against cosines counted by hand, and on a catalogue whose groups are known."""

import numpy as np
import pyarrow as pa
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gru4rec.config.options import Config
from gru4rec.data.dataset import Dataset
from gru4rec.data.vocabulary import Vocabulary
from gru4rec.network.model import GRU4Rec
from gru4rec.serving.recommend import Recommender
from gru4rec.training.fit import fit

IDS = [f"item {number:02d}" for number in range(30)]


def model_of(rows: np.ndarray, biases: np.ndarray | None = None) -> GRU4Rec:
    """A model whose item rows are [I, 8] as given."""
    model = GRU4Rec(Config().override({"hidden_size": 8}).model, Vocabulary(pa.array(IDS), np.ones(30)))
    model.initialise(1)
    model.item_rows().copy_(torch.from_numpy(rows))
    model.output_bias().copy_(torch.from_numpy(np.zeros(30) if biases is None else biases))
    return model


def by_hand(rows: np.ndarray, item: int, n: int) -> list[tuple[float, int]]:
    centred = rows - rows.mean(0)
    lengths = np.linalg.norm(centred, axis=1)
    cosines = [
        float(centred[item] @ row / (lengths[item] * length)) for row, length in zip(centred, lengths, strict=True)
    ]
    return sorted(((-cosine, other) for other, cosine in enumerate(cosines) if other != item))[:n]


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), item=st.integers(0, 29), n=st.integers(1, 40))
def test_the_cosines_about_the_mean_row(seed: int, item: int, n: int) -> None:
    rows = np.random.default_rng(seed).normal(size=(30, 8)).astype(np.float32)
    found = Recommender(model_of(rows)).similar_items(IDS[item], n)
    expected = by_hand(rows.astype(np.float64), item, n)
    assert found["rank"].to_pylist() == list(range(1, min(n, 29) + 1))
    assert found["score"].to_pylist() == pytest.approx([-cosine for cosine, _ in expected], abs=1e-5)
    assert len(set(found["similar_item_id"].to_pylist()) - {IDS[item]}) == len(expected)


def test_one_vector_added_to_all_rows_a_bias_and_lengths_change_nothing() -> None:
    generator = np.random.default_rng(0)
    rows = generator.normal(size=(30, 8)).astype(np.float32)
    plain = Recommender(model_of(rows)).similar_items(IDS, 5)
    moved = Recommender(model_of(rows + 3, generator.normal(size=30))).similar_items(IDS, 5)
    assert moved["similar_item_id"].equals(plain["similar_item_id"])
    assert plain.num_rows == 150
    assert plain["item_id"].to_pylist()[::5] == IDS


def test_items_of_one_group_are_similar() -> None:
    """Sessions stay within groups of six items: the five most similar ones are the group."""
    generator = np.random.default_rng(4)
    groups = np.repeat(generator.integers(0, 5, 400), 6)
    events = pa.table(
        {
            "session_id": np.repeat(np.arange(400), 6),
            "item_id": groups * 6 + generator.integers(0, 6, 2400),
            "timestamp": np.arange(2400),
        }
    )
    config = Config().override({"hidden_size": 16, "batch_size": 16, "n_sample": 0, "epochs": 8})
    model = fit(Dataset.from_table(events), config).model
    found = Recommender(model).similar_items(list(range(30)), 5)
    same = [
        a // 6 == b // 6
        for a, b in zip(found["item_id"].to_pylist(), found["similar_item_id"].to_pylist(), strict=True)
    ]
    assert np.mean(same) > 0.95


def test_ties_stand_in_order_of_ids() -> None:
    rows = np.zeros((30, 8), dtype=np.float32)
    rows[:15, 0], rows[15:, 0] = 1, -1
    found = Recommender(model_of(rows)).similar_items("item 03", 14)
    assert found["similar_item_id"].to_pylist() == [name for name in IDS[:15] if name != "item 03"]


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(1, 40), denied=st.sets(st.integers(0, 29), max_size=29))
def test_a_stream_of_all_items_is_what_each_is_asked_for_alone(seed: int, n: int, denied: set[int]) -> None:
    rows = np.random.default_rng(seed).normal(size=(30, 8)).astype(np.float32)
    recommender = Recommender(model_of(rows))
    streamed = pa.Table.from_batches(recommender.similar_stream(n, deny=[IDS[item] for item in denied]))
    alone = recommender.similar_items(IDS, 29).to_pylist()
    expected = []
    for item in IDS:
        left = [row for row in alone if row["item_id"] == item and int(row["similar_item_id"][-2:]) not in denied]
        expected += [{**row, "rank": rank} for rank, row in enumerate(left[:n], start=1)]
    assert streamed.select(["item_id", "rank", "similar_item_id"]).to_pylist() == [
        {name: row[name] for name in ("item_id", "rank", "similar_item_id")} for row in expected
    ]
    assert streamed["score"].to_pylist() == pytest.approx([row["score"] for row in expected], abs=1e-6)


def test_what_cannot_be_asked_is_one_sentence(fixed_scorer) -> None:
    recommender = Recommender(model_of(np.ones((30, 8), dtype=np.float32)))
    for items, n, sentence in [
        ("item 99", 5, "unknown to the model: 'item 99'"),
        ([f"x{number}" for number in range(9)], 5, "and 4 more"),
        ("item 01", 0, "at least 1"),
        ([1, 2], 5, "int64 here"),
    ]:
        with pytest.raises(ValueError, match=sentence):
            recommender.similar_items(items, n)
    with pytest.raises(TypeError, match="fixed has no item rows"):
        Recommender(fixed_scorer(np.zeros((2, 3), dtype=np.float32))).similar_items(1)
    with pytest.raises(TypeError, match="fixed has no item rows"):
        list(Recommender(fixed_scorer(np.zeros((2, 3), dtype=np.float32))).similar_stream())
    assert recommender.similar_items([], 5).num_rows == 0
