"""Explanations against taking each event out and scoring again, one context at a time."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gru4rec.config.options import Config
from gru4rec.data.sessions import Sessions
from gru4rec.data.vocabulary import Vocabulary
from gru4rec.network.added.neighbours import Neighbours
from gru4rec.network.model import GRU4Rec
from gru4rec.serving import because as module
from gru4rec.serving.recommend import Recommender
from tests.gru4rec.raising import some_habits, some_raises

ITEMS = 25
IDS = [f"i{number:02}" for number in range(ITEMS)]


class Plain:
    """A model of which only the scores can be asked."""

    tie_rule = "standard"
    name = "GRU4Rec"

    def __init__(self, model: GRU4Rec) -> None:
        self.vocabulary, self.blocks = model.vocabulary, model.blocks


def model_of(seed: int, repeats: bool, width: int) -> GRU4Rec:
    """A model of random weights, with weights of seen items, followers and companions where asked."""
    generator = np.random.default_rng(seed)
    model = GRU4Rec(
        Config().override({"hidden_size": 6, "repeats": repeats}).model, Vocabulary(pa.array(IDS), np.ones(ITEMS))
    )
    model.initialise(seed)
    for table in (model.item_rows(), model.output_bias()):
        table.copy_(torch.from_numpy(generator.normal(size=table.shape)))
    if model.repeat is not None:
        model.repeat.copy_(torch.from_numpy(generator.normal(size=3) * 3))
    if width:
        some = np.stack([generator.choice(ITEMS, width, replace=False) for _ in IDS]).astype(np.int32)
        bonus = generator.normal(size=some.shape).astype(np.float32) * 3
        model.neighbours = Neighbours(torch.from_numpy(some), torch.from_numpy(bonus))
        model.raises = some_raises(generator, ITEMS, width)
        model.habits = some_habits(generator)
    return model


def scores_of(model: GRU4Rec, contexts: list[list[int]]) -> np.ndarray:
    """Scores of the catalogue after each context, [len(contexts), ITEMS]."""
    sessions = Sessions.from_lists(contexts)
    found = np.empty((len(contexts), ITEMS), np.float32)
    for block in model.blocks(sessions, last_only=True):
        found[sessions.session_of(block.events)] = block.scores.numpy()
    return found


def batches(histories: dict[int, list[int]]) -> Iterator[pa.RecordBatch]:
    for user, items in histories.items():
        yield pa.record_batch({"user_id": [user] * len(items), "item_id": [IDS[item] for item in items]})


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    seen=st.booleans(),
    repeats=st.booleans(),
    width=st.sampled_from([0, 4]),
    plain=st.booleans(),
    events=st.sampled_from([8, module.EVENTS]),
)
def test_the_event_is_the_one_without_which_the_score_is_lowest(
    seed: int, seen: bool, repeats: bool, width: int, plain: bool, events: int
) -> None:
    generator = np.random.default_rng(seed)
    model = model_of(seed, repeats, width)
    histories = {user: generator.integers(0, ITEMS, generator.integers(1, 9)).tolist() for user in range(7)}
    recommender = Recommender(Plain(model) if plain else model)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "EVENTS", events)
        rows = pa.Table.from_batches(
            recommender.recommend_stream(batches(histories), 6, exclude_seen=seen, explain=True)
        ).to_pylist()
    assert len(rows) == 42
    if not plain:
        model.raises = None  # scores are compared as they are before they are raised
    told = {}
    for user, context in histories.items():
        shortened = [context[:out] + context[out + 1 :] for out in range(len(context))] if len(context) > 1 else []
        told[user] = scores_of(model, [*shortened, context])
    for row in rows:
        context, item = histories[row["user_id"]], IDS.index(row["item_id"])
        if len(context) == 1:
            assert row["because_of"] == IDS[context[0]]
            continue
        *lowered, whole = told[row["user_id"]][:, item]
        without = np.array(lowered)
        if row["because_of"] is None:
            assert without.min() >= whole - 1e-4
            continue
        behind = [without[out] for out, met in enumerate(context) if IDS[met] == row["because_of"]]
        assert min(behind) <= without.min() + 1e-4
        assert without.min() < whole + 1e-4


def test_lists_and_scores_are_those_without_explanations_and_popular_items_have_none() -> None:
    recommender = Recommender(model_of(3, True, 4))
    contexts = [pa.record_batch({"user_id": [1, 1, 1, 2], "item_id": ["i01", "i02", "i01", "nowhere"]})]
    plain, explained = (
        pa.Table.from_batches(recommender.recommend_stream(contexts, 5, explain=explain)) for explain in (False, True)
    )
    assert explained.drop_columns(["because_of"]).equals(plain)
    assert explained["because_of"].to_pylist()[5:] == [None] * 5
    assert set(explained["because_of"].to_pylist()[:5]) <= {"i01", "i02", None}
