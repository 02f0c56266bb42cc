"""The recurrent layers, forward and backward by hand, over a window of k steps.

The cell is the one of torch.nn.GRUCell (reset gate after the hidden product):
    r, z = σ(x Wᵣ + h Uᵣ + b), ..;  n = tanh(x Wₙ + bₙ + r * (h Uₙ + cₙ));  h' = n + z * (h - n)
Hidden dropout acts on each layer's output, and the state after dropout is carried on. The state that enters a window is
a constant: no gradient reaches further back than the window's first step.
"""

from typing import NamedTuple

import torch
from torch import Tensor

aten = torch.ops.aten


class Layer(NamedTuple):
    """Weights of one layer, gates in the order r, z, n."""

    w_input: Tensor | None  # [3H, D]; None for a one-hot input, whose row is x W already
    w_hidden: Tensor  # [3H, H]
    b_input: Tensor  # [3H]
    b_hidden: Tensor  # [3H]


class Tape(NamedTuple):
    """What the backward pass of one layer needs: of each step one tensor [B, ..]."""

    inputs: Tensor  # [k, B, D]
    before: list[Tensor]  # h that entered the step, after the reset at a session's start
    gates: list[Tensor]  # r and z side by side, [B, 2H]
    new: list[Tensor]  # n
    product: list[Tensor]  # h Uₙ + cₙ


def cell(layer: Layer, gi: Tensor, h: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """One step from the input's product gi [B, 3H] and the state h [B, H]: new state, gates, n, h Uₙ + cₙ."""
    size = h.shape[1]
    gh = torch.addmm(layer.b_hidden, h, layer.w_hidden.t())
    gates = torch.add(gi[:, : 2 * size], gh[:, : 2 * size]).sigmoid_()
    product = gh[:, 2 * size :]
    new = torch.addcmul(gi[:, 2 * size :], gates[:, :size], product).tanh_()
    return torch.lerp(new, h, gates[:, size:]), gates, new, product


def input_product(layer: Layer, inputs: Tensor) -> Tensor:
    """x W + b [.., 3H] for rows x [.., D]; a one-hot input's row is x W already."""
    if layer.w_input is None:
        return inputs + layer.b_input
    flat = inputs.reshape(-1, inputs.shape[-1])
    return torch.addmm(layer.b_input, flat, layer.w_input.t()).view(*inputs.shape[:-1], -1)


def advance(layers: list[Layer], x: Tensor, states: list[Tensor]) -> Tensor:
    """One step without dropout: rows x [n, D] -> outputs [n, H].

    The first n rows of each layer's state enter; the list is given the new states, of n rows, in their place."""
    for number, layer in enumerate(layers):
        x = states[number] = cell(layer, input_product(layer, x), states[number][: len(x)])[0]
    return x


def forward(
    layers: list[Layer], inputs: Tensor, states: list[Tensor], keep: Tensor, masks: Tensor | None
) -> tuple[Tensor, list[Tape]]:
    """Run k steps.

    Args:
        layers: the weights.
        inputs: [k, B, D].
        states: of each layer [B, H]; overwritten with the states after the last step.
        keep: [k, B, 1], 0 where a session starts.
        masks: dropout [layers, k, B, H], 0 or 1 / (1 - probability of dropping); None without dropout.

    Returns:
        The last layer's outputs [k, B, H], and a tape of each layer.
    """
    tapes = []
    for number, layer in enumerate(layers):
        tape = Tape(inputs, [], [], [], [])
        products = input_product(layer, inputs)
        outputs = []
        h = states[number]
        for step in range(len(inputs)):
            before = h * keep[step]
            h, gates, new, product = cell(layer, products[step], before)
            if masks is not None:
                h = h.mul_(masks[number, step])
            for kept, value in zip(tape[1:], (before, gates, new, product), strict=True):
                kept.append(value)
            outputs.append(h)
        states[number].copy_(h)
        inputs = outputs[0][None] if len(outputs) == 1 else torch.stack(outputs)
        tapes.append(tape)
    return inputs, tapes


def backward(
    layers: list[Layer],
    gradients: list[Layer],
    tapes: list[Tape],
    d_outputs: Tensor,
    keep: Tensor,
    masks: Tensor | None,
) -> Tensor:
    """Gradient of the inputs [k, B, D] from that of the outputs [k, B, H]; `gradients` receives that of the weights."""
    for number in reversed(range(len(layers))):
        mask = None if masks is None else masks[number]
        d_outputs = _layer_backward(layers[number], gradients[number], tapes[number], d_outputs, keep, mask)
    return d_outputs


def _layer_backward(
    layer: Layer, gradient: Layer, tape: Tape, d_outputs: Tensor, keep: Tensor, mask: Tensor | None
) -> Tensor:
    steps, lanes, size = d_outputs.shape
    d_gi = d_outputs.new_empty(steps, lanes, 3 * size)
    d_gh = torch.empty_like(d_gi)
    d_carried: Tensor | None = None
    for step in reversed(range(steps)):
        d_h = d_outputs[step] if d_carried is None else d_outputs[step] + d_carried
        if mask is not None:
            d_h = d_h * mask[step]
        gates, new, before = tape.gates[step], tape.new[step], tape.before[step]
        z = gates[:, size:]
        d_gates = torch.cat([tape.product[step], (before - new).mul_(d_h)], dim=1)  # of r (but for d_new) and z
        d_new = aten.tanh_backward(torch.addcmul(d_h, d_h, z, value=-1.0), new)
        d_gates[:, :size].mul_(d_new)
        d_gh[step, :, 2 * size :] = d_new * gates[:, :size]
        d_gi[step, :, 2 * size :] = d_new
        d_gates = aten.sigmoid_backward(d_gates, gates)
        d_gi[step, :, : 2 * size] = d_gates
        d_gh[step, :, : 2 * size] = d_gates
        if step:
            d_carried = torch.addmm(d_h * z, d_gh[step], layer.w_hidden).mul_(keep[step])
    flat_gi, flat_gh = d_gi.view(-1, 3 * size), d_gh.view(-1, 3 * size)
    before = tape.before[0] if steps == 1 else torch.cat(tape.before)
    torch.mm(flat_gh.t(), before, out=gradient.w_hidden)
    torch.sum(flat_gi, 0, out=gradient.b_input)
    torch.sum(flat_gh, 0, out=gradient.b_hidden)
    if layer.w_input is None or gradient.w_input is None:
        return d_gi
    torch.mm(flat_gi.t(), tape.inputs.reshape(len(flat_gi), -1), out=gradient.w_input)
    return torch.mm(flat_gi, layer.w_input).view(steps, lanes, -1)
