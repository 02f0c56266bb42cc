"""Every item of a window is named once, and no weight is lost."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gru4rec.training.windows.unique_items import Deduplicator, occurrence_weights


@given(st.integers(0, 10_000), st.booleans(), st.integers(1, 12), st.integers(1, 5), st.integers(0, 20))
@settings(max_examples=60, deadline=None)
def test_each_item_is_named_once_candidates_first(seed: int, shared: bool, items: int, n: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    inputs, targets = rng.integers(0, items + 1, (3, n)), rng.integers(0, items + 1, (3, n))
    negatives = rng.integers(0, items, (3, k))
    weights = occurrence_weights(rng.integers(1, 9, items), 0.7, 0.5)
    windows = Deduplicator(items, weights, shared=shared, dtype=torch.float64).unique(inputs, targets, negatives)
    for found, x, y, drawn in zip(windows, inputs, targets, negatives, strict=True):
        rows = found.rows.numpy()
        assert len(set(rows)) == len(rows)
        assert set(rows[: len(found.weight)]) == set(y) | set(drawn)
        assert rows[found.target.numpy()].tolist() == y.tolist()
        read = rows if shared else found.input_rows.numpy()
        assert read[found.inputs.numpy()].tolist() == x.tolist()
        assert len(set(read)) == len(read)
        expected = np.bincount(y, weights.target[y], items + 1) + np.bincount(drawn, weights.negative[drawn], items + 1)
        np.testing.assert_allclose(found.weight.numpy(), expected[rows[: len(found.weight)]], rtol=1e-12)
        np.testing.assert_allclose(found.target_weight.numpy(), weights.target[y])


def test_weights_are_the_exponentials_of_the_logq_correction() -> None:
    weights = occurrence_weights(np.array([1, 16]), 0.5, 0.75)
    np.testing.assert_allclose(weights.target, [1.0, 16**-0.5, 0.0])
    np.testing.assert_allclose(weights.negative, [1.0, 16 ** (-0.75 * 0.5), 0.0])
