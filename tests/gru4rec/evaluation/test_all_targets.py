from collections.abc import Callable

import hypothesis.strategies as st
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings

from gru4rec.data.dataset import Dataset
from gru4rec.data.sessions import Sessions
from gru4rec.data.vocabulary import Vocabulary
from gru4rec.evaluation.all_targets import ALL_TARGETS, count_targets, over_all_targets
from gru4rec.evaluation.evaluate import evaluate

KNOWN, ITEMS = 6, 9  # items 6, 7 and 8 are unknown to the model


def events_of(sessions: list[list[int]]) -> pa.Table:
    rows = [(number, item, time) for number, session in enumerate(sessions) for time, item in enumerate(session)]
    return pa.table(dict(zip(("session_id", "item_id", "timestamp"), map(list, zip(*rows, strict=True)), strict=True)))


@given(seed=st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_agrees_with_an_evaluation_over_a_vocabulary_that_knows_every_item(fixed_scorer: Callable, seed: int) -> None:
    """Such an evaluation ranks the same targets and counts the others as misses one by one.

    Every row of scores is the same, so that the inputs that are skipped do not matter.
    """
    generator = np.random.default_rng(seed)
    sessions = [[0, 1], *(generator.integers(0, ITEMS, size=generator.integers(1, 7)).tolist() for _ in range(15))]
    events = events_of(sessions)
    scorer = fixed_scorer(np.tile(generator.random(KNOWN, dtype=np.float32), (200, 1)), ids=list(range(KNOWN)))
    known = Dataset.from_held_out(events, scorer.vocabulary)
    found = evaluate(scorer, known, ks=(1, 3), bootstrap=50)
    wide = Vocabulary(pa.array(range(ITEMS)), np.ones(ITEMS, dtype=int))
    expected = evaluate(scorer, Dataset.from_held_out(events, wide), ks=(1, 3), bootstrap=0)
    assert count_targets(known) == sum(len(session) - 1 for session in sessions) == expected.events
    figures = over_all_targets(found, count_targets(known))
    assert {figure.segment for figure in figures} == {ALL_TARGETS}
    assert {figure.metric for figure in figures} == {
        f"{name}@{k}" for name in ("recall", "mrr", "ndcg") for k in (1, 3)
    }
    for figure in figures:
        assert figure.value == pytest.approx(expected.metrics[figure.metric], abs=1e-12)
        assert figure.low - 1e-9 <= figure.value <= figure.high + 1e-9
        assert figure.n == expected.events


def test_the_targets_of_sessions_that_are_a_whole_are_their_predictions() -> None:
    sessions = Sessions.from_lists([[0, 1, 2], [2], [1, 1]])
    assert count_targets(Dataset(sessions, Vocabulary.build([0, 1, 2]))) == 3


def test_says_what_does_not_fit(fixed_scorer: Callable) -> None:
    events = events_of([[0, 1, 2], [2, 1, 7]])
    scorer = fixed_scorer(np.ones((5, 3), dtype=np.float32), ids=[0, 1, 2])
    known = Dataset.from_held_out(events, scorer.vocabulary)
    assert count_targets(known) == 4
    with pytest.raises(ValueError, match="3 targets were ranked, but the test set is said to have 2"):
        over_all_targets(evaluate(scorer, known, bootstrap=0), 2)
    with pytest.raises(ValueError, match="1 events of unknown items were dropped and are not at hand"):
        count_targets(Dataset(known.sessions, known.vocabulary))
