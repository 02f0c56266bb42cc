"""Scorers that have what the protocols name, and nothing else, go through all that is done with a scorer."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pytest
import torch

from gru4rec.baselines import BASELINES
from gru4rec.config.options import Config
from gru4rec.data.dataset import Dataset
from gru4rec.data.sessions import Sessions
from gru4rec.data.vocabulary import Vocabulary
from gru4rec.evaluation.evaluate import evaluate
from gru4rec.network.model import GRU4Rec
from gru4rec.scoring.added import Added
from gru4rec.scoring.calibration import fit_temperature, reliability
from gru4rec.scoring.scorer import Block, Linear, Scorer, block_rows
from gru4rec.serving.catalogue import Catalogue
from gru4rec.serving.lists import Rules, make_lists
from gru4rec.serving.recommend import Recommender, Request

ITEMS, UNITS = 40, 5
WEIGHTS = np.random.default_rng(0).normal(size=(ITEMS, UNITS)).astype(np.float32)
BIASES = np.random.default_rng(1).normal(size=ITEMS).astype(np.float32)


class MinimalScorer:
    """The scores of an item are those of the last item's row and, less so, of the session's first one."""

    __slots__ = ("name", "tie_rule", "vocabulary")

    def __init__(self) -> None:
        self.name, self.tie_rule = "minimal", "standard"
        self.vocabulary = Vocabulary(pa.array(range(100, 100 + ITEMS)), np.arange(1, ITEMS + 1))

    def blocks(self, sessions: Sessions, *, last_only: bool = False, rows: int = 256) -> Iterator[Block]:
        for events, states in states_of(sessions, last_only, rows):
            yield Block(events, states @ torch.from_numpy(WEIGHTS).T + torch.from_numpy(BIASES))


class MinimalLinear(MinimalScorer):
    """The same as states and an output layer, with a number more for the last item and one for the item after it."""

    __slots__ = ()

    def blocks(self, sessions: Sessions, *, last_only: bool = False, rows: int = 256) -> Iterator[Block]:
        for events, scores in super().blocks(sessions, last_only=last_only, rows=rows):
            last = torch.from_numpy(sessions.items[events])
            scores[torch.arange(len(events)), last] += 2.0
            scores[torch.arange(len(events)), (last + 1) % ITEMS] += 1.5
            yield Block(events, scores)

    def hidden(self, sessions: Sessions, *, last_only: bool = False) -> Iterator[tuple[np.ndarray, torch.Tensor]]:
        yield from states_of(sessions, last_only, rows=3)

    def output_matrix(self) -> torch.Tensor:
        return torch.from_numpy(WEIGHTS)

    def output_bias(self) -> torch.Tensor:
        return torch.from_numpy(BIASES)

    def added(self, sessions: Sessions, events: np.ndarray) -> Added:
        last, every = sessions.items[events], np.arange(len(events))
        item, value = np.append(last, (last + 1) % ITEMS), np.repeat(np.float32([2.0, 1.5]), len(events))
        return Added(np.append(every, every), item, value)


class LinearWithoutAddition(MinimalLinear):
    """A linear scorer that adds nothing."""

    __slots__ = ()
    blocks = MinimalScorer.blocks

    def added(self, sessions: Sessions, events: np.ndarray) -> None:
        return None


def states_of(sessions: Sessions, last_only: bool, rows: int) -> Iterator[tuple[np.ndarray, torch.Tensor]]:
    """The last blocks first."""
    events = sessions.prediction_events(last_only=last_only)
    first = sessions.items[sessions.offsets[sessions.session_of(events)]]
    states = torch.from_numpy(WEIGHTS[sessions.items[events]] + 0.5 * WEIGHTS[first])
    for begin in reversed(range(0, len(events), rows)):
        yield events[begin : begin + rows], states[begin : begin + rows]


@pytest.fixture
def sessions() -> Sessions:
    generator = np.random.default_rng(2)
    return Sessions.from_lists([generator.integers(0, ITEMS, generator.integers(2, 7)).tolist() for _ in range(60)])


def scores_after(scorer: Scorer, items: list[int]) -> np.ndarray:
    """By the scorer's definition, float64 [ITEMS]."""
    state = WEIGHTS[items[-1]].astype(float) + 0.5 * WEIGHTS[items[0]]
    scores = WEIGHTS.astype(float) @ state + BIASES
    if type(scorer) is MinimalLinear:
        scores[items[-1]] += 2.0
        scores[(items[-1] + 1) % ITEMS] += 1.5
    return scores


