"""The best k of every row, exactly and in one order: by score, equal scores by ascending column.

`torch.topk` on a CPU takes two to three times as long as this (benchmarks/scoring/topk_speed.py), and of several equal
scores it keeps any. Here each row is folded into blocks of DEPTH columns, and blocks into groups. The k-th best of the
groups' maxima is a limit: at least k scores of the row reach it, and hardly more. Only blocks whose maximum reaches the
limit are opened, and only scores that reach it are sorted, those of all rows at once. Every score that equals the k-th
best is among them, so the sort settles ties.

`serving.sieve` picks from scores that come tile by tile, column by column, in random order. Finished scores that lie
row by row, as evaluation has them, would have to be turned first, which takes longer than all of `top_k`.
"""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

DEPTH = 8  # columns a block, and blocks a group
LANES = 32  # blocks side by side: their maxima are taken together, and the columns of one block lie this far apart
SPAN = DEPTH * LANES  # columns of LANES blocks; block b begins at column b // LANES · SPAN + b % LANES
MANY = 8  # with more candidates a row than MANY times k or SPAN, scores are tied: rows are then taken one by one


def top_k(scores: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The k highest scores of each row, best first, equal scores in order of their column.

    Args:
        scores: float32 [R, I], without NaN; minus infinity marks a column that must not be picked before any other.
        k: how many; the answer has min(k, I) columns.

    Returns:
        Values [R, k] and columns int64 [R, k]. Which of several columns at minus infinity are returned is not defined.

    Raises:
        ValueError: k is less than 1.
    """
    if k < 1:
        raise ValueError(f"top_k needs k of at least 1, got {k}")
    k = min(k, scores.shape[1])
    if scores.device.type != "cpu":
        return _top_k_on_device(scores, k)
    scores = scores.contiguous()
    maxima = _fold(scores[:, : scores.shape[1] - scores.shape[1] % SPAN]).numpy()
    values, index = _select(scores.numpy(), maxima, _limit(maxima, k), k)
    return torch.from_numpy(values), torch.from_numpy(index)


def _fold(scores: Tensor) -> Tensor:
    """Maxima of the blocks of some columns, [R, T] -> [R, T / DEPTH]."""
    maxima: Tensor = scores.unflatten(1, (-1, DEPTH, LANES)).amax(2).flatten(1)
    return maxima


def _limit(maxima: NDArray[np.float32], k: int) -> NDArray[np.float32]:
    """A number for each row that at least k of its scores reach, [R]; minus infinity with fewer blocks than k."""
    blocks = maxima.shape[1]
    groups = blocks // DEPTH
    if groups >= 2 * k:
        maxima = maxima[:, : groups * DEPTH].reshape(len(maxima), DEPTH, groups).max(axis=1)
        blocks = groups
    if blocks < k:
        return np.full(len(maxima), -math.inf, dtype=np.float32)
    kth: NDArray[np.float32] = np.partition(maxima, blocks - k, axis=1)[:, blocks - k]
    return kth


def _select(
    scores: NDArray[np.float32], maxima: NDArray[np.float32], least: NDArray[np.float32], k: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The best k of each row, given what its blocks hold at most.

    Args:
        scores: [R, I]; columns past the last block (fewer than SPAN of them) are looked at as they are.
        maxima: [R, B], of each block its highest score.
        least: a number for each row that at least k of its scores reach, [R].
        k: at most I.

    Returns:
        Values [R, k], minus infinity past the last score above it, and columns int64 [R, k].
    """
    rows, columns = scores.shape
    blocks = maxima.shape[1]
    row, block = np.divmod(np.flatnonzero(maxima >= least[:, None]), max(blocks, 1))
    lowest = np.maximum(least, np.finfo(np.float32).min)  # minus infinity never is a candidate
    row, column, value = _opened(scores, row, block // LANES * SPAN + block % LANES, lowest)
    folded = blocks * DEPTH
    if folded < columns:
        rest_row, rest = np.nonzero(scores[:, folded:] >= lowest[:, None])
        row, column = np.append(row, rest_row), np.append(column, folded + rest)
        value = np.append(value, scores[rest_row, folded + rest])
    if len(row) > MANY * max(k, SPAN) * rows:
        return _row_by_row(scores, least, k)
    return first_of_each(row, value, column, rows, k)


def _opened(
    scores: NDArray[np.float32], row: NDArray[np.int64], column: NDArray[np.int64], lowest: NDArray[np.float32]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
    """Row, column and value of the scores not below their row's `lowest` in the blocks that begin at `row`, `column`.

    One member of all blocks at a time: these scores lie far apart, and so many of them are on their way at once.
    """
    flat, begin, least = scores.ravel(), row * scores.shape[1] + column, lowest[row]
    rows, columns, values = [], [], []
    for shift in range(0, SPAN, LANES):
        value = flat.take(begin + shift, mode="clip")
        keep = np.flatnonzero(value >= least)
        rows.append(row[keep])
        columns.append(column[keep] + shift)
        values.append(value[keep])
    return np.concatenate(rows), np.concatenate(columns), np.concatenate(values)


def first_of_each(
    row: NDArray[np.int64], value: NDArray[np.float32], column: NDArray[np.int64], rows: int, k: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The best k of each row's candidates, equal values in order of their column.

    One unsigned integer a candidate holds its row, its value, falling, and its column: one plain sort does it all.

    Args:
        row, value, column: of the candidates, in any order, [N]; columns are less than 2**32.
        rows: R, more than any row.
        k: how many.

    Returns:
        Values [R, k], minus infinity past a row's last candidate, and columns int64 [R, k], 0 there.
    """
    width = int(column.max(initial=0)).bit_length()
    most = 1 << 32 - width  # rows whose numbers fit
    if rows > most:
        parts = [np.flatnonzero(row // most == part) for part in range(math.ceil(rows / most))]
        found = [
            first_of_each(row[some] % most, value[some], column[some], min(most, rows - part * most), k)
            for part, some in enumerate(parts)
        ]
        return np.concatenate([values for values, _ in found]), np.concatenate([columns for _, columns in found])
    bits = (value + np.float32(0)).view(np.uint32)  # + 0 makes one zero of both
    falling = np.where(bits >> 31, bits, ~bits & np.uint32(0x7FFFFFFF))
    keys = row.astype(np.uint64) << np.uint64(32) | falling
    keys = np.append(keys << np.uint64(width) | column.astype(np.uint64), np.uint64(0))
    keys[:-1].sort()
    count = np.bincount(row, minlength=rows)
    there = np.arange(k) < count[:, None]
    best = keys.take((np.cumsum(count) - count)[:, None] + np.arange(k), mode="clip")
    falling = (best >> np.uint64(width)).astype(np.uint32)
    bits = np.where(falling >> 31, falling, ~falling & np.uint32(0x7FFFFFFF))
    columns = best & np.uint64((1 << width) - 1)
    return np.where(there, bits.view(np.float32), np.float32(-math.inf)), columns.astype(np.int64) * there


def _row_by_row(
    scores: NDArray[np.float32], limit: NDArray[np.float32], k: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The best k of rows in which many scores are equal: of those at the limit only the first k columns can count."""
    rows, columns = [], []
    for number, scored in enumerate(scores):
        above = np.flatnonzero(scored > limit[number])
        tied = np.flatnonzero(scored == limit[number])[:k] if limit[number] > -math.inf else above[:0]
        columns.append(np.concatenate([above, tied]))
        rows.append(np.full(len(columns[-1]), number))
    row, column = np.concatenate(rows), np.concatenate(columns)
    return first_of_each(row, scores[row, column], column, len(scores), k)


def _top_k_on_device(scores: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The best k on an accelerator, where torch.topk is fast; rows whose k-th score is tied are settled one by one."""
    values, index = scores.topk(min(k + 1, scores.shape[1]), dim=1)
    tied = (values[:, k - 1] == values[:, -1]) & (values[:, -1] > -math.inf) & (values.shape[1] > k)
    index, order = index[:, :k].sort(dim=1)
    values, order = values.gather(1, order).sort(dim=1, descending=True, stable=True)
    index = index.gather(1, order)
    for row in tied.nonzero()[:, 0].tolist():
        above = int((scores[row] > values[row, -1]).sum())
        index[row, above:] = (scores[row] == values[row, -1]).nonzero()[: k - above, 0]
    return values, index
