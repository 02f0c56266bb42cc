"""The best k of every row, exactly and in one order: by score, equal scores by ascending column.

`torch.topk` on a CPU costs as much as the matrix product that made the scores, and among equal scores it keeps any.
Here the row is folded into blocks of DEPTH columns and those into groups; the k-th best of the groups' maxima is a
limit that at least k scores of the row reach, and hardly more do. Only blocks whose maximum reaches it are opened,
only scores that reach it are sorted, all rows at once. Every score equal to the k-th best is among them, so that ties
are settled by the sort itself.
"""

import math
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

DEPTH = 8  # columns a block, and blocks a group
_NOTHING = np.uint64(0xFFFFFFFFFFFFFFFF)  # the sort key of a place that no candidate is left for
MANY = 8  # times k: more candidates a row than this means that scores are tied, and the rows are looked at one by one


class Blocks(NamedTuple):
    """Where the columns of block b are: first[b] + step[b] · (0 .. DEPTH − 1). Both int64 [B].

    The columns of a block stand apart so that the maxima of neighbouring blocks are taken by one vector instruction.
    """

    first: NDArray[np.int64]
    step: NDArray[np.int64]

    @classmethod
    def of(cls, columns: int, tile: int) -> "Blocks":
        """Blocks of `columns` columns that are folded `tile` at a time; both are multiples of DEPTH."""
        widths = np.diff(np.append(np.arange(0, columns, tile), columns)) // DEPTH
        step = np.repeat(widths, widths)
        begin = np.repeat(np.arange(0, columns, tile), widths)
        inside = np.arange(len(step)) - np.repeat(np.cumsum(widths) - widths, widths)
        return cls(begin + inside, step)


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
    folded = scores.shape[1] - scores.shape[1] % DEPTH
    blocks = Blocks.of(folded, max(folded, DEPTH))
    maxima = fold(scores[:, :folded]).numpy()
    values, index = select(scores.numpy(), maxima, blocks, k)
    return torch.from_numpy(values), torch.from_numpy(index)


def fold(tile: Tensor, out: Tensor | None = None) -> Tensor:
    """Maxima of the blocks of one tile: [R, T] -> [R, T / DEPTH], into `out` where it is given."""
    return torch.amax(tile.unflatten(1, (DEPTH, tile.shape[1] // DEPTH)), 1, out=out)


def select(
    scores: NDArray[np.float32], maxima: NDArray[np.float32], blocks: Blocks, k: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The best k of each row, given the maxima of its blocks.

    Args:
        scores: [R, I]; columns past the last block (fewer than DEPTH of them) are looked at as they are.
        maxima: [R, B] of the blocks.
        blocks: where their columns are.
        k: at most I.

    Returns:
        Values [R, k], minus infinity past the last score above it, and columns int64 [R, k].
    """
    rows, columns = scores.shape
    limit = _limit(maxima, k)
    row, block = np.divmod(np.flatnonzero(maxima >= limit[:, None]), max(len(blocks.first), 1))
    # members of the opened blocks as places in the flat scores, [N, DEPTH]
    member = (row * columns + blocks.first[block])[:, None] + blocks.step[block][:, None] * np.arange(DEPTH)
    value = scores.ravel().take(member)
    lowest = np.maximum(limit, np.finfo(np.float32).min)  # minus infinity never is a candidate
    keep = np.flatnonzero(value >= lowest[row][:, None])
    place, value = member.ravel()[keep], value.ravel()[keep]
    folded = len(blocks.first) * DEPTH
    if folded < columns:
        rest = np.flatnonzero(scores[:, folded:] >= lowest[:, None])
        row, column = np.divmod(rest, columns - folded)
        place = np.append(place, row * columns + folded + column)
        value = np.append(value, scores[:, folded:].ravel()[rest])
    if len(place) > MANY * k * rows:
        return _row_by_row(scores, limit, k)
    row, column = np.divmod(place, columns)
    return _first_of_each(row, value, column, rows, k)


def _limit(maxima: NDArray[np.float32], k: int) -> NDArray[np.float32]:
    """A number for each row that at least k of its scores reach; minus infinity where there are fewer blocks, [R]."""
    blocks = maxima.shape[1]
    groups = blocks // DEPTH
    if groups >= 2 * k:
        maxima = maxima[:, : groups * DEPTH].reshape(len(maxima), DEPTH, groups).max(axis=1)
        blocks = groups
    if blocks < k:
        return np.full(len(maxima), -math.inf, dtype=np.float32)
    limit: NDArray[np.float32] = np.partition(maxima, blocks - k, axis=1)[:, blocks - k]
    return limit


def _first_of_each(
    row: NDArray[np.int64], value: NDArray[np.float32], column: NDArray[np.int64], rows: int, k: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The best k of each row's candidates, padded with minus infinity; `row` is ascending or close to it.

    One unsigned integer a candidate holds its value, falling, above its column, rising: one plain sort does it all.
    """
    order = np.argsort(row, kind="stable")
    row, value, column = row[order], value[order] + np.float32(0), column[order]  # + 0 makes one zero of both
    bits = value.view(np.uint32)
    falling = np.where(bits >> 31, bits, ~bits & np.uint32(0x7FFFFFFF))
    place = np.arange(len(row)) - np.searchsorted(row, np.arange(rows))[row]
    keys = np.full((rows, max(k, int(place.max(initial=0)) + 1)), _NOTHING)
    keys[row, place] = falling.astype(np.uint64) << np.uint64(32) | column.astype(np.uint64)
    keys.sort(axis=1)
    best = keys[:, :k]
    return _value(best), (best & np.uint64(0xFFFFFFFF)).astype(np.int64) * (best != _NOTHING)


def _value(keys: NDArray[np.uint64]) -> NDArray[np.float32]:
    """The values that keys were made of; minus infinity for the key of nothing."""
    falling = (keys >> np.uint64(32)).astype(np.uint32)
    bits = np.where(falling >> 31, falling, ~falling & np.uint32(0x7FFFFFFF))
    return np.where(keys == _NOTHING, np.float32(-math.inf), bits.view(np.float32))


def _row_by_row(
    scores: NDArray[np.float32], limit: NDArray[np.float32], k: int
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The same for rows that many equal scores tie: of those at the limit only the first k columns can be needed."""
    rows, columns = [], []
    for number, scored in enumerate(scores):
        above = np.flatnonzero(scored > limit[number])
        tied = np.flatnonzero(scored == limit[number])[:k] if limit[number] > -math.inf else above[:0]
        columns.append(np.concatenate([above, tied]))
        rows.append(np.full(len(columns[-1]), number))
    row, column = np.concatenate(rows), np.concatenate(columns)
    return _first_of_each(row, scores[row, column], column, len(scores), k)


def _top_k_on_device(scores: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The same on an accelerator, where topk is fast: rows whose end is tied are settled one by one."""
    values, index = scores.topk(min(k + 1, scores.shape[1]), dim=1)
    tied = (values[:, k - 1] == values[:, -1]) & (values[:, -1] > -math.inf) & (values.shape[1] > k)
    index, order = index[:, :k].sort(dim=1)
    values, order = values.gather(1, order).sort(dim=1, descending=True, stable=True)
    index = index.gather(1, order)
    for row in tied.nonzero()[:, 0].tolist():
        above = int((scores[row] > values[row, -1]).sum())
        index[row, above:] = (scores[row] == values[row, -1]).nonzero()[: k - above, 0]
    return values, index
