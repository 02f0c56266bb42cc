import math
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch

from gru4rec.config.options import Config
from gru4rec.data.sessions import Sessions
from gru4rec.data.vocabulary import Vocabulary
from gru4rec.network.model import GRU4Rec
from gru4rec.serving.recommend import Recommender, Request
from gru4rec.storage import checkpoint


@pytest.fixture(scope="module")
def recommender() -> Recommender:
    """An untrained model over the ids 100, 110, .., 390; id 100 is the most popular."""
    vocabulary = Vocabulary(pa.array(range(100, 400, 10)), np.arange(30, 0, -1))
    model = GRU4Rec(Config().override({"hidden_size": 8}).model, vocabulary)
    model.initialise(3)
    return Recommender(model, temperature=0.5)


def all_scores(recommender: Recommender, ids: list[int]) -> np.ndarray:
    index = recommender.scorer.vocabulary.encode(ids).tolist()
    [block] = recommender.scorer.blocks(Sessions.from_lists([index]), last_only=True)
    return block.scores[0].double().numpy()


def test_the_best_unseen_items_best_first(recommender: Recommender) -> None:
    answer = recommender.recommend([100, 250], n=5)
    scores = all_scores(recommender, [100, 250])
    order = [c for c in np.argsort(-scores, kind="stable") if 100 + 10 * c not in (100, 250)][:5]
    assert answer.ids.to_pylist() == [100 + 10 * c for c in order]
    assert answer.scores.tolist() == pytest.approx(scores[order].tolist(), rel=1e-6)
    weight = np.exp(scores / 0.5)
    assert answer.probabilities.tolist() == pytest.approx((weight / weight.sum())[order].tolist(), rel=1e-5)
    assert answer.model == "GRU4Rec"
    assert answer.context_length == 2


def test_probabilities_of_the_whole_catalogue_add_up_to_one(recommender: Recommender) -> None:
    answer = recommender.recommend([120], n=30, exclude_seen=False)
    assert answer.probabilities.sum() == pytest.approx(1, rel=1e-5)


def test_exactly_n_without_duplicates_while_the_catalogue_allows(recommender: Recommender) -> None:
    for n, expected in [(1, 1), (27, 27), (28, 28), (29, 28), (500, 28)]:
        ids = recommender.recommend([100, 200, 200], n).ids.to_pylist()
        assert len(ids) == len(set(ids)) == expected
    assert len(recommender.recommend([100, 200], 500, exclude_seen=False).ids) == 30


def test_exclude_and_allow(recommender: Recommender) -> None:
    assert set(recommender.recommend([100], 9, allow=[100, 110, 120, 77], exclude=[110]).ids.to_pylist()) == {120}
    assert recommender.recommend([100], 9, allow=[]).ids.to_pylist() == []
    assert 110 not in recommender.recommend([100], 30, exclude=[110, 12345]).ids.to_pylist()


def test_unknown_items_are_left_out_and_reported(recommender: Recommender) -> None:
    answer = recommender.recommend([1, 100, 2, 250, 1], n=5)
    assert answer.unknown == [1, 2, 1]
    assert answer.ids.equals(recommender.recommend([100, 250], n=5).ids)


@pytest.mark.parametrize("items", [[], [1, 2]])
def test_without_a_known_item_the_popular_ones_are_given_and_flagged(recommender: Recommender, items: list) -> None:
    answer = recommender.recommend(items, n=3, exclude=[110])
    assert answer.ids.to_pylist() == [100, 120, 130]
    assert answer.model == "popularity"
    assert answer.context_length == 0
    assert answer.probabilities.tolist() == pytest.approx([30 / 465, 28 / 465, 27 / 465])


def test_equal_scores_stand_in_order_of_their_ids() -> None:
    model = GRU4Rec(Config().override({"hidden_size": 4}).model, Vocabulary(pa.array(list("abcdefgh")), np.ones(8)))
    assert Recommender(model).recommend(["c"], n=4).ids.to_pylist() == ["a", "b", "d", "e"]


