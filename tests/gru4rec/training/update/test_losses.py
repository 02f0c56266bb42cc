"""Each loss on tensors small enough to work out by hand, its gradient against autograd, occurrence by occurrence."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from gru4rec.config.options import LOSSES, LossConfig
from gru4rec.training.update.losses import bpr, bpr_max, cross_entropy, make_loss, top1, top1_max
from tests.gru4rec.reference import loss_of_row

SCORES = torch.tensor([[1.0, 0.0, -1.0], [0.0, 2.0, 0.0]], dtype=torch.float64)
OWN = torch.tensor([0, 1])
ONES = torch.ones(3, dtype=torch.float64)
OWN_ONES = torch.ones(2, dtype=torch.float64)


def sigma(x: float) -> float:
    return 1.0 / (1.0 + math.exp(-x))


def values(loss, **options) -> list[float]:
    return loss(SCORES.clone(), OWN, ONES, OWN_ONES, **options)[0].tolist()


def test_cross_entropy_by_hand() -> None:
    e = math.e
    first = -math.log(e / (e + 1 + 1 / e))  # scores 1, 0, -1 and the target scores 1
    second = -math.log(e**2 / (1 + e**2 + 1))
    assert values(cross_entropy) == pytest.approx([first, second], rel=1e-12)


def test_cross_entropy_with_logq_takes_the_log_weight_off_the_scores() -> None:
    """Counts 4, 1, 2 and logq 1: scores 1 - log 4, 0, -1 - log 2; the target is the first."""
    weight = torch.tensor([0.25, 1.0, 0.5], dtype=torch.float64)
    loss, _ = cross_entropy(SCORES[:1].clone(), OWN[:1], weight, weight[:1])
    corrected = [1 - math.log(4), 0.0, -1 - math.log(2)]
    expected = -corrected[0] + math.log(sum(math.exp(x) for x in corrected))
    assert loss.item() == pytest.approx(expected, rel=1e-12)


def test_bpr_max_by_hand() -> None:
    """Row 1: others 0 and -1 have softmax shares p and 1 - p; row 2: two others of score 0, a half each."""
    p = 1 / (1 + math.exp(-1))
    first = -math.log(sigma(1) * p + sigma(2) * (1 - p)) + 0.5 * (0 * p + 1 * (1 - p))
    second = -math.log(sigma(2)) + 0.5 * 0.0
    assert values(bpr_max, bpreg=0.5, elu=0.0) == pytest.approx([first, second], rel=1e-12)


def test_bpr_max_bends_negative_scores_with_elu() -> None:
    bent = 0.5 * (math.exp(-1) - 1)  # ELU with a = 0.5 of the score -1
    p = 1 / (1 + math.exp(bent))  # share of the score 0 against the bent one
    first = -math.log(sigma(1) * p + sigma(1 - bent) * (1 - p)) + 2.0 * bent**2 * (1 - p)
    assert values(bpr_max, bpreg=2.0, elu=0.5)[0] == pytest.approx(first, rel=1e-12)


def test_top1_by_hand() -> None:
    first = ((sigma(-1) + sigma(0)) + (sigma(-2) + sigma(1))) / 2
    second = sigma(-2) + sigma(0)
    assert values(top1) == pytest.approx([first, second], rel=1e-12)


def test_top1_max_by_hand() -> None:
    p = 1 / (1 + math.exp(-1))
    first = p * (sigma(-1) + sigma(0)) + (1 - p) * (sigma(-2) + sigma(1))
    assert values(top1_max)[0] == pytest.approx(first, rel=1e-12)


def test_bpr_by_hand() -> None:
    first = -(math.log(sigma(1)) + math.log(sigma(2))) / 2
    assert values(bpr) == pytest.approx([first, -math.log(sigma(2))], rel=1e-12)


@pytest.mark.parametrize("loss", LOSSES)
def test_a_row_without_any_negative_costs_nothing_and_pulls_nowhere(loss: str) -> None:
    value, gradient = make_loss(LossConfig(loss=loss))(
        torch.tensor([[3.0]]), torch.tensor([0]), torch.ones(1), torch.ones(1)
    )
    assert value.item() == 0.0
    assert gradient.tolist() == [[0.0]]


@pytest.mark.parametrize("loss", LOSSES)
def test_losses_and_gradients_stay_finite_for_huge_scores(loss: str) -> None:
    """Every negative far above the target: BPR-max's logarithm sees 0 but for its 1e-24."""
    scores = torch.tensor([[-300.0, 300.0, 299.0], [500.0, -500.0, 0.0]])
    value, gradient = make_loss(LossConfig(loss=loss, elu=0.0))(scores, OWN, ONES.float(), OWN_ONES.float())
    assert torch.isfinite(value).all()
    assert torch.isfinite(gradient).all()
    assert (value > 0).all()


def unfolded(scores: Tensor, multiplicity: list[int], own: Tensor, config: LossConfig) -> tuple[Tensor, Tensor]:
    """Losses and gradient with every column standing as often as its multiplicity says."""
    leaf = scores.clone().requires_grad_()
    repeated = torch.tensor([c for c, m in enumerate(multiplicity) for _ in range(m)])
    first = torch.tensor([sum(multiplicity[:c]) for c in range(len(multiplicity))])
    rows = leaf[:, repeated]
    log_q = torch.zeros(len(repeated), dtype=torch.float64)
    losses = torch.stack([loss_of_row(row, int(first[o]), log_q, config) for row, o in zip(rows, own, strict=True)])
    losses.sum().backward()
    return losses.detach(), leaf.grad


@given(
    loss=st.sampled_from(LOSSES),
    elu=st.sampled_from([0.0, 0.5, 1.0]),
    bpreg=st.sampled_from([0.0, 1.5]),
    multiplicity=st.lists(st.integers(1, 3), min_size=1, max_size=5),
    seed=st.integers(0, 10_000),
)
@settings(max_examples=60, deadline=None)
def test_a_weighted_candidate_has_the_loss_and_gradient_of_its_occurrences(
    loss: str, elu: float, bpreg: float, multiplicity: list[int], seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    scores = 2 * torch.randn(3, len(multiplicity), dtype=torch.float64, generator=generator)
    own = torch.randint(len(multiplicity), (3,), generator=generator)
    config = LossConfig(loss=loss, elu=elu, bpreg=bpreg, logq=0.0)
    expected, expected_gradient = unfolded(scores, multiplicity, own, config)
    weight = torch.tensor(multiplicity, dtype=torch.float64)
    value, gradient = make_loss(config)(scores.clone(), own, weight, torch.ones(3, dtype=torch.float64))
    torch.testing.assert_close(value, expected, rtol=1e-11, atol=1e-12)
    torch.testing.assert_close(gradient, expected_gradient, rtol=1e-11, atol=1e-12)
