"""What the sieve keeps, against all scores sorted; the rows where its guess is wrong are tried too."""

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from numpy.typing import NDArray

from gru4rec.serving import sieve as module
from gru4rec.serving.sieve import STEP, Kept, Sieve, Tile


def sift(scores: NDArray[np.float32], k: int, width: int) -> Kept:
    """scores [R, I], their columns in tiles of `width`, the last one padded."""
    rows, columns = scores.shape
    sieve = Sieve(rows, columns, k)
    for begin in range(0, columns, width):
        part = scores[:, begin : begin + width]
        tile = Tile(-(-part.shape[1] // STEP) * STEP, rows)
        tile.scores.fill_(-torch.inf)
        tile.scores[: part.shape[1]] = torch.from_numpy(part.T.copy())
        sieve.add(tile, begin)
    return sieve.kept()


def check(kept: Kept, scores: NDArray[np.float32], k: int) -> None:
    """Values are those of their places, each place once, and rows that do not miss any hold their best k, ties too."""
    assert (scores[kept.row, kept.column] == kept.value).all()
    assert len(np.unique(kept.row * scores.shape[1] + kept.column)) == len(kept.row)
    for row in np.setdiff1d(np.arange(len(scores)), kept.missing):
        last = np.sort(scores[row])[-k]
        assert set(np.flatnonzero(scores[row] >= last)) <= set(kept.column[kept.row == row])


@given(
    seed=st.integers(0, 10_000),
    rows=st.integers(1, 9),
    columns=st.integers(1, 2000),
    share=st.floats(0, 1),
    width=st.sampled_from([64, 128, 512, 2048]),
    values=st.sampled_from([1, 3, 40, 1_000_000]),
    barred=st.sampled_from([0.0, 0.3, 0.99]),
    sure=st.sampled_from([-2.0, 0.0, 3.5]),
)
@settings(max_examples=80, deadline=None)
def test_the_best_k_are_kept_or_the_row_is_named(
    seed: int, rows: int, columns: int, share: float, width: int, values: int, barred: float, sure: float
) -> None:
    generator = np.random.default_rng(seed)
    scores = generator.integers(0, values, (rows, columns)).astype(np.float32)
    scores[generator.random(scores.shape) < barred] = -np.inf
    k = max(1, int(share * min(columns, 60)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "SURE", sure)  # few or many guesses go wrong
        kept = sift(scores, k, width)
    assert np.isfinite(kept.value).all()
    check(kept, scores, k)
    short = np.flatnonzero(np.isfinite(scores).sum(axis=1) < k)
    assert set(short) <= set(kept.missing)


def test_few_rows_are_missing_and_little_is_kept() -> None:
    scores = np.random.default_rng(0).standard_normal((64, 16_384)).astype(np.float32)
    kept = sift(scores, 100, 4096)
    check(kept, scores, 100)
    assert len(kept.missing) <= 1
    assert len(kept.row) < 64 * 100 * 2


def test_a_sample_that_misleads_names_its_row() -> None:
    scores = np.random.default_rng(0).standard_normal((3, 2048)).astype(np.float32)
    scores[1, :50] += 100  # the tile that the limit is guessed from holds all the best, and more than k of them
    kept = sift(scores, 60, 512)
    assert kept.missing.tolist() == [1]
    check(kept, scores, 60)


def test_equal_scores_are_given_up() -> None:
    assert sift(np.zeros((4, 4096), dtype=np.float32), 10, 512).missing.tolist() == [0, 1, 2, 3]


def test_rows_that_are_not_numbers_are_missing() -> None:
    scores = np.random.default_rng(0).standard_normal((3, 1024)).astype(np.float32)
    scores[2] = np.nan
    assert sift(scores, 20, 256).missing.tolist() == [2]
