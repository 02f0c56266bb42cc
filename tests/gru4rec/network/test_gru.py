"""The recurrent layers by hand equal torch's cell under autograd, narrow and wide, whichever lanes begin a session."""

import pytest
import torch
from torch import Tensor

from gru4rec.network import gru


def by_autograd(cell: torch.nn.GRUCell, inputs: Tensor, state: Tensor, keep: Tensor, d_outputs: Tensor) -> list[Tensor]:
    """Outputs [k, B, H], and the gradients of the inputs and the four weights."""
    inputs = inputs.clone().requires_grad_()
    outputs, h = [], state
    for x, kept in zip(inputs, keep, strict=True):
        h = cell(x, h * kept)
        outputs.append(h)
    stacked = torch.stack(outputs)
    weights = (cell.weight_ih, cell.weight_hh, cell.bias_ih, cell.bias_hh)
    return [stacked.detach(), *torch.autograd.grad(stacked, (inputs, *weights), d_outputs)]


@pytest.mark.parametrize("size", [6, gru.WIDE])
@pytest.mark.parametrize("kept", [0.0, 0.6, 1.0])
@pytest.mark.parametrize("steps", [1, 3])
@pytest.mark.parametrize("in_parts", [True, False], ids=["a processor's products", "a GPU's"])
def test_outputs_and_gradients_are_those_of_torchs_cell(
    size: int, kept: float, steps: int, in_parts: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gru, "in_parts", lambda tensor: in_parts)
    torch.manual_seed(0)
    cell = torch.nn.GRUCell(5, size, dtype=torch.float64)
    inputs, d_outputs = (torch.randn(steps, 4, width, dtype=torch.float64) for width in (5, size))
    state = torch.rand(4, size, dtype=torch.float64)
    keep = (torch.rand(steps, 4, 1) < kept).double()
    expected = by_autograd(cell, inputs, state, keep, d_outputs)
    weights = gru.Layer(cell.weight_ih, cell.weight_hh, cell.bias_ih, cell.bias_hh)
    gradient = gru.Layer(*(torch.full_like(weight, torch.nan) for weight in (cell.weight_ih, *weights[1:])))
    with torch.inference_mode():
        states = [state.clone()]
        outputs, tapes = gru.forward([weights], inputs, states, keep, None)
        outputs = outputs.clone()
        d_inputs = gru.backward([weights], [gradient], tapes, d_outputs, keep, None)
    for mine, theirs in zip((outputs, d_inputs, *gradient), expected, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-11, atol=1e-12)
    torch.testing.assert_close(states[0], expected[0][-1], rtol=1e-12, atol=1e-12)


def beside_each_other(parts: list[Tensor]) -> Tensor:
    """The members' weights of three gates as blocks on a diagonal, or their biases end to end."""
    gates = zip(*(part.detach().chunk(3) for part in parts), strict=True)
    return torch.cat([torch.cat(gate) if gate[0].dim() == 1 else torch.block_diag(*gate) for gate in gates])


@pytest.mark.parametrize("rows", [1, gru.FEW, 20])
def test_members_beside_each_other_step_as_each_does_by_itself(rows: int) -> None:
    torch.manual_seed(0)
    widths = (3, 5, 2)
    cells = [[torch.nn.GRUCell(width, width, dtype=torch.float64) for width in widths] for _ in range(2)]
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    layers = [gru.Layer(*(beside_each_other([getattr(cell, name) for cell in row]) for name in names)) for row in cells]
    x, states = (
        torch.randn(rows, 10, dtype=torch.float64),
        [torch.rand(rows + 2, 10, dtype=torch.float64) for _ in "12"],
    )
    expected = x.split(widths, 1)
    for row, state in zip(cells, states, strict=True):
        parts = zip(row, expected, state[:rows].split(widths, 1), strict=True)
        expected = tuple(cell(part, h).detach() for cell, part, h in parts)
    found = list(states)
    with torch.inference_mode():
        top = gru.advance(layers, x, found, [slice(0, 3), slice(3, 8), slice(8, 10)])
    torch.testing.assert_close(top, torch.cat(expected, 1))
    assert found[1] is top
    assert len(found[0]) == rows
