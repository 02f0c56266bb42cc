"""Baselines against loops that follow their definitions."""

import math

import hypothesis.strategies as st
import numpy as np
import pyarrow as pa
import pytest
import torch
from hypothesis import given, settings

from gru4rec.baselines import VSKNN, VSTAN, Markov, Popularity, SequentialRules, VSKNNOptions, VSTANOptions, neighbours
from gru4rec.baselines.counting import Rules
from gru4rec.data.sessions import Sessions
from gru4rec.data.vocabulary import Vocabulary
from gru4rec.network.added.neighbours import Neighbours
from gru4rec.scoring.scorer import Scorer
from tests.gru4rec.baselines.fitting import fitted


def random_sessions(seed: int, sessions: int, items: int = 12) -> Sessions:
    """Random walks; every session begins and ends later than the one before."""
    generator = np.random.default_rng(seed)
    lists = [generator.integers(0, items, size=generator.integers(2, 8)).tolist() for _ in range(sessions)]
    plain = Sessions.from_lists(lists)
    return Sessions(plain.items, plain.offsets, np.arange(len(plain.items)) * 7)


def lists_of(sessions: Sessions) -> list[list[int]]:
    return [sessions.items[a:b].tolist() for a, b in zip(sessions.offsets[:-1], sessions.offsets[1:], strict=True)]


def vocabulary_of(items: int = 12) -> Vocabulary:
    return Vocabulary(pa.array(range(items)), np.ones(items))


def scores_by_event(scorer: Scorer, sessions: Sessions, rows: int = 7) -> dict[int, np.ndarray]:
    return {
        int(event): scores.numpy().copy()
        for block in scorer.blocks(sessions, rows=rows)
        for event, scores in zip(block.events, block.scores, strict=True)
    }


def test_popularity_counts_and_forgets() -> None:
    train = Sessions(np.array([0, 1, 1, 2]), np.array([0, 2, 4]), np.array([0, 50, 100, 100]))
    test = Sessions.from_lists([[0, 1]])
    plain = scores_by_event(Popularity.fit(train, vocabulary_of(3)), test)[0]
    assert plain.tolist() == [1, 2, 1]
    recent = scores_by_event(Popularity.fit(train, vocabulary_of(3), half_life=0.5), test)[0]
    assert recent.tolist() == [0.25, 1.5, 1.0]
    with pytest.raises(ValueError, match="half_life"):
        Popularity.fit(train, vocabulary_of(3), half_life=-1)


@pytest.mark.parametrize(("steps", "decay"), [(1, "same"), (3, "div"), (20, "quadratic")])
def test_rules_agree_with_a_count_by_hand(steps: int, decay: str) -> None:
    train, test = random_sessions(0, 30), random_sessions(1, 10)
    expected = np.zeros((12, 12))
    for items in lists_of(train):
        for a, first in enumerate(items):
            for b in range(a + 1, min(a + steps, len(items) - 1) + 1):
                expected[first, items[b]] += {"same": 1, "div": 1 / (b - a), "quadratic": 1 / (b - a) ** 2}[decay]
    if decay == "same":
        scorer: Scorer = Markov.fit(train, vocabulary_of())
    else:
        scorer = SequentialRules.fit(train, vocabulary_of(), steps=steps, decay=decay)
    for event, scores in scores_by_event(scorer, test).items():
        assert scores == pytest.approx(expected[test.items[event]], rel=1e-6)


@pytest.mark.parametrize("pairs", [1, 40, 200])
def test_rules_counted_in_parts_are_those_counted_at_once(pairs: int) -> None:
    train = random_sessions(3, 40)
    whole, parts = Rules.count(train, 12, 4, "div"), list(Rules.parts(train, 12, 4, "div", pairs))
    assert len(parts) > 1
    assert sum(len(part.rows) - 1 for part in parts) == 12
    for name in ("columns", "weights"):
        np.testing.assert_array_equal(np.concatenate([getattr(part, name) for part in parts]), getattr(whole, name))
    expected = Neighbours.of_rules(whole.rows, whole.columns, whole.weights, 12)
    found = [Neighbours.of_rules(part.rows, part.columns, part.weights, 12) for part in parts]
    for one, other in zip(zip(*found, strict=True), expected, strict=True):
        assert torch.equal(torch.cat(one), other)


