"""The recurrent layers, forward and backward by hand, over a window of k steps.

The cell is the one of torch.nn.GRUCell (reset gate after the hidden product):
    r, z = σ(x Wᵣ + h Uᵣ + b), ..;  n = tanh(x Wₙ + bₙ + r * (h Uₙ + cₙ));  h' = n + z * (h - n)
Hidden dropout acts on each layer's output, and the state after dropout is carried on. The state that enters a window is
a constant: no gradient reaches further back than the window's first step.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

aten = torch.ops.aten

NEW = 2  # the gate n: its product of the state stands beside that of the input, not with it
FEW = 8  # rows: a product of fewer takes less time than starting one a member
WIDE = 384  # units from which on a product with fewer rows saves more than bringing the rows into order costs


class Layer(NamedTuple):
    """Weights of one layer, gates in the order r, z, n."""

    w_input: Tensor | None  # [3H, D]; None for a one-hot input, whose row is x W already
    w_hidden: Tensor  # [3H, H]
    b_input: Tensor  # [3H]
    b_hidden: Tensor  # [3H]


class Tape(NamedTuple):
    """What the backward pass of one layer needs, and overwrites: of each step one tensor [B, ..]."""

    inputs: Tensor  # [k, B, D]
    going: int | None  # the lanes from this one on start a session; None where they stand in any order
    before: list[Tensor]  # h that entered the step, after the reset at a session's start
    gates: list[Tensor]  # r and z side by side, [B, 2H]
    new: list[Tensor]  # n
    product: list[Tensor]  # h Uₙ + cₙ


def in_parts(tensor: Tensor) -> bool:
    """Whether the three gates have products of their own where the tensor lies.

    A processor saves the copies that put them side by side; a GPU starts one product sooner than three.
    """
    return tensor.is_cpu


def cell(layer: Layer, gi: Tensor, h: Tensor, going: int | None = None) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """One step from the input's product gi [B, 3H] and the state h [B, H]: new state, gates, n, h Uₙ + cₙ.

    The gates and n take the place of gi: numbers that were just written are still in a processor's cache.
    The states from `going` on, if that is given, are 0: a processor does not multiply them.
    """
    both = 2 * h.shape[1]  # r and z
    if in_parts(h):
        gates = gi[:, :both]
        gates[:going].addmm_(h[:going], layer.w_hidden[:both].t())
        gates.sigmoid_()
        product = torch.empty_like(h) if going is None else torch.zeros_like(h)
        torch.mm(h[:going], layer.w_hidden[both:].t(), out=product[:going])
        product.add_(layer.b_hidden[both:])
    else:
        gh = torch.mm(h, layer.w_hidden.t())
        gates = gi[:, :both].add_(gh[:, :both]).sigmoid_()
        product = gh[:, both:] + layer.b_hidden[both:]
    r, z = gates.chunk(2, dim=1)
    new = gi[:, both:].addcmul_(r, product).tanh_()
    return torch.lerp(new, h, z), gates, new, product


def input_product(layer: Layer, inputs: Tensor) -> Tensor:
    """x W + b [.., 3H] for rows x [.., D], with both biases of r and z; a one-hot input's row is x W already."""
    bias = _input_bias(layer)
    if layer.w_input is None:
        return inputs + bias
    flat = inputs.reshape(-1, inputs.shape[-1])
    return torch.mm(flat, layer.w_input.t()).add_(bias).view(*inputs.shape[:-1], -1)


def _input_bias(layer: Layer) -> Tensor:
    """What does not pass through the reset gate, [3H]."""
    both = 2 * layer.w_hidden.shape[1]
    return torch.cat([layer.b_input[:both] + layer.b_hidden[:both], layer.b_input[both:]])


def advance(layers: list[Layer], x: Tensor, states: list[Tensor], members: Sequence[slice] = ()) -> Tensor:
    """One step without dropout: rows x [n, D] -> outputs [n, H].

    The first n rows of each layer's state enter; the list is given the new states, of n rows, in their place.

    Args:
        layers: the weights.
        x: the inputs.
        states: of each layer.
        members: units that belong together, where the weights are blocks on a diagonal with zeros beside them. A
            processor then multiplies the blocks alone.
    """
    in_blocks = len(members) > 1 and in_parts(x) and len(x) >= FEW
    for number, layer in enumerate(layers):
        h = states[number][: len(x)]
        x = _cell_of_members(layer, x, h, members) if in_blocks else cell(layer, input_product(layer, x), h)[0]
        states[number] = x
    return x


def _cell_of_members(layer: Layer, x: Tensor, h: Tensor, members: Sequence[slice]) -> Tensor:
    """The new state from the inputs x [n, H] and the state h [n, H], member by member where rows are multiplied."""
    size = h.shape[1]
    both = 2 * size
    assert layer.w_input is not None  # members share their embedding
    gi = _input_bias(layer).repeat(len(x), 1)
    product = layer.b_hidden[both:].repeat(len(x), 1)
    for gate in range(3):
        for units in members:
            own = slice(gate * size + units.start, gate * size + units.stop)
            gi[:, own].addmm_(x[:, units], layer.w_input[own, units].t())
            of_state = product[:, units] if gate == NEW else gi[:, own]
            of_state.addmm_(h[:, units], layer.w_hidden[own, units].t())
    r, z = gi[:, :both].sigmoid_().chunk(2, dim=1)
    new = gi[:, both:].addcmul_(r, product).tanh_()
    return torch.lerp(new, h, z)


