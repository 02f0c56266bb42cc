from collections.abc import Iterator
from dataclasses import replace

import hypothesis.strategies as st
import numpy as np
import pyarrow as pa
import pytest
import torch
from hypothesis import given, settings

from gru4rec.baselines import Popularity
from gru4rec.config.options import Config
from gru4rec.data.sessions import Sessions
from gru4rec.data.vocabulary import Vocabulary
from gru4rec.network.added.neighbours import Neighbours
from gru4rec.network.model import GRU4Rec
from gru4rec.scoring.scorer import Block
from gru4rec.serving import stream as module
from gru4rec.serving.recommend import Recommender, Request
from gru4rec.serving.stream import StreamConfig, stream
from tests.gru4rec.raising import some_habits, some_raises


class SumScorer:
    """Scores of a session: the sum of its items' rows of a table, so order and length of the context can be seen."""

    name = "sum"
    tie_rule = "standard"

    def __init__(self, table: np.ndarray, vocabulary: Vocabulary) -> None:
        self.table, self.vocabulary = table.astype(np.float32), vocabulary

    def blocks(self, sessions: Sessions, *, last_only: bool = False, rows: int = 256) -> Iterator[Block]:
        assert last_only
        for number in reversed(range(len(sessions))):
            items = sessions.items[sessions.offsets[number] : sessions.offsets[number + 1]]
            scores = torch.from_numpy(self.table[items].sum(0, keepdims=True))
            yield Block(sessions.offsets[number + 1 : number + 2] - 1, scores)


def scorer(items: int, seed: int = 0, values: int = 1000) -> SumScorer:
    generator = np.random.default_rng(seed)
    ids = pa.array([f"i{number:03}" for number in range(items)])
    counts = generator.integers(1, 50, size=items)
    return SumScorer(generator.integers(0, values, size=(items, items)), Vocabulary(ids, counts))


def contexts(histories: dict[int, list[str]], rows: int) -> Iterator[pa.RecordBatch]:
    pairs = [(user, item) for user, items in histories.items() for item in items]
    for start in range(0, len(pairs), rows):
        users, items = zip(*pairs[start : start + rows], strict=True)
        yield pa.record_batch({"user_id": pa.array(users), "item_id": pa.array(items)})


def by_hand(model: SumScorer, items: list[str], config: StreamConfig, barred: set[str]) -> list[dict]:
    """One user's list, with Python's own sort."""
    ids = model.vocabulary.ids.to_pylist()
    known = [ids.index(item) for item in items if item in ids][-(config.max_context or 10**6) :]
    counts = model.vocabulary.counts
    scores = model.table[known].sum(0) if known else counts / counts.sum()
    weight = np.exp(scores.astype(float) / config.temperature - (scores / config.temperature).max())
    said = weight / weight.sum() if known else scores
    left = [c for c, item in enumerate(ids) if item not in barred and not (config.exclude_seen and c in known)]
    best = sorted(left, key=lambda c: (-scores[c], c))[: config.n]
    return [
        {
            "rank": rank,
            "item_id": ids[c],
            "score": pytest.approx(scores[c]),
            "probability": pytest.approx(said[c], rel=1e-4, abs=1e-30),
            "model": "sum" if known else "popularity",
            "context_length": len(known),
        }
        for rank, c in enumerate(best, start=1)
    ]


@given(
    seed=st.integers(0, 10_000),
    n=st.integers(1, 12),
    rows=st.integers(1, 30),
    group=st.integers(1, 5),
    seen=st.booleans(),
    limit=st.sampled_from([None, 1, 2]),
    values=st.sampled_from([2, 500]),
)
@settings(max_examples=40, deadline=None)
def test_lists_agree_with_lists_made_by_hand(
    seed: int, n: int, rows: int, group: int, seen: bool, limit: int | None, values: int
) -> None:
    generator = np.random.default_rng(seed)
    model = scorer(10, seed, values)
    pool = [*model.vocabulary.ids.to_pylist(), "new1", "new2"]
    histories = {user: [pool[i] for i in generator.integers(0, 12, generator.integers(1, 6))] for user in range(12)}
    histories[99] = ["new1"]
    config = StreamConfig(n, seen, limit, temperature=300.0)
    deny = {"i003", "unheard of"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "GROUP", group)
        batches = list(stream(model, contexts(histories, rows), config, deny=sorted(deny)))
    assert max(len(batch["user_id"].unique()) for batch in batches) <= group
    found = pa.Table.from_batches(batches).to_pylist()
    expected = [
        {"user_id": user, **row} for user, items in histories.items() for row in by_hand(model, items, config, deny)
    ]
    assert found == expected


