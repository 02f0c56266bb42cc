"""Several models as one: their scores added up.

Members with a shared embedding merge exactly into a single wider GRU4Rec: the item rows stand side by side, the GRU's
weights are block-diagonal, biases add up. What reads a model does not notice, and a night pays one product.
"""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from gru4rec import repeats
from gru4rec.config import Config
from gru4rec.model import GRU4Rec
from gru4rec.sessions import Sessions
from gru4rec.vocabulary import Vocabulary

HELD_OUT, HELD_OUT_MOST = 0.05, 2000  # share and number of the last sessions that the first member does not see


def member_config(config: Config, number: int) -> Config:
    """What member `number` (from 0) is trained with: the same, but for its seed."""
    train = dataclasses.replace(config.train, members=1, seed=config.train.seed + number)
    return dataclasses.replace(config, train=train, model=dataclasses.replace(config.model, repeats=False))


def member_folder(folder: str | Path | None, number: int, members: int) -> Path | None:
    """Where member `number` keeps its state: a folder of its own where there are several."""
    if folder is None:
        return None
    return Path(folder) / f"member-{number + 1}" if members > 1 else Path(folder)


def hold_out(train: Sessions) -> tuple[Sessions, Sessions]:
    """(all but the last sessions, the last ones): 5% of them, 2000 at most."""
    cut = len(train) - min(HELD_OUT_MOST, int(len(train) * HELD_OUT))
    return train.select(np.arange(cut)), train.select(np.arange(cut, len(train)))


def merge(members: list[GRU4Rec]) -> GRU4Rec:
    """One model whose scores are the sum of the members' scores."""
    first = members[0]
    config = dataclasses.replace(first.config, hidden_size=sum(member.config.hidden_size for member in members))
    merged = GRU4Rec(config, first.vocabulary, device=first.device, dtype=first.output.dtype)
    merged.output_matrix().copy_(torch.cat([member.output_matrix() for member in members], dim=1))
    merged.output_bias().copy_(torch.stack([member.output_bias() for member in members]).sum(0))
    if merged.skip is not None:
        merged.skip.copy_(torch.cat([member.skip for member in members if member.skip is not None]))
    for number, layer in enumerate(merged.layers):
        for target, *parts in zip(layer, *(member.layers[number] for member in members), strict=True):
            if target is not None:  # a shared embedding has all weights of a layer
                target.copy_(torch.cat([_gate([p for p in parts if p is not None], gate) for gate in range(3)]))
    return merged


def _gate(parts: list[torch.Tensor], gate: int) -> torch.Tensor:
    """One gate's rows of the members' [3H, ..] weights: blocks on a diagonal, or vectors end to end."""
    blocks = [part.chunk(3)[gate] for part in parts]
    return torch.cat(blocks) if blocks[0].dim() == 1 else torch.block_diag(*blocks)


def split(model: GRU4Rec, members: int) -> list[GRU4Rec]:
    """The members that `merge` put together; the bias is shared out evenly."""
    size = model.config.hidden_size // members
    config = dataclasses.replace(model.config, hidden_size=size, repeats=False)
    parts = []
    for number in range(members):
        own = slice(number * size, (number + 1) * size)
        part = GRU4Rec(config, model.vocabulary, device=model.device, dtype=model.output.dtype)
        part.output_matrix().copy_(model.output_matrix()[:, own])
        part.output_bias().copy_(model.output_bias() / members)
        if part.skip is not None and model.skip is not None:
            part.skip.copy_(model.skip[own])
        for mine, whole in zip(part.layers, model.layers, strict=True):
            for target, value in zip(mine, whole, strict=True):
                if target is None or value is None:
                    continue
                gates = [gate[own] if gate.dim() == 1 else gate[own, own] for gate in value.chunk(3)]
                target.copy_(torch.cat(gates))
        parts.append(part)
    return parts


def fit_members(
    train: Sessions,
    vocabulary: Vocabulary,
    config: Config,
    validation: Sessions | None,
    warm_start: GRU4Rec | None,
    fit_one: Callable[[int, Sessions, Config, GRU4Rec | None], GRU4Rec],
) -> GRU4Rec:
    """Train the members one after another with `fit_one(number, sessions, config, warm_start)` and merge them.

    With `repeats`, its weights are chosen on the validation sessions; where there are none, on the last sessions of
    train, which the first member then does not see (the others see all).
    """
    members, held_out = config.train.members, validation
    starts: list[GRU4Rec | None] = [warm_start] * members
    if warm_start is not None and warm_start.config.hidden_size == members * config.model.hidden_size and members > 1:
        starts = list(split(warm_start, members))
    models = []
    for number in range(members):
        seen = train
        if config.model.repeats and validation is None and number == 0:
            seen, held_out = hold_out(train)
        models.append(fit_one(number, seen, member_config(config, number), starts[number]))
    merged = merge(models) if members > 1 else models[0]
    if not config.model.repeats or held_out is None:
        return merged
    weights = _weights(models[0] if validation is None else merged, held_out)
    return with_repeats(merged, weights * (members if validation is None else 1))


def with_repeats(model: GRU4Rec, weights: torch.Tensor) -> GRU4Rec:
    """The model with the weights [2] of items that a session has seen already."""
    whole = model.alike(dataclasses.replace(model.config, repeats=True))
    for name, value in model.tensors().items():
        whole.tensors()[name].copy_(value)
    assert whole.repeat is not None
    whole.repeat.copy_(weights)
    return whole


def _weights(model: GRU4Rec, held_out: Sessions) -> torch.Tensor:
    """The weights [2] chosen on the last of the held-out sessions, about repeats.rows() predictions."""
    predictions = np.cumsum(np.maximum(held_out.lengths[::-1] - 1, 0))
    enough = min(len(held_out), 1 + int((predictions < repeats.rows(len(model.vocabulary))).sum()))
    some = held_out.select(np.arange(len(held_out) - enough, len(held_out)))
    events, scores = [], []
    for block in model.blocks(some):
        events.append(block.events)
        scores.append(block.scores.float().cpu().clone())
    if sum(map(len, events)) < repeats.FEWEST:
        return torch.zeros(2)
    return repeats.choose(torch.cat(scores), some, np.concatenate(events))
