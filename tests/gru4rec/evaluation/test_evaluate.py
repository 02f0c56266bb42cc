from collections.abc import Callable
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings

from gru4rec.data.dataset import Dataset
from gru4rec.data.sessions import Sessions
from gru4rec.data.vocabulary import Vocabulary
from gru4rec.evaluation.evaluate import TABLE, Evaluation, compare, evaluate
from gru4rec.evaluation.segments import new_items, popularity_decile
from gru4rec.scoring.scorer import Scorer


def random_case(seed: int, items: int = 12, values: int = 5) -> tuple[Sessions, np.ndarray]:
    generator = np.random.default_rng(seed)
    lengths = generator.integers(2, 9, size=20)
    sessions = Sessions.from_lists([generator.integers(0, items, size=n).tolist() for n in lengths])
    return sessions, generator.integers(0, values, size=(len(sessions.items), items)).astype(np.float32)


def metrics_by_hand(table: np.ndarray, sessions: Sessions, rule: str, k: int) -> dict[str, float]:
    """Sort every list, find the target in it, follow the definitions; shares no code with the library."""
    recall = mrr = ndcg = 0.0
    n = 0
    for s in range(len(sessions)):
        for event in range(sessions.offsets[s], sessions.offsets[s + 1] - 1):
            target = sessions.items[event + 1]
            order = np.sort(table[event])[::-1].tolist()
            first = order.index(table[event, target]) + 1
            last = len(order) - order[::-1].index(table[event, target])
            rank = {"standard": first, "conservative": last, "median": (first + last) / 2}[rule]
            n += 1
            if rank <= k:
                recall, mrr, ndcg = recall + 1, mrr + 1 / rank, ndcg + np.log(2) / np.log(rank + 1)
    return {f"recall@{k}": recall / n, f"mrr@{k}": mrr / n, f"ndcg@{k}": ndcg / n}


def evaluated(scorer: Scorer, sessions: Sessions, counts: np.ndarray | None = None, **options: Any) -> Evaluation:
    """`evaluate` with sessions in the scorer's own vocabulary, its items clicked once or `counts` times in training."""
    items = scorer.vocabulary.ids
    vocabulary = Vocabulary(items, np.ones(len(items)) if counts is None else counts)
    return evaluate(scorer, Dataset(sessions, vocabulary), **options)


@given(
    seed=st.integers(0, 10_000), values=st.integers(1, 9), rule=st.sampled_from(["standard", "conservative", "median"])
)
@settings(max_examples=30, deadline=None)
def test_metrics_agree_with_an_independent_implementation(
    fixed_scorer: Callable, seed: int, values: int, rule: str
) -> None:
    sessions, table = random_case(seed, values=values)
    found = evaluated(
        fixed_scorer(table), sessions, counts=np.arange(1, 13), ks=(5,), bootstrap=0, tie_rule=rule
    ).metrics
    for name, value in metrics_by_hand(table, sessions, rule, 5).items():
        assert found[name] == pytest.approx(value, abs=1e-9)


def test_list_metrics_by_hand(fixed_scorer: Callable) -> None:
    sessions = Sessions.from_lists([[0, 1], [1, 2]])
    table = np.array([[3, 2, 1, 0]] * 4, dtype=np.float32)
    found = evaluated(fixed_scorer(table), sessions, counts=np.array([8, 4, 2, 2]), ks=(1, 2), bootstrap=0).metrics
    assert found["coverage@2"] == 0.5
    assert found["popularity_bias@2"] == pytest.approx(0.75)
    assert found["novelty@2"] == pytest.approx(1.5)


def test_intervals_hold_the_value_and_repeat_with_the_seed(fixed_scorer: Callable) -> None:
    sessions, table = random_case(1)
    first, again, other = (
        evaluated(fixed_scorer(table), sessions, bootstrap=200, seed=seed).table() for seed in (0, 0, 1)
    )
    assert first.schema == TABLE
    assert first.equals(again)
    assert not first.equals(other)
    whole = first.filter(pa.compute.equal(first["segment"], "all")).to_pylist()
    assert {"recall@20", "mrr@5", "ndcg@10", "coverage@20", "popularity_bias@20", "novelty@20"} <= {
        r["metric"] for r in whole
    }
    assert all(row["low"] - 1e-9 <= row["value"] <= row["high"] + 1e-9 for row in whole)


