"""What is added to a trained model's scores, for items that a session has seen and what followed the last one; and how
far scores are raised.

The weights are chosen on sessions that the model was not fitted on (proof.py). They are state of the model.
"""

import copy
import dataclasses

import numpy as np
import torch

from gru4rec.baselines.counting import Rules
from gru4rec.data.sessions import Sessions
from gru4rec.network.added.habits import Habits, rates
from gru4rec.network.added.neighbours import Neighbours
from gru4rec.network.added.raises import companions
from gru4rec.network.model import GRU4Rec
from gru4rec.scoring.scorer import block_rows
from gru4rec.training.held_out import proof, raising

HELD_OUT, HELD_OUT_MOST = 0.05, 2000  # share and number of sessions of the newer half that the first member misses
STEPS = 10  # events ahead that rules between items look


def hold_out(train: Sessions) -> tuple[Sessions, Sessions]:
    """(all but some sessions, those): 5% of them, 2000 at most, evenly from the newer half.

    Evenly, for what the newest sessions show is what a model can least do without.
    """
    number = min(HELD_OUT_MOST, int(len(train) * HELD_OUT))
    chosen = len(train) // 2 + np.arange(number) * (len(train) - len(train) // 2) // max(number, 1)
    kept = np.ones(len(train), bool)
    kept[chosen] = False
    return train.select(np.flatnonzero(kept)), train.select(chosen)


def choose(model: GRU4Rec, fitted: Sessions, held_out: Sessions, share: float = 1.0) -> proof.Chosen:
    """The weights that prove themselves on the last of the held-out sessions, about proof.rows() predictions.

    What is raised is chosen beside so much of what is added as will stand beside it.

    Args:
        model: that was not fitted on them.
        fitted: what neighbours and companions are counted in.
        held_out: what decides.
        share: the part of the weights of what is added that is wanted.
    """
    items = len(model.vocabulary)
    some = last_sessions(held_out, proof.rows(items))
    blocks = model.blocks(some, rows=block_rows(items))
    followers = neighbours(fitted, items)
    found = proof.choose(blocks, some, rates(fitted), followers).times(share)
    added = with_added(model, found, fitted, followers)
    raises = raising.choose(added, companions(fitted, items, model.output), some, found.unit)
    return dataclasses.replace(found, raises=raises)


def with_added(model: GRU4Rec, chosen: proof.Chosen, train: Sessions, followers: Neighbours | None = None) -> GRU4Rec:
    """The model with the chosen weights, and with what train shows of neighbours and companions that have a weight.

    All other weights are the given model's own. followers: the neighbours of train, where they were counted already.
    """
    whole = copy.copy(model)
    whole.config = dataclasses.replace(model.config, repeats=True)
    whole.repeat = chosen.seen.to(model.output)
    if chosen.habits.any():
        whole.habits = Habits(rates(train), chosen.habits).to(whole.output)
    if chosen.neighbours:
        found = followers or neighbours(train, len(model.vocabulary))
        whole.neighbours = found.weighed(chosen.neighbours, whole.output)
    if chosen.raises is not None and chosen.raises.any():
        whole.raises = companions(train, len(model.vocabulary), whole.output).weighed(chosen.raises, whole.output)
    return whole


def neighbours(train: Sessions, items: int) -> Neighbours:
    """What followed each item in train, with weight 1."""
    parts = [
        Neighbours.of_rules(part.rows, part.columns, part.weights, items)
        for part in Rules.parts(train, items, STEPS, "quadratic")
    ]
    return Neighbours(*(torch.cat(both) for both in zip(*parts, strict=True)))


def last_sessions(sessions: Sessions, predictions: int) -> Sessions:
    """The last sessions, as many as it takes for so many predictions."""
    after = np.cumsum(np.maximum(sessions.lengths[::-1] - 1, 0))
    enough = min(len(sessions), 1 + int((after < predictions).sum()))
    return sessions.select(np.arange(len(sessions) - enough, len(sessions)))
