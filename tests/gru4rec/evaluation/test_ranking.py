from collections.abc import Callable

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from gru4rec.data.sessions import Sessions
from gru4rec.evaluation.ranking import TIE_RULES, ranks


def rank_by_hand(scores: list[float], target: int, rule: str) -> float:
    """Place in the list sorted best first; the tied ones stand before, after, or half on either side of the target."""
    better = len([s for s in scores if s > scores[target]])
    others = len([s for s in scores if s == scores[target]]) - 1
    return 1 + better + {"standard": 0, "conservative": others, "median": others / 2}[rule]


@given(seed=st.integers(0, 10_000), items=st.integers(2, 30), values=st.integers(1, 6), rule=st.sampled_from(TIE_RULES))
@settings(max_examples=60, deadline=None)
def test_ranks_agree_with_a_count_by_hand(
    fixed_scorer: Callable, seed: int, items: int, values: int, rule: str
) -> None:
    generator = np.random.default_rng(seed)
    sessions = Sessions.from_lists([generator.integers(0, items, size=n).tolist() for n in (2, 5, 1, 3)])
    table = generator.integers(0, values, size=(len(sessions.items), items)).astype(np.float32)
    found = ranks(fixed_scorer(table), sessions, rule)
    events = sessions.prediction_events()
    assert events.tolist() == [0, 2, 3, 4, 5, 8, 9]
    expected = [rank_by_hand(table[event].tolist(), sessions.items[event + 1], rule) for event in events]
    assert found.tolist() == expected


def test_the_scorers_own_rule_is_the_default(fixed_scorer: Callable) -> None:
    sessions = Sessions.from_lists([[0, 1]])
    table = np.zeros((2, 4), dtype=np.float32)
    assert ranks(fixed_scorer(table), sessions).tolist() == [1]
    assert ranks(fixed_scorer(table, tie_rule="conservative"), sessions).tolist() == [4]
    assert ranks(fixed_scorer(table), sessions, "median").tolist() == [2.5]


def test_an_unknown_rule_is_refused(fixed_scorer: Callable) -> None:
    with pytest.raises(ValueError, match="standard, conservative, median"):
        ranks(fixed_scorer(np.zeros((2, 2), dtype=np.float32)), Sessions.from_lists([[0, 1]]), "optimistic")


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_score_that_is_no_number_is_refused_and_not_ranked_first(fixed_scorer: Callable, bad: float) -> None:
    table = np.zeros((2, 3), dtype=np.float32)
    table[0, 1] = bad
    with pytest.raises(ValueError, match="not a finite number"):
        ranks(fixed_scorer(table), Sessions.from_lists([[0, 1]]))