def forward(
    layers: list[Layer],
    inputs: Tensor,
    states: list[Tensor],
    keep: Tensor,
    masks: Tensor | None,
    order: Tensor | None = None,
) -> tuple[Tensor, list[Tape]]:
    """Run k steps.

    Args:
        layers: the weights.
        inputs: [k, B, D].
        states: of each layer [B, H]; overwritten with the states after the last step.
        keep: [k, B, 1], 0 where a session starts.
        masks: dropout [layers, k, B, H], 0 or 1 / (1 - probability of dropping); None without dropout.
        order: where k is 1, which state each lane of the other tensors has, int64 [B], those that start a session last;
            their states need no product. None: the first lane has the first state, and so on.

    Returns:
        The last layer's outputs [k, B, H], and a tape of each layer.
    """
    going = None if order is None else int(keep.sum())
    tapes = []
    for number, layer in enumerate(layers):
        tape = Tape(inputs, going, [], [], [], [])
        products = input_product(layer, inputs)
        outputs = []
        h = states[number]
        for step in range(len(inputs)):
            if order is None:
                before = h * keep[step]
            else:
                before = torch.zeros_like(h)
                torch.index_select(h, 0, order[:going], out=before[:going])
            h, gates, new, product = cell(layer, products[step], before, going)
            if masks is not None:
                h = h.mul_(masks[number, step])
            for kept, value in zip(tape[2:], (before, gates, new, product), strict=True):
                kept.append(value)
            outputs.append(h)
        if order is None:
            states[number].copy_(h)
        else:
            states[number].index_copy_(0, order, h)
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
    by_step: list[tuple[Tensor, ...]] = []  # from the last step to the first
    d_carried: Tensor | None = None
    for step in reversed(range(len(d_outputs))):
        d_h = d_outputs[step] if d_carried is None else d_outputs[step] + d_carried
        if mask is not None:
            d_h = d_h * mask[step]
        r, z, n, product = _cell_backward(tape.before[step], tape.gates[step], tape.new[step], tape.product[step], d_h)
        by_step.append((r, z, n, product))
        if step:
            kept = d_h * tape.gates[step].chunk(2, dim=1)[1]
            d_carried = kept.add_(_product_backward((r, z, product), layer.w_hidden)).mul_(keep[step])
    r, z, n, product = (_whole(parts[::-1]) for parts in zip(*by_step, strict=True))
    sums = [d.sum(0) for d in (r, z, n, product)]
    torch.cat(sums[:3], out=gradient.b_input)
    torch.cat([*sums[:2], sums[3]], out=gradient.b_hidden)
    d_hidden = (r[: tape.going], z[: tape.going], product[: tape.going])
    _weights_backward(d_hidden, _whole(tape.before)[: tape.going], gradient.w_hidden)
    if layer.w_input is None or gradient.w_input is None:
        return torch.cat([r, z, n], dim=1).view(*d_outputs.shape[:2], -1)
    _weights_backward((r, z, n), tape.inputs.reshape(len(r), -1), gradient.w_input)
    return _product_backward((r, z, n), layer.w_input).view(*d_outputs.shape[:2], -1)


def _cell_backward(
    before: Tensor, gates: Tensor, new: Tensor, product: Tensor, d_h: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Gradients [B, H] of what r, z and n are made of, and of h Uₙ + cₙ.

    Each has a tensor of its own, so that none is copied on its way into the matrix products. They are written over
    what is not needed any more.
    """
    r, z = gates.chunk(2, dim=1)
    d_new = torch.addcmul(d_h, d_h, z, value=-1.0)
    d_z = (before - new).mul_(d_h)
    aten.tanh_backward.grad_input(d_new, new, grad_input=d_new)
    d_r = product.mul_(d_new)
    aten.sigmoid_backward.grad_input(d_r, r, grad_input=d_r)
    aten.sigmoid_backward.grad_input(d_z, z, grad_input=d_z)
    return d_r, d_z, d_new, r.mul_(d_new)


def _weights_backward(d_gates: tuple[Tensor, ...], rows: Tensor, gradient: Tensor) -> None:
    """Write the gradient of weights [3H, D] that rows [N, D] were multiplied with, from those of the gates [N, H]."""
    if not in_parts(rows):
        torch.mm(torch.cat(d_gates, dim=1).t(), rows, out=gradient)
        return
    for d_gate, part in zip(d_gates, gradient.chunk(3), strict=True):
        torch.mm(d_gate.t(), rows, out=part)


def _product_backward(d_gates: tuple[Tensor, ...], weights: Tensor) -> Tensor:
    """Gradient of the rows [N, D] that were multiplied with weights [3H, D], from those of the gates [N, H]."""
    if not in_parts(weights):
        return torch.mm(torch.cat(d_gates, dim=1), weights)
    r, z, n = weights.chunk(3)
    return torch.mm(d_gates[0], r).addmm_(d_gates[1], z).addmm_(d_gates[2], n)


def _whole(parts: Sequence[Tensor]) -> Tensor:
    """The rows of all steps one below the other."""
    return parts[0] if len(parts) == 1 else torch.cat(tuple(parts))
