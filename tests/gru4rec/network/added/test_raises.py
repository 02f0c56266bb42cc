"""What is raised below the first ranks, against loops over plain lists in float64."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gru4rec.config.options import Config, ModelConfig
from gru4rec.data.sessions import Sessions
from gru4rec.data.vocabulary import Vocabulary
from gru4rec.network.added.raises import COMPANION, SEEN, companions
from gru4rec.network.model import GRU4Rec
from gru4rec.scoring.raised import best_of_blocks, limits_in, raised
from gru4rec.storage import checkpoint
from tests.gru4rec.raising import some_raises


def scores_of(model: GRU4Rec, sessions: Sessions) -> np.ndarray:
    """Scores [P, I] in the order of the events."""
    found = [(block.events, block.scores.clone()) for block in model.blocks(sessions, rows=5)]
    order = np.argsort(np.concatenate([events for events, _ in found]))
    scores: np.ndarray = torch.cat([scores for _, scores in found])[torch.from_numpy(order)].numpy()
    return scores


def expected(scores: np.ndarray, seen: list[int], model: GRU4Rec) -> np.ndarray:
    """One row of scores [I] after it was raised, by the words of the module."""
    assert model.raises is not None
    weights, shares = model.raises.weights.tolist(), {}
    for back, item in enumerate(seen[::-1][:10]):
        for place, other in enumerate(model.raises.items[item].tolist()):
            share = float(model.raises.shares[item, place]) * math.exp(-back / 4)
            if share:
                shares[other] = shares.get(other, 0.0) + share
    limits = [np.sort(scores)[::-1][rank] for rank in (0, 4)]
    result = scores.copy()
    for item in range(len(scores)):
        kind, strength = SEEN, 0.0
        if item in seen:
            strength = math.log(1 + seen.count(item)) / (1 + len(set(seen)) / 20)
        elif shares.get(item, 0.0) > 1e-3 * sum(shares.values()):
            kind, strength = COMPANION, math.log(shares[item] / (1e-3 * sum(shares.values())))
        for limit, weight in zip(limits, weights[kind], strict=True):
            gap, by = limit - result[item], weight * strength
            if gap > 0 and by > 0:
                result[item] = limit - gap * math.exp(-min(by / gap, 4))
    return result


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), width=st.sampled_from([0, 1, 6]))
def test_seen_items_and_companions_are_raised_as_told(seed: int, width: int) -> None:
    generator = np.random.default_rng(seed)
    model = GRU4Rec(ModelConfig(hidden_size=5), Vocabulary.build(np.arange(30)), dtype=torch.float64)
    model.initialise(seed)
    lists = [generator.integers(0, 30, generator.integers(1, 25)).tolist() for _ in range(4)]
    plain = scores_of(model, Sessions.from_lists(lists))
    model.raises = some_raises(generator, 30, width)
    contexts = [session[:length] for session in lists for length in range(1, len(session))]
    found = scores_of(model, Sessions.from_lists(lists))
    for row, context in enumerate(contexts):
        assert found[row] == pytest.approx(expected(plain[row], context, model), rel=1e-5, abs=1e-7)


def test_nothing_passes_its_limit_and_order_is_kept_where_all_are_raised_alike() -> None:
    generator = torch.Generator().manual_seed(1)
    scores = torch.rand(1000, generator=generator, dtype=torch.float64).sort().values
    limits = torch.tensor([[0.9, 0.6]]).double().expand(1000, -1)
    for by in ([3.0, 0.0], [0.0, 0.2], [0.05, 0.05]):
        found = raised(limits, scores, torch.tensor([by]).double().expand(1000, -1))
        below = scores < (0.9 if by[0] else 0.6)
        assert (found[below] > scores[below]).all()
        assert (found[below] < (0.9 if by[0] else 0.6)).all()
        assert torch.equal(found[~below], scores[~below])
        assert (found.diff() > 0).all()
    twice = raised(2 * limits, 2 * scores, torch.tensor([[0.1, 0.3]]).double().expand(1000, -1))
    assert torch.allclose(twice, 2 * raised(limits, scores, torch.tensor([[0.05, 0.15]]).double().expand(1000, -1)))


def test_the_best_of_blocks_are_the_best() -> None:
    generator = torch.Generator().manual_seed(2)
    for width in (8, 16, 64, 800):
        scores = torch.randint(0, 40, (30, width), generator=generator).float()  # with ties
        scores[:, 3] = -torch.inf
        for most in (1, 5):
            assert torch.equal(best_of_blocks(scores, most), scores.topk(most, dim=1).values)


@pytest.mark.parametrize("items", [3, 61, 64])
def test_scores_are_raised_on_an_accelerator_whatever_the_catalogues_size(items: int) -> None:
    """Tensors without values show what an accelerator would be asked for."""
    limits = limits_in(torch.empty(4, items, device="meta"))
    assert limits.shape == (4, 2)


def test_companions_stand_around_an_item() -> None:
    train = Sessions.from_lists([[0, 1, 2], [0, 1], [3, 3], [4, 0]])
    found = companions(train, 6, torch.zeros(()))
    counts = np.zeros((6, 6))
    for session in ([0, 1, 2], [0, 1], [3, 3], [4, 0]):
        for first in range(len(session)):
            for then in range(first + 1, len(session)):
                counts[session[first], session[then]] += 1 / (then - first)
                counts[session[then], session[first]] += 0.5 / (then - first)
    shares = np.zeros((6, 6))
    for item in range(6):
        for other, share in zip(found.items[item].tolist(), found.shares[item].tolist(), strict=True):
            shares[item, other] += share
        assert found.shares[item].tolist() == sorted(found.shares[item].tolist(), reverse=True)
    np.testing.assert_allclose(shares, counts / (counts.sum(1, keepdims=True) + 10), rtol=1e-6)


def test_only_the_most_frequent_companions_are_kept() -> None:
    train = Sessions.from_lists([[0, 1 + n] for n in range(70) for _ in range(n + 1)])
    found = companions(train, 71, torch.zeros(()))
    assert found.items.shape == (71, 50)
    assert found.items[0].tolist() == list(range(70, 20, -1))
    assert found.items[1:, 0].tolist() == [0] * 70
    without = found.weighed(torch.tensor([[0.0, 0.0], [0.0, 1.0]]), torch.zeros(()))
    assert without.items.shape == (71, 0)


def test_what_is_raised_comes_back_from_a_checkpoint(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    for width in (0, 3):
        model = GRU4Rec(ModelConfig(hidden_size=4), Vocabulary.build(np.arange(9)))
        model.initialise(1)
        model.raises = some_raises(generator, 9, width)
        checkpoint.save(tmp_path, model, Config().override({"hidden_size": 4}))
        loaded = checkpoint.load(tmp_path).model.raises
        assert loaded is not None
        assert loaded.items.dtype == torch.int32
        assert all(torch.equal(a, b) for a, b in zip(loaded, model.raises, strict=True))
