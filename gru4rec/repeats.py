"""Items that a session has seen already: how much more, or less, likely they are to come next.

With a shared embedding an item scores high after itself whether or not people ever click it twice in a row, and logs
differ: some drop repeated clicks, in others a quarter of the steps repeat the item before; going back to an earlier
item is common in most. Two weights, added to the scores of the item just seen and of the items seen before it, set
this right. They are chosen by rank on sessions that the model was not fitted on: on its own training sessions it
remembers what came next, and every weight looks harmful.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gru4rec.sessions import Sessions

REACH = 100  # events back that count as seen
TOP = 20  # the cut of the metrics that choose
FEWEST = 300  # predictions that say anything; with fewer the weights stay 0
ROWS, CELLS = 3000, 64_000_000  # predictions looked at: so many, or as have so many scores
# Tried weights, in units of the typical distance between the best and the 20th score. The first takes an item away.
GRID = (-100.0, -1.0, -0.5, -0.25, -0.1, 0.0, 0.1, 0.25, 0.5, 1.0, 2.0)


def add(
    scores: Tensor, items: NDArray[np.int64], begins: NDArray[np.int64], events: NDArray[np.int64], weights: Tensor
) -> None:
    """Add the weights [2] (item just seen, item seen before) to scores [R, I] in place.

    items: of all sessions, flat; events [R]: each row's last input event; begins [R]: where its session begins.
    An item that is both the one just seen and an earlier one counts as just seen; one seen twice counts once.
    """
    row, earlier = _earlier(items, begins, events)
    every = torch.arange(len(events), device=scores.device)
    now = torch.from_numpy(items[events]).to(scores.device)
    at_row, at_item = torch.from_numpy(row).to(scores.device), torch.from_numpy(earlier).to(scores.device)
    just_seen = scores[every, now] + weights[0]
    scores[at_row, at_item] = scores[at_row, at_item] + weights[1]
    scores[every, now] = just_seen


def of_distance(back: NDArray[np.int64], weights: Tensor) -> NDArray[np.float32]:
    """What is added to the score of an item last seen `back` events before the last input event (0: it is that one)."""
    just_seen, before = weights.float().tolist()
    return np.where(back == 0, just_seen, np.where(back <= REACH, before, 0.0)).astype(np.float32)


def _earlier(
    items: NDArray[np.int64], begins: NDArray[np.int64], events: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(row, item) of each event of a session before its last input event, at most REACH back."""
    lengths = np.minimum(events - begins, REACH)
    row = np.repeat(np.arange(len(events)), lengths)
    back = np.arange(len(row)) - np.repeat(np.cumsum(lengths) - lengths, lengths) + 1
    return row, items[events[row] - back]


def rows(items: int) -> int:
    """How many predictions to look at over a catalogue of so many items."""
    return max(100, min(ROWS, CELLS // max(items, 1)))


def choose(scores: Tensor, sessions: Sessions, events: NDArray[np.int64]) -> Tensor:
    """The weights [2] under which the targets of scores [R, I] rank best: recall@20 and MRR@20, each relative to no
    weights. Equal results go to the smaller weights."""
    begins = sessions.offsets[np.searchsorted(sessions.offsets, events, side="right") - 1]
    targets = torch.from_numpy(sessions.items[events + 1])
    every = torch.arange(len(events))
    seen = torch.zeros_like(scores, dtype=torch.int8)  # 0 new, 1 just seen, 2 seen before
    row, earlier = _earlier(sessions.items, begins, events)
    seen[torch.from_numpy(row), torch.from_numpy(earlier)] = 2
    seen[every, torch.from_numpy(sessions.items[events])] = 1
    target_score, target_seen = scores[every, targets], seen[every, targets].long()
    seen_row, seen_item = seen.nonzero(as_tuple=True)
    seen_kind, seen_score = seen[seen_row, seen_item].long(), scores[seen_row, seen_item]
    best_new = scores.masked_fill(seen > 0, -torch.inf).topk(min(TOP + 1, scores.shape[1]), dim=1).values
    best_new = best_new.clamp(min=float(scores.min()))
    unit = float((best_new[:, 0] - best_new[:, -1]).median())

    def measure(weights: Tensor) -> tuple[float, float]:
        target = target_score + weights[target_seen]
        above = (best_new > target[:, None]).sum(1)
        above.index_add_(0, seen_row, (seen_score + weights[seen_kind] > target[seen_row]).long())
        hit = above < TOP
        return float(hit.double().mean()), float((hit / (above + 1.0)).double().mean())

    base = measure(torch.zeros(3))
    tried = []
    for just in GRID:
        for before in GRID:
            recall, mrr = measure(torch.tensor([0.0, just * unit, before * unit]))
            tried.append(
                (recall / max(base[0], 1e-9) + mrr / max(base[1], 1e-9), -abs(just) - abs(before), just, before)
            )
    _, _, just, before = max(tried)
    return torch.tensor([just * unit, before * unit])
