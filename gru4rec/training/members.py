"""Several models as one: their scores added up.

Members with a shared embedding merge exactly into a single wider GRU4Rec: the item rows stand side by side, the GRU's
weights are block-diagonal, biases add up. What reads a model does not notice, and a night pays one product. Members
may alternate between two recipes (two losses, say): then the scores of every second one are multiplied so that they
spread `balance` times as far as the first one's, for BPR-max's scores lie closer together than cross-entropy's.
"""

import dataclasses
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from gru4rec.config.options import Config, ModelConfig
from gru4rec.data.sessions import Sessions
from gru4rec.data.vocabulary import Vocabulary
from gru4rec.network import cosine, repeats
from gru4rec.network.model import GRU4Rec
from gru4rec.network.warm_start import check_network

HELD_OUT, HELD_OUT_MOST = 0.05, 2000  # share and number of sessions of the newer half that the first member misses
SPREAD_TOP, SPREAD_ROWS = 20, 1000  # the spread of scores: from the best to the 20th, over so many predictions


def member_folder(folder: str | Path | None, number: int, members: int) -> Path | None:
    """Where member `number` keeps its state: a folder of its own where there are several."""
    if folder is None:
        return None
    return Path(folder) / f"member-{number + 1}" if members > 1 else Path(folder)


def sweep_members(folder: str | Path, members: int) -> None:
    """Remove the folders of members that the model in `folder` has not: those of an earlier run with more.

    The manifests go first: what an interruption leaves of such a folder counts as never begun, and goes the next time.
    """
    own = {member_folder(folder, number, members) for number in range(members)}
    for old in set(Path(folder).glob("member-*")) - own:
        if old.is_dir() and old.name.removeprefix("member-").isdigit():
            for manifest in old.glob("*.json"):
                manifest.unlink()
            shutil.rmtree(old)


def hold_out(train: Sessions) -> tuple[Sessions, Sessions]:
    """(all but some sessions, those): 5% of them, 2000 at most, evenly from the newer half.

    Evenly, for what the newest sessions show is what a model can least do without.
    """
    number = min(HELD_OUT_MOST, int(len(train) * HELD_OUT))
    chosen = len(train) // 2 + np.arange(number) * (len(train) - len(train) // 2) // max(number, 1)
    kept = np.ones(len(train), bool)
    kept[chosen] = False
    return train.select(np.flatnonzero(kept)), train.select(chosen)


def merge(members: list[GRU4Rec], mix: float = 1.0) -> GRU4Rec:
    """One model whose scores are the sum of the members' scores, those of every second one multiplied with `mix`.

    The items' rows are both input and output: what multiplies them in the output is taken off the weights that read
    them (the first layer's, and the skip's). Where a member scores by cosines its rows stay, and the scale of its
    cosines is multiplied.
    """
    first, factors = members[0], _factors(len(members), mix)
    scales = [_row_scale(member.config, factor) for member, factor in zip(members, factors, strict=True)]
    width = sum(member.config.hidden_size for member in members)
    merged = GRU4Rec(
        dataclasses.replace(first.config, hidden_size=width, mix=mix, cosine=_merged_cosine(members, factors)),
        first.vocabulary,
        device=first.device,
        dtype=first.output.dtype,
    )
    biases = [
        m.output_bias() * factor for m, factor in zip(members, factors, strict=True) if not cosine.scale(m.config)
    ]
    merged.item_rows().copy_(torch.cat([m.item_rows() * scale for m, scale in zip(members, scales, strict=True)], 1))
    if biases:
        merged.output_bias().copy_(torch.stack(biases).sum(0))
    if merged.skip is not None:
        skips = [member.skip / scale for member, scale in zip(members, scales, strict=True) if member.skip is not None]
        merged.skip.copy_(torch.cat(skips))
    for number, layer in enumerate(merged.layers):
        for name, target in layer._asdict().items():
            parts = [getattr(member.layers[number], name) for member in members]
            if (number, name) == (0, "w_input"):
                parts = [part / scale for part, scale in zip(parts, scales, strict=True)]
            if target is not None:  # a shared embedding has all weights of a layer
                target.copy_(torch.cat([_gate(parts, gate) for gate in range(3)]))
    return merged


def _factors(members: int, mix: float) -> list[float]:
    return [mix if order % 2 else 1.0 for order in range(members)]


def _row_scale(config: ModelConfig, factor: float) -> float:
    """What a member's rows are multiplied with where its scores are multiplied with `factor`."""
    return 1.0 if cosine.scale(config) else factor


