import math

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given, settings

from gru4rec.scoring.topk import first_of_each, top_k


def by_hand(row: list[float], k: int) -> list[int]:
    return sorted(range(len(row)), key=lambda column: (-row[column], column))[:k]


@given(
    seed=st.integers(0, 10_000),
    columns=st.integers(1, 1500),
    k=st.integers(1, 40),
    values=st.sampled_from([2, 7, 50, 100_000]),
)
@settings(max_examples=60, deadline=None)
def test_the_best_k_by_score_then_by_column(seed: int, columns: int, k: int, values: int) -> None:
    scores = np.random.default_rng(seed).integers(0, values, size=(5, columns)).astype(np.float32)
    found, index = top_k(torch.from_numpy(scores.copy()), k)
    assert index.tolist() == [by_hand(row, k) for row in scores.tolist()]
    assert found.tolist() == np.take_along_axis(scores, index.numpy(), axis=1).tolist()


def test_columns_at_minus_infinity_come_last() -> None:
    scores = torch.full((1, 500), -math.inf)
    scores[0, [3, 490]] = torch.tensor([1.0, 2.0])
    values, index = top_k(scores, 4)
    assert index[0, :2].tolist() == [490, 3]
    assert values[0, 2:].tolist() == [-math.inf, -math.inf]


def test_k_below_one_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        top_k(torch.zeros(1, 3), 0)


def test_candidates_of_more_rows_than_fit_beside_their_columns() -> None:
    generator = np.random.default_rng(0)
    row, column = generator.integers(0, 13, 400), generator.permutation(2**31 - 1000 + np.arange(400))  # 2 rows fit
    value = generator.integers(-3, 4, 400).astype(np.float32)
    values, columns = first_of_each(row, value, column, 13, 40)
    for number in range(13):
        own = sorted((-value[n], column[n]) for n in np.flatnonzero(row == number))[:40]
        assert columns[number, : len(own)].tolist() == [place for _, place in own]
        assert values[number].tolist() == [-score for score, _ in own] + [-math.inf] * (40 - len(own))
