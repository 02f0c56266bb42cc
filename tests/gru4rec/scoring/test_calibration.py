from collections.abc import Callable

import numpy as np
import pytest

from gru4rec.data.sessions import Sessions
from gru4rec.scoring.calibration import fit_temperature, reliability, reliability_bins


def drawn_from(scores: np.ndarray, temperature: float, seed: int = 0) -> Sessions:
    """Sessions of two events whose second is drawn from softmax(score / temperature)."""
    generator = np.random.default_rng(seed)
    weight = np.exp(scores[::2] / temperature)
    targets = [generator.choice(len(row), p=row / row.sum()) for row in weight]
    return Sessions.from_lists([[0, target] for target in targets])


@pytest.mark.parametrize("temperature", [0.25, 1.0, 6.0])
def test_the_temperature_that_made_the_data_is_found(fixed_scorer: Callable, temperature: float) -> None:
    scores = np.random.default_rng(1).normal(size=(8000, 20)).astype(np.float32) * 2
    assert fit_temperature(fixed_scorer(scores), drawn_from(scores, temperature)) == pytest.approx(
        temperature, rel=0.07
    )


def test_it_is_the_maximum_of_the_likelihood(fixed_scorer: Callable) -> None:
    scores = np.random.default_rng(2).normal(size=(400, 9)).astype(np.float32)
    sessions = drawn_from(scores, 0.5)
    events = sessions.prediction_events()
    targets = sessions.items[events + 1]

    def likelihood(t: float) -> float:
        said = scores[events].astype(float) / t
        return (said[np.arange(len(events)), targets] - np.log(np.exp(said).sum(1))).mean()

    found = fit_temperature(fixed_scorer(scores), sessions)
    assert likelihood(found) >= max(likelihood(found * factor) for factor in (0.97, 1.03))


def test_scores_that_say_nothing_end_at_a_limit_and_huge_ones_do_not_overflow(fixed_scorer: Callable) -> None:
    sessions = Sessions.from_lists([[0, 1]] * 10)
    assert 1e-3 <= fit_temperature(fixed_scorer(np.zeros((20, 4), dtype=np.float32)), sessions) <= 1e3
    table = np.tile(np.array([0, 1e6, -1e6], dtype=np.float32), (20, 1))
    assert 1e-3 <= fit_temperature(fixed_scorer(table), sessions) <= 1e3


def test_nothing_to_fit_on_is_refused(fixed_scorer: Callable) -> None:
    with pytest.raises(ValueError, match="no temperature"):
        fit_temperature(fixed_scorer(np.zeros((1, 3), dtype=np.float32)), Sessions.from_lists([[0]]))
    with pytest.raises(ValueError, match="not a finite number"):
        fit_temperature(fixed_scorer(np.full((2, 3), np.nan, dtype=np.float32)), Sessions.from_lists([[0, 1]]))


def test_reliability_bins_by_hand() -> None:
    found = reliability_bins(np.array([0.9, 0.1, 0.3, 0.7]), np.array([1.0, 0.0, 1.0, 1.0]), bins=2)
    assert found.confidence == pytest.approx([0.2, 0.8])
    assert found.accuracy == pytest.approx([0.5, 1.0])
    assert found.n.tolist() == [2, 2]
    assert found.ece == pytest.approx((0.3 + 0.2) / 2)


def test_true_probabilities_are_reliable_and_sharpened_ones_are_not(fixed_scorer: Callable) -> None:
    scores = np.random.default_rng(3).normal(size=(8000, 6)).astype(np.float32) * 2
    sessions = drawn_from(scores, 1.0)
    assert reliability(fixed_scorer(scores), sessions, 1.0).ece < 0.03
    assert reliability(fixed_scorer(scores), sessions, 0.2).ece > 0.15
