"""What is added to the scores of a model, and raises them, drawn at random."""

import numpy as np
import torch

from gru4rec.network.added.habits import Habits
from gru4rec.network.added.past import KINDS, NEXT, PLACES
from gru4rec.network.added.raises import Raises


def some_raises(generator: np.random.Generator, items: int, width: int) -> Raises:
    """Companions of so many items, the last of them missing where there are several, and weights of every size."""
    some = np.stack([generator.choice(items, width, replace=False) for _ in range(items)]).astype(np.int32)
    shares = generator.random(some.shape).astype(np.float32) ** 4
    some[:, 2:][shares[:, 2:] < 0.01] = 0
    shares[shares < 0.01] = 0
    weights = generator.choice([0.0, 0.1, 1.0], (2, 2))
    return Raises(torch.from_numpy(some), torch.from_numpy(shares), torch.from_numpy(weights).float())


def some_habits(generator: np.random.Generator) -> Habits:
    """Rates that differ, and weights of either sign."""
    rates = torch.from_numpy(generator.dirichlet(np.ones(NEXT), KINDS) * 0.9 + 0.1 / NEXT)
    return Habits(rates.float(), torch.from_numpy(generator.normal(size=PLACES)).float())