def test_many_requests_are_answered_as_one_by_one(recommender: Recommender) -> None:
    requests = [
        Request([100, 250], 3),
        Request([], 2),
        Request([7], 4),
        Request([390] * 5, 6, exclude=[380], allow=range(100, 400, 20)),
        Request([110], 1, exclude_seen=False),
    ]
    together = recommender.recommend_batch(requests)
    for request, answer in zip(requests, together, strict=True):
        alone = recommender.recommend(request.items, request.n, request.exclude, request.allow, request.exclude_seen)
        assert answer.ids.equals(alone.ids)
        assert answer.scores.tolist() == pytest.approx(alone.scores.tolist(), rel=1e-5)
    assert recommender.recommend_batch([]) == []


def test_the_shape_that_fusion_reads(recommender: Recommender) -> None:
    [first, second] = recommender.recommend([100], n=2).to_dicts({})
    assert list(first) == ["item_id", "title", "score", "model"]
    assert first["title"] is None
    assert first["score"] >= second["score"]
    titled = recommender.recommend([100], n=1).to_dicts({first["item_id"]: "A film"})
    assert titled[0]["title"] == "A film"
    assert isinstance(titled[0]["item_id"], int)


def test_bad_requests_are_one_sentence(recommender: Recommender) -> None:
    for arguments, sentence in [
        ({"items": [100], "n": 0}, "at least 1"),
        ({"items": [100], "n": 2.5}, "whole number"),
        ({"items": ["a"]}, "string"),
        ({"items": [100, "a"]}, "mixed"),
        ({"items": [100, None]}, "null"),
        ({"items": [100], "exclude": ["x"]}, "string"),
    ]:
        with pytest.raises(ValueError, match=sentence):
            recommender.recommend(**arguments)


@pytest.mark.parametrize("temperature", [0.0, -1.0, np.nan, np.inf, 10**400, True, "1"])
def test_a_temperature_that_makes_no_probabilities_is_refused(
    recommender: Recommender, tmp_path: Path, temperature: Any
) -> None:
    """A negative one gave probabilities without a word, 0 was laid to the model's weights."""
    with pytest.raises(ValueError, match=r"the temperature is .*; give a number above 0"):
        Recommender(recommender.scorer, temperature)
    checkpoint.save(tmp_path, recommender.scorer, Config().override({"hidden_size": 8}), {"temperature": temperature})
    with pytest.raises(ValueError, match=f"{tmp_path.name}: the temperature is"):
        Recommender.load(tmp_path, device="cpu")


def test_numbers_of_any_type_are_taken(recommender: Recommender) -> None:
    for temperature in (2**70, np.float32(0.5)):
        assert Recommender(recommender.scorer, temperature).recommend([100]).probabilities.max() <= 1
    assert len(recommender.recommend([100], n=np.int64(3)).ids) == 3
    assert recommender.similar_items(100, n=np.int64(3)).num_rows == 3


def test_a_saved_model_recommends_the_same(recommender: Recommender, tmp_path: Path) -> None:
    model = recommender.scorer
    config = Config().override({"hidden_size": 8})
    checkpoint.save(tmp_path, model, config, {"temperature": 0.5, "model_version": 7})
    loaded = Recommender.load(tmp_path, device="cpu")
    assert loaded.temperature == 0.5
    assert loaded.version == "7"
    before, after = recommender.recommend([100, 250]), loaded.recommend([100, 250])
    assert after.ids.equals(before.ids)
    assert np.array_equal(after.scores, before.scores)
    assert np.array_equal(after.probabilities, before.probabilities)


def test_streamed_lists_are_the_same_on_one_thread_and_on_two(recommender: Recommender) -> None:
    generator = np.random.default_rng(0)
    users = np.repeat(np.arange(300), 4)
    contexts = pa.record_batch({"user_id": users, "item_id": generator.integers(10, 40, len(users)) * 10})
    threads = torch.get_num_threads()
    tables = []
    try:
        for count in (1, 2):
            torch.set_num_threads(count)
            tables.append(pa.Table.from_batches(recommender.recommend_stream([contexts], n=10)))
    finally:
        torch.set_num_threads(threads)
    one, two = tables
    for column in ("user_id", "rank", "item_id", "model", "context_length"):
        assert one[column].equals(two[column])
    for column in ("score", "probability"):
        assert np.allclose(one[column].to_numpy(), two[column].to_numpy(), rtol=1e-5)
    first = recommender.recommend(contexts["item_id"][:4], n=10)
    assert one["item_id"][:10].to_pylist() == first.ids.to_pylist()
    assert one["probability"][0].as_py() == pytest.approx(float(first.probabilities[0]), rel=1e-5)
    assert not math.isnan(float(first.probabilities[0]))