def test_bootstrap_interval_is_as_wide_as_theory_says(fixed_scorer: Callable) -> None:
    """400 sessions of one prediction each, half of them hits: the standard error of a proportion is 0.025."""
    sessions = Sessions.from_lists([[0, 1 + s % 2] for s in range(400)])
    table = np.tile(np.array([0, 2, 1], dtype=np.float32), (800, 1))
    evaluation = evaluated(fixed_scorer(table), sessions, ks=(1,), bootstrap=1000)
    [figure] = [f for f in evaluation.figures if f.metric == "recall@1" and f.segment == "all"]
    assert figure.value == 0.5
    assert figure.high - figure.low == pytest.approx(2 * 1.96 * 0.025, rel=0.1)


def test_segments_split_the_events(fixed_scorer: Callable) -> None:
    sessions, table = random_case(2)
    fresh = np.arange(12) >= 10
    evaluation = evaluated(fixed_scorer(table), sessions, counts=np.arange(12, 0, -1), bootstrap=0, new_items=fresh)
    sizes = {figure.segment: figure.n for figure in evaluation.figures if figure.metric == "recall@5"}
    for kind in ("session length", "position", "popularity decile", "target", "target clicks"):
        assert sum(n for name, n in sizes.items() if name.startswith(f"{kind}=")) == evaluation.events
    targets = evaluation.targets
    assert sizes["target=new"] == np.count_nonzero(targets >= 10)
    assert sizes["position=1"] == 20
    assert sizes["popularity decile=1"] == np.count_nonzero(targets < 2)
    by_position = [f for f in evaluation.figures if f.metric == "mrr@20" and f.segment.startswith("position=")]
    assert sum(f.value * f.n for f in by_position) / evaluation.events == pytest.approx(evaluation.metrics["mrr@20"])


def test_cold_items_are_counted_as_misses(fixed_scorer: Callable) -> None:
    vocabulary = Vocabulary.build([1, 2, 3])
    events = pa.table({"session_id": [1, 1, 1], "item_id": [1, 99, 2], "timestamp": [1, 2, 3]})
    sessions = Sessions.from_table(events, vocabulary)
    table = np.zeros((2, 3), dtype=np.float32)
    evaluation = evaluated(fixed_scorer(table, ids=[1, 2, 3]), sessions, counts=vocabulary.counts, bootstrap=0)
    cold = [figure for figure in evaluation.figures if figure.segment == "target=cold"]
    assert evaluation.unknown == 1
    assert {(f.metric, f.value, f.n) for f in cold} >= {("recall@20", 0.0, 1), ("mrr@5", 0.0, 1)}
    assert evaluation.events == 1


def test_compare_is_paired(fixed_scorer: Callable) -> None:
    """Two scorers that differ in one event of many: each interval alone is wide, that of the difference is narrow."""
    sessions, table = random_case(3, values=1000)
    other = table.copy()
    other[0] = -other[0]
    a, b = (evaluated(fixed_scorer(scores), sessions, bootstrap=300) for scores in (table, other))
    difference = compare(a, b, "mrr@20")
    assert difference.value == pytest.approx(a.metrics["mrr@20"] - b.metrics["mrr@20"])
    [alone] = [f for f in a.figures if f.metric == "mrr@20" and f.segment == "all"]
    assert difference.high - difference.low < (alone.high - alone.low) / 2
    assert not difference.significant
    assert compare(a, a, "mrr@20") == (0.0, 0.0, 0.0)


