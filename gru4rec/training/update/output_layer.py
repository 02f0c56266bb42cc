"""From queries to scores of the window's candidates and back: products h·w + b, or cosines s·cos(h, w).

A query h [N, H] is what the network predicts with; a candidate is a row [W] of the output table: H weights, the bias,
zeros. The gradients of a prediction count with its share, its weight over the number of predictions. Shares go on the
narrow side of the products, N x H instead of N x C.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from gru4rec.network import cosine
from gru4rec.network.model import GRU4Rec
from gru4rec.network.precision import Product
from gru4rec.training.update.tables import Buffers


class Scored(NamedTuple):
    """What the backward pass needs of the forward pass."""

    query: Tensor  # [N, H]: h, or with cosines s·h/|h|
    inverse: Tensor | None = None  # [C, 1]: 1/|w| of the candidates, cosines only
    scale: Tensor | None = None  # [N, 1]: s/|h|, cosines only


class Products:
    """Scores h·w + b."""

    bias_input = 1.0  # what multiplies the bias

    def __init__(self, model: GRU4Rec, most: int, product: Product, buffers: Buffers) -> None:
        """most: the number of predictions in a window."""
        self._size = model.config.hidden_size
        self._product = product
        self._buffers = buffers
        # The query, then what multiplies the bias, then zeros [N, W]: one product makes the scores.
        self._augmented = model.output.new_zeros(most, model.output.shape[1])

    def forward(self, query: Tensor, candidates: Tensor) -> tuple[Tensor, Scored]:
        """Scores [N, C], in a buffer, of queries [N, H] and candidates [C, W]."""
        self._augmented[:, : self._size] = query
        self._augmented[:, self._size] = self.bias_input
        scores = self._buffers.get("scores", len(query), len(candidates))
        return self._product(self._augmented, candidates.t(), scores), Scored(query)

    def backward(
        self, scored: Scored, candidates: Tensor, d_scores: Tensor, share: Tensor, d_candidates: Tensor
    ) -> Tensor:
        """Gradient of the queries [N, H]; that of the candidates is written into `d_candidates` [C, W].

        d_scores [N, C] is that of the losses; share [N, 1] is what each prediction counts.
        """
        d_query = torch.empty_like(scored.query)
        self._product(d_scores, candidates[:, : self._size], d_query).mul_(share)
        self._product(d_scores.t(), self._augmented.mul_(share), d_candidates)
        return d_query


class Cosines(Products):
    """Scores s·cos(h, w) (network/cosine.py): products of rows that are brought to length s and 1 first."""

    bias_input = 0.0  # cosines have no bias

    def __init__(self, model: GRU4Rec, most: int, product: Product, buffers: Buffers) -> None:
        super().__init__(model, most, product, buffers)
        self._s = model.config.cosine

    def forward(self, query: Tensor, candidates: Tensor) -> tuple[Tensor, Scored]:
        """As Products.forward."""
        inverse = cosine.inverse_length(candidates[:, : self._size])
        scale = self._s * cosine.inverse_length(query)
        query = query * scale
        scores, _ = super().forward(query, candidates)
        return scores.mul_(inverse.t()), Scored(query, inverse, scale)

    def backward(
        self, scored: Scored, candidates: Tensor, d_scores: Tensor, share: Tensor, d_candidates: Tensor
    ) -> Tensor:
        """As Products.backward, but d_scores is changed.

        The part of a gradient that lies along its row would change the row's length only: it is taken off.
        """
        query, inverse, scale = scored
        assert inverse is not None
        assert scale is not None
        d_query = super().backward(scored, candidates, d_scores.mul_(inverse.t()), share, d_candidates)
        _leave_across(d_candidates[:, : self._size], candidates[:, : self._size], inverse)
        return _leave_across(d_query, query, torch.full_like(scale, 1.0 / self._s)).mul_(scale)


def _leave_across(gradient: Tensor, rows: Tensor, inverse: Tensor) -> Tensor:
    """Take the part along the rows off their gradient [R, H], in place; inverse [R, 1]: one over the rows' lengths."""
    along = torch.linalg.vecdot(gradient, rows)[:, None] * inverse**2
    return gradient.addcmul_(rows, along, value=-1.0)
