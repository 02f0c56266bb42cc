"""Several models as one: their scores added up.

Members with a shared embedding merge exactly into a single wider GRU4Rec: the item rows stand side by side, the GRU's
weights are block-diagonal, biases add up. What reads a model does not notice, and a night pays one product. Members
may have recipes of their own (two losses, say). BPR-max's scores lie closer together than those of cross-entropy: each
member's scores are multiplied by a factor, so that they weigh as much as they are meant to.
"""

import dataclasses
from collections.abc import Sequence

import torch

from gru4rec.network.merged import Merged
from gru4rec.network.model import GRU4Rec


def merge(members: list[GRU4Rec], factors: Sequence[float]) -> GRU4Rec:
    """One model whose scores are the sum of the members' scores, each multiplied by its factor.

    The items' rows are both input and output: a factor on them in the output is divided out of the first layer's
    weights, which read them. Where a member scores by cosines its rows stay, and the scale of its cosines takes the
    factor.
    """
    first = members[0]
    scales = [member.config.cosine * factor for member, factor in zip(members, factors, strict=True)]
    state = Merged(tuple(member.config.hidden_size for member in members), tuple(scales), tuple(factors))
    merged = first.alike(first.config, state)
    rows = [row_factor(scale, factor) for scale, factor in zip(state.scales, state.factors, strict=True)]
    merged.item_rows().copy_(torch.cat([m.item_rows() * row for m, row in zip(members, rows, strict=True)], 1))
    weighed = zip(members, state.factors, strict=True)
    biases = [member.output_bias() * factor for member, factor in weighed if not member.config.cosine]
    if biases:
        merged.output_bias().copy_(torch.stack(biases).sum(0))
    for number, layer in enumerate(merged.layers):
        for name, target in layer._asdict().items():
            parts = [getattr(member.layers[number], name) for member in members]
            if (number, name) == (0, "w_input"):
                parts = [part / row for part, row in zip(parts, rows, strict=True)]
            if target is not None:  # a shared embedding has all weights of a layer
                target.copy_(torch.cat([_gate(parts, gate) for gate in range(3)]))
    return merged


def members_of(model: GRU4Rec) -> list[GRU4Rec]:
    """The members that `merge` put together, as they were; those that have a bias share the sum of biases evenly."""
    state = model.merged
    if state is None:
        return [model]
    parts = []
    plain = sum(scale == 0 for scale in state.scales)  # members that have a bias
    for own, width, scale, factor in zip(state.units, state.widths, state.scales, state.factors, strict=True):
        row = row_factor(scale, factor)
        config = dataclasses.replace(model.config, hidden_size=width, repeats=False, cosine=scale / factor)
        part = model.alike(config)
        part.item_rows().copy_(model.item_rows()[:, own] / row)
        if not scale:
            part.output_bias().copy_(model.output_bias() / (factor * plain))
        for number, (mine, whole) in enumerate(zip(part.layers, model.layers, strict=True)):
            for name, target in mine._asdict().items():
                gates = [gate[own] if gate.dim() == 1 else gate[own, own] for gate in getattr(whole, name).chunk(3)]
                target.copy_(torch.cat(gates) * (row if (number, name) == (0, "w_input") else 1.0))
        parts.append(part)
    return parts


def row_factor(scale: float, factor: float) -> float:
    """What a member's rows are multiplied by so that its scores are multiplied by `factor`."""
    return 1.0 if scale else factor


def _gate(parts: list[torch.Tensor], gate: int) -> torch.Tensor:
    """One gate's rows of the members' [3H, ..] weights: blocks on a diagonal, or vectors end to end."""
    blocks = [part.chunk(3)[gate] for part in parts]
    return torch.cat(blocks) if blocks[0].dim() == 1 else torch.block_diag(*blocks)