def neighbours_by_hand(train: Sessions, context: list[int], k: int, sample: int, decays: dict) -> np.ndarray:
    """The definition with sets and dictionaries; `decays` are functions of one number."""
    sessions = lists_of(train)
    length = len(context)
    back = {item: length - 1 - place for place, item in enumerate(context)}
    candidates = [number for number, items in enumerate(sessions) if set(items) & set(context)][-sample:]
    similarity = {}
    for number in candidates:
        shared = sorted(set(sessions[number]) & set(context), key=lambda item: -back[item])
        # added up oldest first, one after another: ties are ties to the last bit
        similarity[number] = np.sum([decays["context"](back[item], length) for item in shared])
        similarity[number] *= decays["session"](number)
    chosen = sorted(candidates, key=lambda number: (-similarity[number], -number))[:k]
    scores = np.zeros(12)
    for number in chosen:
        items = sessions[number]
        places = {item: place for place, item in enumerate(items)}
        match = min(set(items) & set(context), key=lambda item: back[item])
        for item in set(items):
            scores[item] += (
                similarity[number]
                * decays["match"](back[match])
                * decays["place"](abs(places[item] - places[match]))
                * decays["item"](item)
            )
    return scores


def idf(train: Sessions, item: int) -> float:
    return math.log(len(train) / max(sum(item in items for items in lists_of(train)), 1))


@pytest.mark.parametrize(("k", "sample"), [(5, 20), (100, 1000), (3, 4)])
def test_vsknn_agrees_with_its_definition(k: int, sample: int) -> None:
    train, test = random_sessions(2, 40), random_sessions(3, 8)
    settings = {"weighting": "quadratic", "weighting_score": "div", "idf_weight": 2.0, "cosine": True}
    scorer = VSKNN.fit(train, vocabulary_of(), VSKNNOptions(k=k, sample_size=sample, **settings))
    found = scores_by_event(scorer, test)
    decays = {
        "context": lambda back, length: ((length - back) / length) ** 2,
        "session": lambda number: 1 / math.sqrt(len(set(lists_of(train)[number]))),
        "match": lambda back: 1 / (back + 1),
        "place": lambda distance: 1,
        "item": lambda item: 1 + 2 * idf(train, item),
    }
    for event in test.prediction_events():
        start = test.offsets[test.session_of(event)]
        expected = neighbours_by_hand(train, test.items[start : event + 1].tolist(), k, sample, decays)
        assert found[event] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("k", "sample"), [(5, 20), (100, 1000)])
def test_vstan_agrees_with_its_definition(k: int, sample: int) -> None:
    train, test = random_sessions(4, 40), random_sessions(5, 8)
    lambdas = {"lambda_spw": 2.0, "lambda_snh": 0.5, "lambda_inh": 1.5, "lambda_ipw": 3.0}
    found = scores_by_event(VSTAN.fit(train, vocabulary_of(), VSTANOptions(k=k, sample_size=sample, **lambdas)), test)
    ends = train.times[train.offsets[1:] - 1]
    decays = {
        "context": lambda back, length: math.exp(-back / 2.0),
        "session": lambda number: (
            math.exp(-(ends.max() - ends[number]) / (ends.max() - ends.min()) / 0.5)
            / math.sqrt(len(set(lists_of(train)[number])))
        ),
        "match": lambda back: math.exp(-back / 3.0),
        "place": lambda distance: math.exp(-distance / 1.5),
        "item": lambda item: 1,
    }
    for event in test.prediction_events():
        start = test.offsets[test.session_of(event)]
        expected = neighbours_by_hand(train, test.items[start : event + 1].tolist(), k, sample, decays)
        assert found[event] == pytest.approx(expected, rel=1e-5)


