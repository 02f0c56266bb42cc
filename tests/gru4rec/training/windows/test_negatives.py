"""The sampler draws by count^alpha, exactly, also for rare items of a large catalogue."""

import numpy as np
import pytest
import torch

from gru4rec.training.windows.negatives import NegativeSampler, _alias_table


@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0])
def test_alias_table_carries_exactly_the_asked_probabilities(alpha: float) -> None:
    counts = np.random.default_rng(1).zipf(1.5, 5000).clip(max=10**6)
    weight = counts.astype(float) ** alpha
    wanted = weight / weight.sum()
    keep, alias = _alias_table(wanted)
    got = (keep + np.bincount(alias, 1.0 - keep, minlength=len(keep))) / len(keep)
    np.testing.assert_allclose(got, wanted, rtol=1e-9)


def test_draws_follow_the_probabilities() -> None:
    counts = np.array([1, 4, 16, 64])
    sampler = NegativeSampler(counts, 0.5)
    drawn = sampler.draw((1000, 100), torch.Generator().manual_seed(3))
    share = np.bincount(drawn.numpy().ravel(), minlength=4) / 100_000
    expected = np.array([1, 2, 4, 8]) / 15
    assert np.abs(share - expected).max() < 4 * np.sqrt(0.25 / 100_000)


def test_rare_items_of_a_large_catalogue_are_not_starved() -> None:
    """A float32 running sum over these two million items no longer moves at its end."""
    counts = np.ones(2_000_000, dtype=np.int64)
    counts[0] = 50_000_000
    drawn = NegativeSampler(counts, 1.0).draw((4_000_000,), torch.Generator().manual_seed(5)).numpy()
    last = (drawn >= 1_000_000).mean()
    expected = 1_000_000 / counts.sum()
    assert abs(last - expected) < 5 * np.sqrt(expected / 4_000_000)


def test_an_item_that_nobody_clicked_is_never_drawn() -> None:
    sampler = NegativeSampler(np.array([3, 0, 2]), 0.0)
    assert sampler.probability.tolist() == [0.5, 0.0, 0.5]
    assert 1 not in sampler.draw((20_000,), torch.Generator().manual_seed(1)).unique().tolist()


def test_one_item_is_always_drawn() -> None:
    assert NegativeSampler(np.array([7]), 0.75).draw((5,), torch.Generator()).tolist() == [0] * 5
