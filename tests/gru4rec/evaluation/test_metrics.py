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
    weights = np.concatenate(list(metrics.bootstrap_weights(7, 50, seed=3)))
    assert weights.shape == (50, 7)
    assert (weights.sum(1) == 7).all()
    again = np.concatenate(list(metrics.bootstrap_weights(7, 50, seed=3)))
    assert np.array_equal(weights, again)
    assert not np.array_equal(weights, np.concatenate(list(metrics.bootstrap_weights(7, 50, seed=4))))


def test_draws_do_not_depend_on_the_chunks_they_come_in(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = np.concatenate(list(metrics.bootstrap_weights(6, 20, seed=1)))
    monkeypatch.setattr(metrics, "WEIGHT_BYTES", 8 * 6 * 3)
    parts = list(metrics.bootstrap_weights(6, 20, seed=1))
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
