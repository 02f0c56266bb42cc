"""The device finds the same distinct items as the CPU's Deduplicator, in the same places, whatever the windows hold."""

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gru4rec.training.windows.unique_items import Deduplicator, occurrence_weights
from gru4rec.training.windows.unique_on_device import DeviceDeduplicator


@given(
    seed=st.integers(0, 10_000),
    shared=st.booleans(),
    items=st.integers(1, 12),
    n=st.integers(1, 6),
    k=st.integers(0, 20),
    logq=st.sampled_from([0.0, 0.7]),
)
@settings(max_examples=150, deadline=None)
def test_windows_are_those_of_the_cpu(seed: int, shared: bool, items: int, n: int, k: int, logq: float) -> None:
    rng = np.random.default_rng(seed)
    inputs, targets = rng.integers(0, items + 1, (3, n)), rng.integers(0, items + 1, (3, n))  # index I: empty lanes
    negatives = rng.integers(0, items, (3, k))
    weights = occurrence_weights(rng.integers(1, 9, items), logq, 0.5)
    device = torch.device("cpu")
    for dtype in (torch.float32, torch.float64):
        one_by_one = Deduplicator(items, weights, shared=shared, dtype=dtype, static=True)
        at_once = DeviceDeduplicator(items, weights, shared=shared, dtype=dtype, device=device)
        found = at_once.unique(*map(torch.from_numpy, (inputs, targets, negatives)))
        for number, expected in enumerate(one_by_one.unique(inputs, targets, negatives)):
            assert found.rows[number].tolist() == expected.rows.tolist()
            assert found.target[number].tolist() == expected.target.tolist()
            assert found.inputs[number].tolist() == expected.inputs.tolist()
            assert torch.equal(found.target_weight[number], expected.target_weight)
            tolerance = torch.finfo(dtype).eps * 4  # a sum of equal weights against their number times the weight
            torch.testing.assert_close(found.weight[number], expected.weight, rtol=tolerance, atol=0.0)
            assert (found.input_rows is None) == (expected.input_rows is None) == shared
            if found.input_rows is not None and expected.input_rows is not None:
                assert found.input_rows[number].tolist() == expected.input_rows.tolist()