def test_columns_are_those_of_the_contract() -> None:
    [batch] = stream(scorer(5), contexts({1: ["i001"]}, 10), StreamConfig(3))
    types = {field.name: str(field.type) for field in batch.schema}
    assert types == {
        "user_id": "int64",
        "rank": "int16",
        "item_id": "string",
        "score": "float",
        "probability": "float",
        "model": "string",
        "context_length": "int16",
    }


def test_an_allow_list_leaves_only_its_items() -> None:
    batches = stream(
        scorer(9), contexts({1: ["i001"], 2: ["zzz"]}, 10), StreamConfig(5), allow=["i001", "i002", "i004"]
    )
    rows = pa.Table.from_batches(list(batches)).to_pylist()
    assert {row["item_id"] for row in rows if row["user_id"] == 1} == {"i002", "i004"}
    assert {row["item_id"] for row in rows if row["user_id"] == 2} == {"i001", "i002", "i004"}


def test_lists_that_bar_everything_are_refused() -> None:
    with pytest.raises(ValueError, match="nothing is left to recommend"):
        list(stream(scorer(3), contexts({1: ["i001"]}, 10), StreamConfig(5), allow=["unknown"]))


def test_bad_contexts_are_refused() -> None:
    model = scorer(3)
    for batch, sentence in [
        (pa.record_batch({"user": [1], "item_id": ["i001"]}), "no column 'user_id'"),
        (pa.record_batch({"user_id": [1, None], "item_id": ["i001", "i001"]}), "have no user_id"),
        (pa.record_batch({"user_id": [1], "item_id": [7]}), "int64"),
    ]:
        with pytest.raises(ValueError, match=sentence):
            list(stream(model, [batch], StreamConfig(5)))


def test_what_comes_as_no_record_batches_of_one_kind_is_refused() -> None:
    model, config = scorer(3), StreamConfig(2)
    batch = pa.record_batch({"user_id": pa.array([1], pa.int32()), "item_id": ["i001"]})
    other = pa.record_batch({"user_id": pa.array([2], pa.int64()), "item_id": ["i001"]})
    with pytest.raises(ValueError, match="has int64 users and string items, those before it int32 and string"):
        list(stream(model, [batch, other], config))
    for contexts_ in (pa.Table.from_batches([batch]), batch):
        with pytest.raises(ValueError, match=r"give record batches, such as table\.to_batches\(\)"):
            list(stream(model, contexts_, config))


def test_spoiled_scores_are_refused() -> None:
    model = scorer(3)
    model.table[1, 2] = np.nan
    with pytest.raises(ValueError, match="not a finite number"):
        list(stream(model, contexts({1: ["i001"]}, 10), StreamConfig(2)))


@pytest.mark.parametrize("changes", [{"n": 0}, {"n": 40_000}, {"max_context": 0}, {"temperature": 0.0}])
def test_a_bad_configuration_is_refused(changes: dict) -> None:
    with pytest.raises(ValueError, match=r"between 1 and|at least 1|a number above 0"):
        replace(StreamConfig(), **changes)


def test_no_contexts_give_no_batches() -> None:
    empty = pa.record_batch({"user_id": pa.array([], pa.int64()), "item_id": pa.array([], pa.string())})
    assert list(stream(scorer(3), [empty], StreamConfig(2))) == []


