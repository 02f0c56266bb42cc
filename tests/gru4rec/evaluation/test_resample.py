"""The bootstrap against a loop over its draws."""

import numpy as np
import pytest

from gru4rec.evaluation import metrics, resample
from gru4rec.evaluation.resample import Resample


@pytest.mark.parametrize("piece", [1, 8 * 25 * 4, 1 << 20])
@pytest.mark.parametrize("held", [40, 1 << 20])
def test_means_are_those_of_the_drawn_sessions(monkeypatch: pytest.MonkeyPatch, piece: int, held: int) -> None:
    """Whatever is multiplied or held at a time; groups leave out events, and session 12 has none at all."""
    monkeypatch.setattr(resample, "PIECE_BYTES", piece)
    monkeypatch.setattr(metrics, "DRAWN_BYTES", held)
    generator = np.random.default_rng(0)
    session = np.sort(generator.integers(0, 12, 60))
    values = generator.random((60, 2))
    groups = [np.arange(60), np.flatnonzero(generator.random(60) < 0.3), np.array([5])]
    found = Resample(session, 13, 25, seed=4).means([(values[events], events) for events in groups])
    drawn = np.concatenate(list(metrics.bootstrap_draws(13, 25, seed=4)))
    for events, (means, replicates) in zip(groups, found, strict=True):
        np.testing.assert_array_equal(means, values[events].mean(axis=0))
        times = drawn[:, session[events]].astype(np.float64)
        with np.errstate(invalid="ignore"):
            expected = times @ values[events] / times.sum(1, keepdims=True)
        np.testing.assert_allclose(replicates, expected, rtol=1e-12)
    assert np.isnan(found[2][1]).any()


def test_without_replicates_there_are_means_alone() -> None:
    [(means, replicates)] = Resample(np.array([0, 0, 1]), 2, 0, seed=0).means([(np.eye(3), np.arange(3))])
    assert means == pytest.approx([1 / 3] * 3)
    assert replicates.shape == (1, 3)
    assert np.isnan(replicates).all()