@given(
    seed=st.integers(0, 10_000),
    k=st.integers(1, 30),
    sample=st.integers(1, 40),
    rows=st.integers(1, 9),
    entries=st.sampled_from([1, 50, 1 << 20]),
    weighting=st.sampled_from(["same", "div", "linear"]),
)
@settings(max_examples=25, deadline=None)
def test_many_predictions_at_once_equal_one_after_another(
    seed: int, k: int, sample: int, rows: int, entries: int, weighting: str
) -> None:
    """Also where similarities tie, the sample ends inside an item's sessions, or a block is made in portions."""
    train, test = random_sessions(seed, 40), random_sessions(seed + 1, 5)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(neighbours, "ENTRIES", entries)
        scorer = VSKNN.fit(train, vocabulary_of(), VSKNNOptions(k=k, sample_size=sample, weighting=weighting))
        found = scores_by_event(scorer, test, rows)
    decays = {
        "context": {
            "same": lambda back, length: 1.0,
            "div": lambda back, length: (length - back) / length,
            "linear": lambda back, length: 1 - 0.1 * back if back <= 10 else 0.0,
        }[weighting],
        "session": lambda number: 1.0,
        "match": lambda back: 1 / (back + 1),
        "place": lambda distance: 1,
        "item": lambda item: 1,
    }
    for event in test.prediction_events():
        start = test.offsets[test.session_of(event)]
        expected = neighbours_by_hand(train, test.items[start : event + 1].tolist(), k, sample, decays)
        assert found[event] == pytest.approx(expected, rel=1e-5)


def test_items_of_32_bits_are_enough_for_more_items_times_sessions_than_32_bits_hold() -> None:
    items, sessions = 70_000, 40_000
    last = random_sessions(5, sessions, 50)
    train = Sessions((items - 1 - last.items).astype(np.int32), last.offsets)
    wide = Sessions(items - 1 - random_sessions(6, 4, 50).items, random_sessions(6, 4, 50).offsets)
    narrow = Sessions(wide.items.astype(np.int32), wide.offsets)
    for method in (VSKNN, VSTAN):
        scorer = method.fit(train, vocabulary_of(items))
        expected, found = scores_by_event(scorer, wide), scores_by_event(scorer, narrow)
        assert max(scores.max() for scores in expected.values()) > 0
        assert all(np.array_equal(scores, found[event]) for event, scores in expected.items())


def test_last_only_scores_whole_sessions() -> None:
    train, test = random_sessions(6, 30), random_sessions(7, 5)
    longer = Sessions.from_lists([[*items, 0] for items in lists_of(test)])
    for scorer in (
        Popularity.fit(train, vocabulary_of()),
        Markov.fit(train, vocabulary_of()),
        SequentialRules.fit(train, vocabulary_of()),
        VSKNN.fit(train, vocabulary_of()),
        VSTAN.fit(train, vocabulary_of()),
    ):
        assert scorer.tie_rule == "conservative"
        all_events = scores_by_event(scorer, longer)
        for block in scorer.blocks(test, last_only=True, rows=3):
            for event, scores in zip(block.events, block.scores, strict=True):
                number = test.session_of(event)
                assert scores.numpy() == pytest.approx(all_events[event + number], rel=1e-6)


@pytest.mark.parametrize(
    ("method", "changes"),
    [
        (SequentialRules, {"steps": 0}),
        (SequentialRules, {"decay": "slow"}),
        (VSKNN, {"k": 0}),
        (VSKNN, {"weighting": "heavy"}),
        (VSTAN, {"sample_size": 0}),
        (VSTAN, {"lambda_spw": -1.0}),
    ],
)
def test_bad_settings_are_refused(method: type, changes: dict) -> None:
    with pytest.raises(ValueError, match=r"must|weightings|decay"):
        fitted(method, random_sessions(0, 5), vocabulary_of(), changes)
