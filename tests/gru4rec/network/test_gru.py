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
