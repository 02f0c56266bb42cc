"""Everything that is random in windows: additional negatives and dropout masks, from one generator.

They are drawn in a fixed order. The generator's state is therefore all that an interrupted run needs to draw on. The
draws are made where the generator lives, and the same state gives the same draws to every loader.
"""

import torch
from torch import Tensor

from gru4rec.config.options import Config
from gru4rec.network.model import GRU4Rec
from gru4rec.training.windows.negatives import NegativeSampler


class Draws:
    """Draws what chunks of windows need. `sampler`: None where there are no additional negatives."""

    def __init__(self, model: GRU4Rec, config: Config, sampler: NegativeSampler | None, generator: torch.Generator):
        self.sampler = sampler
        self._model = model
        self._n_sample = config.negatives.n_sample
        self._generator = generator

    def negatives(self, size: int) -> Tensor:
        """Additional negatives int64 [S, K] of `size` windows."""
        if self.sampler is None:
            return torch.empty((size, 0), dtype=torch.int64, device=self._generator.device)
        return self.sampler.draw((size, self._n_sample), self._generator)

    def masks(self, windows: int, steps: int, lanes: int) -> tuple[Tensor | None, Tensor | None]:
        """Masks of the embeddings [S, k, B, D] and of the layers' outputs [S, layers, k, B, H]."""
        model = self._model.config
        embedding = self._mask(model.dropout_embedding, (windows, steps, lanes, self._model.input_size))
        layers = len(self._model.layers)
        return embedding, self._mask(model.dropout_hidden, (windows, layers, steps, lanes, model.hidden_size))

    def order(self, sessions: int) -> Tensor:
        """The numbers of sessions in random order, int64."""
        return torch.randperm(sessions, generator=self._generator, device=self._generator.device)

    def _mask(self, drop: float, shape: tuple[int, ...]) -> Tensor | None:
        """0 with probability `drop`, else 1 / (1 - drop)."""
        if drop == 0.0:
            return None
        mask = torch.rand(shape, generator=self._generator, dtype=torch.float32, device=self._generator.device)
        mask = mask.ge_(drop).mul_(1.0 / (1.0 - drop))
        return mask.to(self._model.device, self._model.output.dtype)