def test_compare_redraws_what_was_drawn_otherwise(fixed_scorer: Callable) -> None:
    """The intervals are always those of the first evaluation's draws, whatever the second was resampled with."""
    sessions, table = random_case(3, values=1000)
    a = evaluated(fixed_scorer(table), sessions, bootstrap=300)
    alike, other, without = (
        evaluated(fixed_scorer(-table), sessions, **draws)
        for draws in ({"bootstrap": 300}, {"bootstrap": 200, "seed": 1}, {"bootstrap": 0})
    )
    expected = compare(a, alike, "mrr@20")
    assert expected.low < expected.value < expected.high
    assert compare(a, other, "mrr@20") == pytest.approx(expected, abs=1e-12)
    assert compare(a, without, "mrr@20") == pytest.approx(expected, abs=1e-12)
    assert np.isnan(compare(without, a, "mrr@20").low)


def test_compare_refuses_different_events(fixed_scorer: Callable) -> None:
    (one, first), (two, second) = random_case(4), random_case(5)
    a = evaluated(fixed_scorer(first), one, bootstrap=0)
    b = evaluated(fixed_scorer(second), two, bootstrap=0)
    with pytest.raises(ValueError, match="different events"):
        compare(a, b, "mrr@20")
    with pytest.raises(ValueError, match="no metric 'auc'"):
        compare(a, a, "auc")


def test_a_scorer_of_another_catalogue_answers_for_the_same_events(fixed_scorer: Callable) -> None:
    """Tonight's catalogue is a, b, c, d; the champion knows b, c, e: a is skipped as input and missed as target."""
    tonight = Vocabulary.build(["a", "b", "c", "d"])
    sessions = Sessions.from_lists([[0, 1, 2], [1, 0, 2], [3, 0]])  # a b c | b a c | d a
    # translated: b c | b c | nothing; after each b the champion puts c first, then e
    table = np.array([[0.0, 2.0, 1.0]] * 4, dtype=np.float32)
    champion = fixed_scorer(table, ids=["b", "c", "e"])
    evaluation = evaluate(champion, Dataset(sessions, tonight), ks=(2,), bootstrap=0)
    assert evaluation.ranks.tolist() == [4, 1, 4, 1, 4]
    assert evaluation.metrics["recall@2"] == pytest.approx(2 / 5)
    assert evaluation.metrics["coverage@2"] == 0.25  # c of four; e is not in tonight's catalogue


def test_an_unknown_target_is_a_miss_in_lists_longer_than_the_catalogue_too(fixed_scorer: Callable) -> None:
    champion = fixed_scorer(np.zeros((4, 2), dtype=np.float32), ids=["b", "c"])
    sessions = Sessions.from_lists([[0, 1], [0, 2]])  # b c | b d
    held_out = Dataset(sessions, Vocabulary.build(["b", "c", "d"]))
    evaluation = evaluate(champion, held_out, ks=(1, 5), bootstrap=0)
    assert evaluation.metrics["recall@5"] == 0.5
    assert evaluation.ranks.tolist() == [1, 6]


def test_nothing_to_predict_is_refused(fixed_scorer: Callable) -> None:
    with pytest.raises(ValueError, match="nothing to predict"):
        evaluated(fixed_scorer(np.zeros((1, 3), dtype=np.float32)), Sessions.from_lists([[1]]))


def test_sessions_of_another_vocabulary_are_refused(fixed_scorer: Callable) -> None:
    scorer = fixed_scorer(np.zeros((2, 3), dtype=np.float32))
    with pytest.raises(ValueError, match="name item 4, but the vocabulary has 3 items"):
        evaluated(scorer, Sessions.from_lists([[1, 4]]))


def test_deciles_hold_a_tenth_of_the_items_each() -> None:
    decile = popularity_decile(np.arange(1, 41))
    assert np.bincount(decile).tolist() == [4] * 10
    assert decile[39] == 0
    assert decile[0] == 9


def test_new_items_are_those_first_seen_at_the_end() -> None:
    train = Sessions(np.array([0, 1, 0, 1, 0, 2]), np.array([0, 2, 4, 6]), np.array([1, 2, 3, 4, 5, 6]))
    assert new_items(train, 4, share=0.2).tolist() == [False, False, True, False]
