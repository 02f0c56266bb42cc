"""The formulas against loops that follow the definitions word by word."""

import math

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings

from gru4rec.evaluation import metrics

RANKS = st.lists(st.integers(1, 60).map(lambda half: half / 2 + 0.5), min_size=1, max_size=40)


@given(ranks=RANKS, k=st.integers(1, 30))
@settings(max_examples=80, deadline=None)
def test_means_agree_with_the_definitions(ranks: list[float], k: int) -> None:
    hits = [r for r in ranks if r <= k]
    expected = {
        "recall": len(hits) / len(ranks),
        "mrr": math.fsum(1 / r for r in hits) / len(ranks),
        "ndcg": math.fsum(math.log(2) / math.log(1 + r) for r in hits) / len(ranks),
    }
    found = metrics.per_event(np.array(ranks), (k,))
    for name, value in expected.items():
        assert found[f"{name}@{k}"].mean() == pytest.approx(value, abs=1e-12)


def test_list_weights_by_hand() -> None:
    counts = np.array([8, 4, 2, 2])
    assert metrics.relative_popularity(counts).tolist() == [1.0, 0.5, 0.25, 0.25]
    assert metrics.novelty_weights(counts).tolist() == [1.0, 2.0, 3.0, 3.0]
    assert np.isfinite(metrics.novelty_weights(np.array([0, 5]))).all()


def test_every_replicate_draws_as_many_sessions_as_there_are() -> None:
    weights = np.concatenate(list(metrics.bootstrap_draws(7, 50, seed=3)))
    assert weights.shape == (50, 7)
    assert (weights.sum(1) == 7).all()
    again = np.concatenate(list(metrics.bootstrap_draws(7, 50, seed=3)))
    assert np.array_equal(weights, again)
    assert not np.array_equal(weights, np.concatenate(list(metrics.bootstrap_draws(7, 50, seed=4))))


def test_draws_do_not_depend_on_the_chunks_they_come_in(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = np.concatenate(list(metrics.bootstrap_draws(6, 20, seed=1)))
    monkeypatch.setattr(metrics, "DRAWN_BYTES", 6 * 3)
    parts = list(metrics.bootstrap_draws(6, 20, seed=1))
    assert len(parts) == 7
    assert np.array_equal(whole, np.concatenate(parts))


def test_coverage_counts_items_and_its_interval_holds_it() -> None:
    generator = np.random.default_rng(0)
    session = np.repeat(np.arange(200), 5)
    item = generator.zipf(1.5, size=1000) % 300
    value, low, high = metrics.coverage_interval(session, item, 200, 300, 200, seed=0)
    assert value == len(set(item.tolist())) / 300
    assert low < value < high
    assert all(math.isnan(x) for x in metrics.coverage_interval(session, item, 200, 300, 0, seed=0)[1:])


@given(seed=st.integers(0, 10_000), sessions=st.integers(1, 12), pairs=st.integers(0, 60))
@settings(max_examples=40, deadline=None)
def test_coverage_of_every_replicate_agrees_with_sets(seed: int, sessions: int, pairs: int) -> None:
    """70 replicates: more than stand side by side in one integer."""
    generator = np.random.default_rng(seed)
    session, item = generator.integers(0, sessions, pairs), generator.integers(0, 9, pairs)
    found = metrics.coverage_interval(session, item, sessions, 9, 70, seed=seed)
    [drawn] = metrics.bootstrap_draws(sessions, 70, seed)
    shown = [set(item[session == number].tolist()) for number in range(sessions)]
    shares = np.array([len(set().union(*(shown[number] for number in np.flatnonzero(row)))) / 9 for row in drawn])
    value = len(set(item.tolist())) / 9
    low, high = np.quantile(shares, [0.025, 0.975]) + value - shares.mean()
    assert found == pytest.approx((value, low, min(1.0, high)), abs=1e-12)


def test_no_count_of_draws_overflows_its_byte() -> None:
    """Of few sessions each is drawn often, but never more often than there are sessions; of many none is."""
    for sessions in (1, 2, 255, 256, 5_000):
        drawn = np.concatenate(list(metrics.bootstrap_draws(sessions, 30, seed=0)))
        assert (drawn.sum(1, dtype=np.int64) == sessions).all()


def test_an_interval_without_missing_replicates_is_the_one_that_leaves_them_out() -> None:
    replicates = np.random.default_rng(0).random((101, 3))
    whole = np.array(metrics.interval(replicates))
    missing = np.array(metrics.interval(np.insert(replicates, 7, [np.nan, 0.5, np.nan], axis=0)))
    np.testing.assert_array_equal(whole[:, [0, 2]], missing[:, [0, 2]])