@given(
    seed=st.integers(0, 10_000),
    seen=st.booleans(),
    temperature=st.sampled_from([0.3, 2.0]),
    repeats=st.booleans(),
    width=st.sampled_from([0, 4]),
)
@settings(max_examples=30, deadline=None)
def test_a_model_streams_and_recommends_what_its_scores_say_with_all_that_is_added_to_them(
    seed: int, seen: bool, temperature: float, repeats: bool, width: int
) -> None:
    """The pass over hidden states against the plain way over `blocks`, which adds weights and bonuses by itself."""
    generator = np.random.default_rng(seed)
    vocabulary = Vocabulary(pa.array([f"i{number:03}" for number in range(60)]), np.ones(60))
    model = GRU4Rec(Config().override({"hidden_size": 6, "repeats": repeats}).model, vocabulary)
    model.initialise(seed)
    if model.repeat is not None:
        model.repeat.copy_(torch.from_numpy(generator.normal(size=(4, 3)) * 3))
    if width:
        some = np.stack([generator.choice(60, width, replace=False) for _ in range(60)]).astype(np.int32)
        bonus = generator.normal(size=some.shape).astype(np.float32) * 3
        model.neighbours = Neighbours(torch.from_numpy(some), torch.from_numpy(bonus))
        model.raises = some_raises(generator, 60, width)
        model.habits = some_habits(generator)
    histories = {
        user: [f"i{item:03}" for item in generator.integers(0, 60, generator.integers(1, 120))] for user in range(6)
    }
    config = StreamConfig(9, seen, None, temperature)
    fast, plain = (
        pa.Table.from_batches(stream(scorer, contexts(histories, 50), config, deny=["i003"]))
        for scorer in (model, Plain(model))
    )
    assert fast["item_id"].equals(plain["item_id"])
    assert fast["score"].to_numpy() == pytest.approx(plain["score"].to_numpy(), rel=1e-4, abs=1e-4)
    assert fast["probability"].to_numpy() == pytest.approx(plain["probability"].to_numpy(), rel=1e-3)
    asked = Recommender(model, temperature).recommend_batch(
        [Request(items, 9, exclude=["i003"], exclude_seen=seen) for items in histories.values()]
    )
    assert [item for answer in asked for item in answer.ids.to_pylist()] == fast["item_id"].to_pylist()
    scores = np.concatenate([answer.scores for answer in asked])
    assert scores == pytest.approx(fast["score"].to_numpy(), rel=1e-4, abs=1e-4)


@pytest.mark.parametrize("way", ["states", "blocks"])
def test_no_probability_of_a_sure_model_is_above_one(way: str) -> None:
    """Scores of several hundred, whose sums of powers are rounded: the audit of a night refuses what is above 1."""
    vocabulary = Vocabulary(pa.array([f"i{number:03}" for number in range(60)]), np.ones(60))
    model = GRU4Rec(Config().override({"hidden_size": 16}).model, vocabulary)
    model.initialise(0)
    model.tensors()["output.weight"].mul_(400)
    histories = {user: [f"i{(user * 7 + step) % 60:03}" for step in range(3)] for user in range(400)}
    found = stream(model if way == "states" else Plain(model), contexts(histories, 500), StreamConfig(5))
    said = pa.Table.from_batches(found)["probability"].to_numpy()
    assert 0.9999 < said.max() <= 1
    assert said.min() >= 0


class Plain:
    """A model of which only the scores can be asked."""

    tie_rule = "standard"
    name = "GRU4Rec"

    def __init__(self, model: GRU4Rec) -> None:
        self.vocabulary, self.blocks = model.vocabulary, model.blocks


def test_streaming_leaves_a_scorers_own_numbers_as_they_are() -> None:
    """Popularity hands out its own weights as the scores of a single row."""
    vocabulary = Vocabulary.build([1, 1, 1, 2, 2, 3])
    popularity = Popularity.fit(Sessions.from_lists([[0, 0, 0, 1, 1, 2]]), vocabulary)
    for _ in range(2):
        [batch] = stream(popularity, [pa.record_batch({"user_id": [7], "item_id": [1]})], StreamConfig(3), deny=[3])
        assert batch["item_id"].to_pylist() == [2]
    assert popularity.weights.tolist() == [3, 2, 1]


@pytest.mark.parametrize("allow", [None, ["i001", "i002", "i003", "nowhere"], []])
@pytest.mark.parametrize("deny", [[], ["i002", "nowhere"]])
@pytest.mark.parametrize("exclude_seen", [True, False])
def test_one_request_and_a_night_answer_alike(allow: list | None, deny: list, exclude_seen: bool) -> None:
    model = scorer(9)
    recommender = Recommender(model, 300.0)
    for items in (["i001", "i005"], ["unknown"]):
        one = recommender.recommend(items, 4, deny, allow, exclude_seen)
        batches = recommender.recommend_stream(contexts({1: items}, 10), 4, exclude_seen, allow, deny)
        if allow == []:
            assert len(one.ids) == 0
            with pytest.raises(ValueError, match="nothing is left"):
                list(batches)
            continue
        night = pa.Table.from_batches(batches)
        assert night["item_id"].to_pylist() == one.ids.to_pylist()
        assert night["score"].to_pylist() == one.scores.tolist()
        assert night["probability"].to_pylist() == one.probabilities.tolist()
        assert set(night["model"].to_pylist()) == {one.model}
        assert set(night["context_length"].to_pylist()) == {one.context_length}