@pytest.mark.parametrize("kind", [MinimalScorer, MinimalLinear, LinearWithoutAddition])
@pytest.mark.parametrize("exclude_seen", [True, False])
def test_what_the_protocols_name_is_enough_for_both_kinds_of_lists(
    kind: type[MinimalScorer], exclude_seen: bool, sessions: Sessions
) -> None:
    recommender = Recommender(kind(), temperature=0.8)
    user = np.repeat(np.arange(len(sessions)), sessions.lengths)
    contexts = [pa.record_batch({"user_id": user, "item_id": 100 + sessions.items})]
    denied, allowed = [103, 110, 777], list(range(100, 136))
    streamed = pa.Table.from_batches(recommender.recommend_stream(contexts, 9, exclude_seen, allowed, denied))
    histories = [part.tolist() for part in np.split(sessions.items, sessions.offsets[1:-1])]
    asked = recommender.recommend_batch(
        [Request([100 + item for item in items], 9, denied, allowed, exclude_seen) for items in histories]
    )
    for number, (items, answer) in enumerate(zip(histories, asked, strict=True)):
        scores = scores_after(recommender.scorer, items)
        weight = np.exp(scores / 0.8)
        barred = {3, 10, *range(36, ITEMS)} | (set(items) if exclude_seen else set())
        best = [item for item in np.argsort(-scores) if item not in barred][:9]
        night = streamed.filter(pa.compute.equal(streamed["user_id"], number))
        for ids, found, probabilities in (
            (answer.ids, answer.scores, answer.probabilities),
            (night["item_id"], night["score"], night["probability"]),
        ):
            assert ids.to_pylist() == [100 + item for item in best]
            assert np.asarray(found) == pytest.approx(scores[best], rel=1e-5, abs=1e-5)
            assert np.asarray(probabilities) == pytest.approx((weight / weight.sum())[best], rel=1e-4)
        assert answer.context_length == night["context_length"][0].as_py() == len(items)


@pytest.mark.parametrize("kind", [MinimalScorer, MinimalLinear])
def test_what_the_protocols_name_is_enough_to_measure_and_to_calibrate(
    kind: type[MinimalScorer], sessions: Sessions
) -> None:
    scorer = kind()
    expected = []
    for items in np.split(sessions.items, sessions.offsets[1:-1]):
        for known in range(1, len(items)):
            scores = scores_after(scorer, items[:known].tolist())
            expected.append(1 + np.count_nonzero(scores > scores[items[known]]))
    assert evaluate(scorer, Dataset(sessions, scorer.vocabulary), bootstrap=0).ranks.tolist() == expected
    assert 1e-3 <= fit_temperature(scorer, sessions) <= 1e3
    assert 0 <= reliability(scorer, sessions, 1.0).ece <= 1


def test_a_catalogue_is_of_no_use_to_a_scorer_that_is_not_linear(sessions: Sessions) -> None:
    catalogue = Catalogue(torch.from_numpy(WEIGHTS), torch.from_numpy(BIASES), 1.0)
    with pytest.raises(TypeError, match="minimal is no Linear scorer"):
        make_lists(MinimalScorer(), sessions, Rules(3), 1.0, catalogue)


def test_who_keeps_which_protocol() -> None:
    vocabulary = MinimalScorer().vocabulary
    model = GRU4Rec(Config().override({"hidden_size": 4}).model, vocabulary)
    assert isinstance(model, Linear)
    assert isinstance(MinimalLinear(), Linear)
    assert not isinstance(MinimalScorer(), Linear)
    train = Sessions.from_lists([[0, 1], [1, 2]])
    assert not any(isinstance(kind.fit(train, vocabulary), Linear) for kind in BASELINES.values())
    assert list(BASELINES) == [kind.fit(train, vocabulary).name for kind in BASELINES.values()]


def test_blocks_shrink_with_the_catalogue() -> None:
    assert block_rows(40_000) == 256
    assert block_rows(10_000_000) * 10_000_000 * 4 <= 256 << 20
    assert block_rows(1_000_000_000) == 1
