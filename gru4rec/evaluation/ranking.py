"""Where the next item stands in the whole catalogue.

Every event of a session but the last is an input; its target is the event after it. The best item has rank 1. The rule
for equal scores decides the figures of methods that score many items alike (a counting method that gives zero to most
items looks perfect under the first rule), so it is always stated:

| rule | rank of the target |
|---|---|
| standard | 1 + number of items that score higher |
| conservative | standard + number of other items that score the same |
| median | standard + half of that number |
"""

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from gru4rec.data.sessions import Sessions
from gru4rec.scoring.scorer import Block, Scorer, block_rows

TIE_RULES = ("standard", "conservative", "median")


def ranks(scorer: Scorer, sessions: Sessions, tie_rule: str | None = None) -> NDArray[Any]:
    """Ranks of all next items over the whole catalogue, in the order of `sessions.prediction_events()`.

    Args:
        scorer: the model or baseline.
        sessions: encoded with the scorer's vocabulary; unknown items are already dropped.
        tie_rule: one of TIE_RULES; None takes the scorer's own.

    Returns:
        int64 [P]; float64 under the median rule, whose ranks may end in .5.

    Raises:
        ValueError: the rule is unknown, or a score is not a number.
    """
    rule = check_tie_rule(scorer.tie_rule if tie_rule is None else tie_rule)
    place: NDArray[Any] = np.empty(len(sessions.items), dtype=rank_type(rule))
    for block in scorer.blocks(sessions, rows=block_rows(len(scorer.vocabulary))):
        place[block.events] = block_ranks(scorer.name, block, sessions, rule)
    result: NDArray[Any] = place[sessions.prediction_events()]
    return result


def check_tie_rule(rule: str) -> str:
    """The rule itself, or a ValueError that names the rules there are."""
    if rule not in TIE_RULES:
        raise ValueError(f"the tie rule {rule!r} is not known; choose one of {', '.join(TIE_RULES)}")
    return rule


def rank_type(rule: str) -> type[np.int64] | type[np.float64]:
    """int64; float64 under the median rule, whose ranks may end in .5."""
    return np.float64 if rule == "median" else np.int64


def block_ranks(name: str, block: Block, sessions: Sessions, rule: str) -> NDArray[Any]:
    """Ranks [R] of the targets of one block of scores; `name` is the scorer's, for the error message."""
    scores = block.scores
    targets = torch.from_numpy(sessions.items_at(block.events + 1)).to(scores.device)
    target_scores = scores.gather(1, targets[:, None])
    if not torch.isfinite(scores.sum()) and not torch.isfinite(scores).all():
        raise ValueError(f"{name} gave a score that is not a finite number; its weights are spoiled, train it again")
    if rule == "conservative":
        return _count(operator.ge, scores, target_scores)  # the target itself is one of them
    above = _count(operator.gt, scores, target_scores)
    return above + 1 if rule == "standard" else above + 1 + (_count(operator.eq, scores, target_scores) - 1) / 2


def _count(relation: Callable[[Any, Any], Any], scores: torch.Tensor, limit: torch.Tensor) -> NDArray[np.int64]:
    """How many scores of each row stand in the relation to the row's limit, [R]."""
    if scores.device.type != "cpu":
        counted: NDArray[np.int64] = relation(scores, limit).sum(1).cpu().numpy()
        return counted
    # numpy counts true bytes 60 times as fast as torch sums booleans
    hits = relation(scores.numpy(), limit.numpy())
    return np.fromiter((np.count_nonzero(row) for row in hits), dtype=np.int64, count=len(hits))
