"""How far scores are raised is what helps on sessions that were held out."""

import numpy as np
import pytest
import torch

from gru4rec.config.options import ModelConfig
from gru4rec.data.sessions import Sessions
from gru4rec.data.vocabulary import Vocabulary
from gru4rec.network.added.past import Past
from gru4rec.network.added.raises import COMPANION, SEEN, companions
from gru4rec.network.model import GRU4Rec
from gru4rec.training.held_out import raising
from tests.gru4rec.comparing import random_sessions
from tests.gru4rec.raising import some_raises

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


@pytest.mark.parametrize("items", [12, 90])
def test_ranks_are_those_of_all_scores_raised(items: int) -> None:
    generator = np.random.default_rng(items)
    model = GRU4Rec(ModelConfig(hidden_size=6), Vocabulary.build(np.arange(items)))
    model.initialise(1)
    model.output_bias().copy_(torch.randn(items, generator=torch.Generator().manual_seed(1)))
    raises, held_out = some_raises(generator, items, 9), random_sessions(60, items, 3)
    blocks = [block._replace(scores=block.scores.clone()) for block in model.blocks(held_out, rows=50)]
    alone = raises._replace(weights=torch.eye(2))
    found = raising.Raisable.joined([raising.Raisable.of_block(block, held_out, alone) for block in blocks])
    for weights in (torch.zeros(2, 2), raises.weights, torch.tensor([[0.05, 0.3], [2.0, 0.5]])):
        above = []
        for block in blocks:
            scores = block.scores.clone()
            past = Past.of(held_out, block.events)
            raises._replace(weights=weights).added(past, held_out, block.events).to(scores)
            target = torch.from_numpy(held_out.items_at(block.events + 1))[:, None]
            above.append((scores > scores.gather(1, target)).sum(1))
        hit, reciprocal = found.measure(weights)
        expected = (torch.cat(above) < 20).double()
        assert hit.tolist() == expected.tolist()
        assert reciprocal.tolist() == (expected / (torch.cat(above) + 1)).tolist()
