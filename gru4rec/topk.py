"""The best k of every row, exactly and in one order: by score, equal scores by ascending item index.

`torch.topk` costs as much as the matrix product that made the scores, and among equal scores it keeps any. Here the
row is first folded into short blocks; the best k + 1 blocks (by their maxima) hold the best k + 1 scores, so only
their members are sorted. One score more than asked for is looked at: where it equals the last one kept, the row is
tied at its end, and the tied columns of lowest number are picked by a second look at that row alone.
"""

import math

import torch
from torch import Tensor


def top_k(scores: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The k highest scores of each row, best first, equal scores in order of their column.

    Args:
        scores: float [R, I], without NaN; minus infinity marks a column that must not be picked before any other.
        k: how many; the answer has min(k, I) columns.

    Returns:
        Values [R, k] and columns int64 [R, k]. Which of several columns at minus infinity are returned is not defined.

    Raises:
        ValueError: k is less than 1.
    """
    if k < 1:
        raise ValueError(f"top_k needs k of at least 1, got {k}")
    columns = scores.shape[1]
    if k >= columns:
        return _sorted(scores, torch.arange(columns, device=scores.device).expand(scores.shape))
    pool, members = _pool(scores, k + 1)
    values, place = pool.topk(k + 1, dim=1)
    index = members.gather(1, place) if members is not None else place
    tied = (values[:, k - 1] == values[:, k]) & (values[:, k] > -math.inf)
    values, index = _sorted(values[:, :k], index[:, :k])
    for row in tied.nonzero()[:, 0].tolist():
        _settle_tie(scores[row], values[row], index[row])
    return values, index


def _pool(scores: Tensor, k: int) -> tuple[Tensor, Tensor | None]:
    """Columns that must hold the best k: their scores [R, C] and numbers [R, C] (None: every column)."""
    rows, columns = scores.shape
    depth = int(math.sqrt(columns / k))
    if depth < 2:
        return scores, None
    blocks = columns // depth
    # block b holds the columns b, b + blocks, b + 2·blocks, ...: the maximum then runs along whole vectors
    folded = scores[:, : depth * blocks].unflatten(1, (depth, blocks))
    best = folded.amax(1).topk(k, dim=1, sorted=False).indices
    steps = torch.arange(depth, device=scores.device) * blocks
    members = (best[:, None, :] + steps[:, None]).flatten(1)
    rest = torch.arange(depth * blocks, columns, device=scores.device)  # fewer than depth columns fill no block
    members = torch.cat([members, rest.expand(rows, -1)], dim=1)
    return scores.gather(1, members), members


def _sorted(values: Tensor, index: Tensor) -> tuple[Tensor, Tensor]:
    """Rows ordered by falling value, equal values by rising index."""
    index, order = index.sort(dim=1)
    values, order = values.gather(1, order).sort(dim=1, descending=True, stable=True)
    return values, index.gather(1, order)


def _settle_tie(row: Tensor, values: Tensor, index: Tensor) -> None:
    """Fill the tied end of one row's list, in place, with the tied columns of lowest number."""
    last = values[-1]
    above = int((values > last).sum())
    index[above:] = (row == last).nonzero()[: len(values) - above, 0]
