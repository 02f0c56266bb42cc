"""Scores by direction: s · cos(h, w) instead of h · w + b, so that no item is scored high for the length of its row.

With a shared embedding an item's row is read as it is, so that rare items, whose rows stay short, say little as
inputs; only as an output it counts by its direction. Cosines with a temperature are CORE's (arXiv 2204.11067); s is one
over it. A merged model has a block of units for every member, with a scale each.
"""

import torch
from torch import Tensor

from gru4rec.config.options import ModelConfig
from gru4rec.network.merged import Merged

SHORTEST = 1e-12  # rows that are no longer than this have no direction: their cosine is 0


def blocks(config: ModelConfig, merged: Merged | None) -> list[tuple[slice, float]]:
    """The units that score by direction, and their scales; empty where none do."""
    if merged is None:
        return [(slice(0, config.hidden_size), config.cosine)] if config.cosine else []
    return [(units, scale) for units, scale in zip(merged.units, merged.scales, strict=True) if scale]


def inverse_length(rows: Tensor) -> Tensor:
    """One over the length of each row [R, H], 0 where it has none, [R, 1]."""
    length = torch.linalg.vector_norm(rows, dim=1, keepdim=True)
    return torch.where(length > SHORTEST, length.clamp_min(SHORTEST).reciprocal(), 0.0)


def directions(rows: Tensor, parts: list[tuple[slice, float]], *, scaled: bool) -> Tensor:
    """Rows [R, H], those of the given units brought to length 1, or to their scale."""
    if not parts:
        return rows
    rows = rows.clone()
    for units, scale in parts:
        part = rows[:, units]
        part.mul_(inverse_length(part) * (scale if scaled else 1.0))
    return rows