def _merged_cosine(members: list[GRU4Rec], factors: list[float]) -> tuple[str, ...]:
    """The setting `cosine` of the merged model."""
    scales = [cosine.scale(member.config) * factor for member, factor in zip(members, factors, strict=True)]
    pairs = zip(members, scales, strict=True)
    return tuple(f"{member.config.hidden_size}:{scale!r}" for member, scale in pairs) if any(scales) else ()


def _gate(parts: list[torch.Tensor], gate: int) -> torch.Tensor:
    """One gate's rows of the members' [3H, ..] weights: blocks on a diagonal, or vectors end to end."""
    blocks = [part.chunk(3)[gate] for part in parts]
    return torch.cat(blocks) if blocks[0].dim() == 1 else torch.block_diag(*blocks)


def split(model: GRU4Rec, sizes: list[int]) -> list[GRU4Rec]:
    """The members of these widths that `merge` put together, as they were; the bias is shared out evenly."""
    parts = []
    factors = _factors(len(sizes), model.config.mix or 1.0)
    cosines = {units.start: scale for units, scale in cosine.blocks(model.config)}
    plain = len(sizes) - len(cosines)  # members that have a bias
    for begin, size, factor in zip(np.cumsum([0, *sizes[:-1]]).tolist(), sizes, factors, strict=True):
        own = slice(begin, begin + size)
        kept = (repr(cosines[begin] / factor),) if begin in cosines else ()
        part = model.alike(dataclasses.replace(model.config, hidden_size=size, repeats=False, mix=0.0, cosine=kept))
        scale = _row_scale(part.config, factor)
        part.item_rows().copy_(model.item_rows()[:, own] / scale)
        if not kept:
            part.output_bias().copy_(model.output_bias() / (factor * plain))
        if part.skip is not None and model.skip is not None:
            part.skip.copy_(model.skip[own] * scale)
        for number, (mine, whole) in enumerate(zip(part.layers, model.layers, strict=True)):
            for name, target in mine._asdict().items():
                gates = [gate[own] if gate.dim() == 1 else gate[own, own] for gate in getattr(whole, name).chunk(3)]
                target.copy_(torch.cat(gates) * (scale if (number, name) == (0, "w_input") else 1.0))
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

    With `repeats`, its weights are chosen on the validation sessions; where there are none, on some sessions of train,
    which the first member then does not see (the others see all).
    """
    members, held_out = config.train.members, validation
    own = [config.member(order) for order in range(members)]
    sizes = [member.model.hidden_size for member in own]
    starts: list[GRU4Rec | None] = [warm_start] * members
    if warm_start is not None and warm_start.config.hidden_size == sum(sizes) and members > 1:
        starts = list(split(warm_start, sizes))
    for start, member in zip(starts, own, strict=True):
        if start is not None:
            check_network(start.config, member.model)  # of every member before the first one is trained
    models = []
    for order in range(members):
        seen = train
        if config.model.repeats and validation is None and order == 0:
            seen, held_out = hold_out(train)
        models.append(fit_one(order, seen, own[order], starts[order]))
    merged = merge(models, config.model.mix or _mix(models, train, config)) if members > 1 else models[0]
    if not config.model.repeats or held_out is None:
        return merged
    weights = _weights(models[0] if validation is None else merged, held_out)
    return with_repeats(merged, weights * (_reach(config) if validation is None else 1.0))


def _reach(config: Config) -> float:
    """How far the sum of all members' scores spreads, the first member's being 1."""
    seconds = config.train.members // 2
    return config.train.members - seconds + seconds * (config.train.balance if config.train.alternate else 1.0)


def _mix(models: list[GRU4Rec], train: Sessions, config: Config) -> float:
    """What makes the second member's scores spread as far as they are to; 1 where members are of one kind."""
    if not config.train.alternate:
        return 1.0
    first, second = (_spread(model, train) for model in models[:2])
    return config.train.balance * first / second if first > 0 and second > 0 else config.train.balance


def _spread(model: GRU4Rec, train: Sessions) -> float:
    """The median distance between the best and the 20th score, over the last predictions of train."""
    some = _last(train, SPREAD_ROWS)
    best = [block.scores.topk(min(SPREAD_TOP, block.scores.shape[1]), dim=1).values for block in model.blocks(some)]
    return float(torch.cat([top[:, 0] - top[:, -1] for top in best]).median())


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
    some = _last(held_out, repeats.rows(len(model.vocabulary)))
    return repeats.choose(model.blocks(some), some)


def _last(sessions: Sessions, predictions: int) -> Sessions:
    """The last sessions, as many as it takes for so many predictions."""
    after = np.cumsum(np.maximum(sessions.lengths[::-1] - 1, 0))
    enough = min(len(sessions), 1 + int((after < predictions).sum()))
    return sessions.select(np.arange(len(sessions) - enough, len(sessions)))
