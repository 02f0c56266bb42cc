"""One pass over the catalogue against the plain way: all scores, a sort, a sum of exponentials in float64."""

from typing import NamedTuple

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import given, settings

from gru4rec.scoring.raised import RANKS
from gru4rec.serving import catalogue as module
from gru4rec.serving import sieve
from gru4rec.serving.catalogue import Catalogue, Touched


class Output(NamedTuple):
    """An output layer."""

    matrix: torch.Tensor
    bias: torch.Tensor


def layer(items: int, hidden: int, seed: int, size: float = 1.0) -> Output:
    generator = torch.Generator().manual_seed(seed)
    return Output(
        size * torch.randn(items, hidden, generator=generator), size * torch.randn(items, generator=generator)
    )


@given(
    seed=st.integers(0, 10_000),
    items=st.integers(1, 1500),
    n=st.integers(1, 30),
    tile=st.sampled_from([256, 512, 1024]),
    bar=st.sampled_from([0.0, 0.3, 0.97]),
    temperature=st.sampled_from([0.2, 1.0, 7.0]),
    added=st.sampled_from([0.0, 0.5, -2.0, -1000.0, 60.0, 3000.0]),
    again=st.sampled_from(["all", "none", "some"]),
    sure=st.sampled_from([-2.0, 3.5]),
)
@settings(max_examples=60, deadline=None)
def test_best_items_and_normaliser_of_the_plain_way(
    seed: int,
    items: int,
    n: int,
    tile: int,
    bar: float,
    temperature: float,
    added: float,
    again: str,
    sure: float,
) -> None:
    generator = np.random.default_rng(seed)
    output = layer(items, 5, seed)
    states = torch.randn(4, 5, generator=torch.Generator().manual_seed(seed))
    barred = generator.random(items) < bar
    barred[generator.integers(items)] = False
    pairs = np.unique(generator.integers(0, 4 * items, 12))
    row, item = pairs // items, pairs % items
    weights = np.full(len(pairs), added, dtype=np.float32)
    out = {"all": np.zeros(len(pairs), bool), "none": np.ones(len(pairs), bool)}.get(
        again, generator.random(len(pairs)) < 0.5
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "TILE", tile)
        patch.setattr(sieve, "SURE", sure)  # below zero many rows have to be scored again
        found = Catalogue(*output, temperature, barred).best(states, n, Touched(row, item, out, weights))

    scores = (states.double() @ output.matrix.double().T + output.bias.double()).numpy()
    scores[row, item] += added
    assert found.normaliser == pytest.approx(
        torch.logsumexp(torch.from_numpy(scores / temperature), 1).numpy(), rel=1e-4, abs=1e-4
    )
    scores[:, barred] = -np.inf
    scores[row[out], item[out]] = -np.inf
    width = min(n, np.count_nonzero(~barred))
    assert found.items.shape == (4, width)
    for line in range(4):
        order = np.argsort(-scores[line], kind="stable")[:width]
        left = np.isfinite(scores[line][order])
        assert found.items[line][left].tolist() == order[left].tolist()
        assert found.scores[line][left] == pytest.approx(scores[line][order][left], rel=1e-4, abs=1e-4)
        assert (found.scores[line][~left] == -np.inf).all()


@pytest.mark.parametrize("raising", [False, True])
def test_what_much_is_added_to_costs_no_second_product(raising: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(Catalogue, "_plainly")
    output, states = layer(2000, 5, 0), torch.randn(3, 5, generator=torch.Generator().manual_seed(0))
    row, item = np.array([0, 0, 1, 2]), np.array([7, 8, 9, 7])
    added = np.array([150.0, 149.0, 90.0, 1.0], dtype=np.float32)
    by = np.zeros((4, len(RANKS)), np.float32) if raising else None
    if by is not None:
        by[3] = 1.0
    found = Catalogue(*output, 1.0).best(states, 3, Touched(row, item, np.zeros(4, bool), added, by))
    scores = states.double() @ output.matrix.double().T + output.bias.double()
    scores[row, item] += torch.from_numpy(added)
    assert found.items[0, :2].tolist() == [7, 8]
    assert found.items[1, 0] == 9
    if not raising:
        best = scores.topk(3, dim=1)
        assert found.items.tolist() == best.indices.tolist()
        assert found.scores == pytest.approx(best.values.numpy(), rel=1e-5)
        assert found.normaliser == pytest.approx(torch.logsumexp(scores, 1).numpy(), rel=1e-5)
    assert np.isfinite(found.normaliser).all()


def test_equal_scores_stand_in_order_of_the_items() -> None:
    output = Output(torch.zeros(50, 3), torch.zeros(50))
    barred = np.arange(50) % 2 == 0
    assert Catalogue(*output, 1.0, barred).best(torch.ones(2, 3), 4).items.tolist() == [[1, 3, 5, 7]] * 2


@pytest.mark.parametrize("size", [300.0, 0.001])
def test_huge_and_tiny_scores_have_a_finite_normaliser(size: float) -> None:
    output = layer(40, 6, 1, size)
    output.bias.sub_(size * 100)
    states = torch.ones(3, 6)
    found = Catalogue(*output, 1.0).best(states, 5)
    expected = torch.logsumexp(states.double() @ output.matrix.double().T + output.bias.double(), 1)
    assert found.normaliser == pytest.approx(expected.numpy(), rel=1e-5)


def test_a_spoiled_state_has_no_finite_normaliser() -> None:
    states = torch.ones(2, 6)
    states[1, 0] = torch.nan
    found = Catalogue(*layer(40, 6, 1), 1.0).best(states, 5)
    assert np.isfinite(found.normaliser).tolist() == [True, False]
