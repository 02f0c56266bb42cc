"""How far scores are raised is what helps on sessions that were held out."""

import numpy as np
import torch

from gru4rec.config.options import ModelConfig
from gru4rec.data.sessions import Sessions
from gru4rec.data.vocabulary import Vocabulary
from gru4rec.network.added.raises import COMPANION, SEEN, companions
from gru4rec.network.model import GRU4Rec
from gru4rec.training.held_out import raising

ITEMS = 90


def chosen(train: list[list[int]], held_out: list[list[int]]) -> torch.Tensor:
    """For a model that always thinks the same: a little more of items with higher numbers."""
    model = GRU4Rec(ModelConfig(hidden_size=3), Vocabulary.build(np.arange(ITEMS)))
    model.output_bias().copy_(torch.arange(ITEMS) / 20)
    found = companions(Sessions.from_lists(train), ITEMS, model.output)
    return raising.choose(model, found, Sessions.from_lists(held_out), 1.0)


def test_seen_items_are_raised_where_people_go_back() -> None:
    rng = np.random.default_rng(1)
    back = [[a, b, a] for a, b in (rng.choice(70, 2, replace=False).tolist() for _ in range(150))]
    weights = chosen([], back)
    assert weights[SEEN].tolist() > [0, 0]
    assert not weights[COMPANION].any()
    on = [rng.choice(np.arange(40, ITEMS), 4, replace=False).tolist() for _ in range(150)]  # seen items take places
    assert not chosen([], on).any()


def test_companions_are_raised_where_they_follow() -> None:
    rng = np.random.default_rng(2)
    pairs = [[a, a + 1] for a in rng.integers(60, 68, 400).tolist()]
    weights = chosen(pairs[:200], pairs[200:])
    assert weights[COMPANION].any()
    others = [rng.choice(40, 2, replace=False).tolist() for _ in range(200)]
    assert not chosen(others, pairs[200:])[COMPANION].any()


def test_few_predictions_raise_nothing() -> None:
    assert not chosen([], [[1, 2, 1]] * 49).any()
