"""Why an item stands in a list: the event of the context without which its score would fall most.

Every event is taken out in turn and the context that is left is scored again, as it would be served. Nothing is
estimated: a gradient or a gate's value says what a small change would do, and an event is not a small change. A context
of L events costs L contexts of L - 1 events, of whose scores only those of the list are made: with 37,000 items and 100
units, lists take 1.3 times as long for L = 3, 2.4 times for 10 and 5.4 times for 20.

How far a score is raised (scoring/raised.py) depends on the best scores of the whole catalogue, which are not made
here: of a model that raises, the scores are compared as they are before.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gru4rec.data.sessions import Sessions
from gru4rec.scoring.added import Added
from gru4rec.scoring.scorer import Linear, Scorer, block_rows
from gru4rec.serving.lists import Lists

EVENTS = 1 << 18  # events of the shortened contexts that are scored at a time


class _Shortened(NamedTuple):
    """Contexts of one length, each with one of its events taken out.

    Attributes:
        numbers: the contexts' numbers, int64 [R].
        events: their items, int64 [R, L].
        contexts: the R · L shortened ones: those of the first context, without its first event first, then the others.
    """

    numbers: NDArray[np.int64]
    events: NDArray[np.int64]
    contexts: Sessions


@torch.inference_mode()
def because(scorer: Scorer, contexts: Sessions, lists: Lists) -> NDArray[np.int64]:
    """The event behind each item of some lists.

    Args:
        scorer: that made the lists.
        contexts: the known items of S contexts.
        lists: made from them, W items each.

    Returns:
        Items (indices) of the contexts, int64 [S, W]: the one without which the score would be lowest, the later one of
        equals, the only one in a context of one event. -1 where no event lifts the score, where the place is empty,
        and in a list of popular items.
    """
    found = np.full(lists.items.shape, -1, np.int64)
    single = np.flatnonzero(contexts.lengths == 1)
    found[single] = contexts.items[contexts.offsets[single], None]
    for part in _shortened(contexts):
        items, whole = lists.items[part.numbers], lists.scores[part.numbers]
        without, raises = _scores(scorer, part.contexts, items)
        length = part.events.shape[1]
        if raises:
            whole = _scores(scorer, _whole(part), items)[0][:, 0]
        place = length - 1 - without[:, ::-1].argmin(1)  # [R, W], the last of equals
        lowest = np.take_along_axis(without, place[:, None], 1)[:, 0]
        behind = np.take_along_axis(part.events, place, 1)
        found[part.numbers] = np.where(lowest < whole, behind, -1)
    found[lists.scores == -np.inf] = -1
    return found


def _shortened(contexts: Sessions) -> Iterator[_Shortened]:
    """The contexts of two events and more, those of one length together, a few at a time."""
    lengths = contexts.lengths
    for length in np.unique(lengths[lengths > 1]).tolist():
        numbers = np.flatnonzero(lengths == length)
        left = np.array([[k for k in range(length) if k != out] for out in range(length)])  # [L, L - 1]
        size = max(1, EVENTS // left.size)
        for begin in range(0, len(numbers), size):
            some = numbers[begin : begin + size]
            events = contexts.items[contexts.offsets[some, None] + np.arange(length)]
            rows = len(some) * length
            offsets = np.arange(rows + 1, dtype=np.int64) * (length - 1)
            yield _Shortened(some, events, Sessions(events[:, left].ravel(), offsets))


def _whole(part: _Shortened) -> Sessions:
    """The contexts with all of their events."""
    return Sessions(part.events.ravel(), np.arange(len(part.events) + 1, dtype=np.int64) * part.events.shape[1])


def _scores(scorer: Scorer, contexts: Sessions, items: NDArray[np.int64]) -> tuple[NDArray[np.float32], bool]:
    """Scores of the lists' items after some contexts, and whether the scorer would raise some of them.

    Args:
        scorer: of the lists.
        contexts: R · L, those of the first list first.
        items: of R lists, [R, W].

    Returns:
        float32 [R, L, W]; those of a Linear scorer as they are before they are raised.
    """
    rows, length = len(items), len(contexts) // len(items)
    if not isinstance(scorer, Linear):
        return _from_blocks(scorer, contexts, items), False
    states: Tensor | None = None
    for events, hidden in scorer.hidden(contexts, last_only=True):
        if states is None:
            states = hidden.new_empty(len(contexts), hidden.shape[1])
        states[torch.from_numpy(contexts.session_of(events)).to(hidden.device)] = hidden
    assert states is not None
    index = torch.from_numpy(items).to(states.device)
    weights = scorer.output_matrix()[index].to(states.dtype)  # [R, W, H]
    scores = states.view(rows, length, -1) @ weights.transpose(1, 2) + scorer.output_bias()[index][:, None]
    found: NDArray[np.float32] = scores.float().cpu().numpy()
    added = scorer.added(contexts, contexts.offsets[1:] - 1)
    if added is not None:
        _add(found.reshape(rows * length, -1), added, np.repeat(items, length, 0))
    return found, added is not None and added.by is not None


def _add(scores: NDArray[np.float32], added: Added, items: NDArray[np.int64]) -> None:
    """Add to scores [V, W], which are those of `items` [V, W], what is said of them; the rest is passed over."""
    catalogue = int(max(items.max(initial=0), added.item.max(initial=0))) + 1
    keys = (np.arange(len(items))[:, None] * catalogue + items).ravel()
    order = np.argsort(keys, kind="stable")
    wanted = added.row * catalogue + added.item
    place = np.minimum(np.searchsorted(keys, wanted, sorter=order), len(keys) - 1)
    there = keys[order[place]] == wanted
    scores.reshape(-1)[order[place[there]]] += added.value[there]


def _from_blocks(scorer: Scorer, contexts: Sessions, items: NDArray[np.int64]) -> NDArray[np.float32]:
    """The same of any scorer, from scores of the whole catalogue."""
    rows, length = len(items), len(contexts) // len(items)
    found = np.empty((rows * length, items.shape[1]), np.float32)
    for block in scorer.blocks(contexts, last_only=True, rows=block_rows(len(scorer.vocabulary))):
        number = contexts.session_of(block.events)
        index = torch.from_numpy(items[number // length]).to(block.scores.device)
        found[number] = block.scores.gather(1, index).cpu().numpy()
    return found.reshape(rows, length, -1)
