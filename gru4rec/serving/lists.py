"""The core of serving: contexts in, lists of the best items out.

`recommend` feeds it a few requests and `stream` millions of users; both only shape its answer. On an accelerator the
lists of `stream` are made by device_lists.py, by the same rules. A list orders equal scores by item, never holds an
item twice, and never holds a barred one. A context without any item gets the popular items, and its context_length 0
says so.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from gru4rec.data.sessions import Sessions
from gru4rec.data.vocabulary import Vocabulary
from gru4rec.scoring.calibration import log_normaliser
from gru4rec.scoring.scorer import Linear, Scorer, block_rows
from gru4rec.scoring.threads import scoring_threads
from gru4rec.scoring.topk import top_k
from gru4rec.serving.catalogue import TILE, Catalogue, Touched

POPULARITY = "popularity"  # the model of lists for contexts without a known item
ROWS = 128  # contexts scored at a time over a catalogue: the scores of a tile stay in the cache


def list_threads(scorer: Scorer) -> int:
    """Processor threads for lists on this machine, now, where nobody says: 1 for narrow models (scoring/threads.py)."""
    return scoring_threads(scorer, ROWS, TILE)


@dataclass(frozen=True)
class Rules:
    """What the lists of S contexts may hold.

    Attributes:
        n: how many items, at most.
        exclude_seen: whether the items of the context itself are left out; one answer for all, or bool [S].
        barred: True for items that must not stand in a list; for all lists alike bool [I], list by list bool [S, I],
            or None where there is none.
    """

    n: int
    exclude_seen: bool | NDArray[np.bool_] = True
    barred: NDArray[np.bool_] | None = None

    def of(self, number: NDArray[np.int64]) -> "Rules":
        """The rules of some contexts."""
        seen, barred = self.exclude_seen, self.barred
        return Rules(
            self.n,
            seen if isinstance(seen, bool) else seen[number],
            barred if barred is None or barred.ndim == 1 else barred[number],
        )

    def width(self, items: int) -> int:
        """The length of the longest list that a catalogue of so many items allows."""
        return min(self.n, items if self.barred is None else int((~self.barred).sum(-1).max(initial=0)))


class Lists(NamedTuple):
    """The lists of S contexts, best item first, in W columns.

    Attributes:
        items: indices, int64 [S, W].
        scores: float32 [S, W], minus infinity where no item was left for the place; of the popular items their shares
            of the training events.
        probabilities: softmax over the whole catalogue of score / temperature, float32 [S, W]; of the popular items
            their shares.
        context_length: how many items the list was made from, int64 [S]; 0 for the popular items.
    """

    items: NDArray[np.int64]
    scores: NDArray[np.float32]
    probabilities: NDArray[np.float32]
    context_length: NDArray[np.int64]


class _Part(NamedTuple):
    """Numbers of R sessions [R], and the columns of Lists for them, each [R, W]."""

    number: NDArray[np.int64]
    items: NDArray[np.int64]
    scores: NDArray[np.float32]
    probabilities: NDArray[np.float32]


def make_lists(
    scorer: Scorer, contexts: Sessions, rules: Rules, temperature: float, catalogue: Catalogue | None = None
) -> Lists:
    """One list a context.

    Args:
        scorer: the model.
        contexts: the known items of S contexts, oldest first; some may be empty.
        rules: what may stand in the lists.
        temperature: of the probabilities.
        catalogue: of a Linear scorer on a CPU, made with the same temperature and `rules.barred`, under rules that hold
            for all lists alike. Lists are then made in one pass over it, which pays for thousands of contexts. Without
            it they are made from the scores of `blocks`.

    Raises:
        TypeError: there is a catalogue, but the scorer is not Linear.
        ValueError: a score is not a finite number.
    """
    lengths = contexts.lengths
    shape = len(contexts), rules.width(len(scorer.vocabulary))
    lists = Lists(np.empty(shape, np.int64), np.empty(shape, np.float32), np.empty(shape, np.float32), lengths)
    empty, known = np.flatnonzero(lengths == 0), np.flatnonzero(lengths)
    if len(empty):
        lists.items[empty], lists.scores[empty] = popular_items(scorer.vocabulary, rules.of(empty), shape[1])
        lists.probabilities[empty] = lists.scores[empty]
    if len(known):
        sessions = Sessions(contexts.items, np.concatenate([[0], contexts.offsets[known + 1]]))
        for part in _parts(scorer, sessions, rules.of(known), temperature, catalogue):
            rows = known[part.number]
            lists.items[rows], lists.scores[rows] = part.items, part.scores
            lists.probabilities[rows] = part.probabilities
    return lists


def barred_items(vocabulary: Vocabulary, allow: Any, deny: Any) -> NDArray[np.bool_] | None:
    """True for the items that must not be recommended, [I]; None when there is no such item.

    Args:
        vocabulary: of the model; ids that it does not know bar nothing.
        allow: the only ids that may be recommended (None: all).
        deny: ids that must not be recommended, allowed or not (None: none).

    Raises:
        ValueError: the ids are not of the vocabulary's type.
    """
    barred = np.full(len(vocabulary), allow is not None)
    if allow is not None:
        barred[_known(vocabulary, allow)] = False
    if deny is not None:
        barred[_known(vocabulary, deny)] = True
    return barred if barred.any() else None


def _known(vocabulary: Vocabulary, ids: Any) -> NDArray[np.int64]:
    index = vocabulary.encode(ids)
    return index[index >= 0]


def popular_items(vocabulary: Vocabulary, rules: Rules, width: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Items and their shares of the training events; [1, W], or [S, W] where the rules differ from list to list."""
    shares = (vocabulary.counts / max(int(vocabulary.counts.sum()), 1)).astype(np.float32)
    if rules.barred is not None:
        shares = np.where(rules.barred, np.float32(-np.inf), shares)
    if width == 0:
        return np.empty(0, np.int64), np.empty(0, np.float32)
    share, index = top_k(torch.from_numpy(np.atleast_2d(shares)), width)
    return index.numpy(), share.numpy()


def _parts(
    scorer: Scorer, sessions: Sessions, rules: Rules, temperature: float, catalogue: Catalogue | None
) -> Iterator[_Part]:
    if catalogue is None:
        return _from_scores(scorer, sessions, rules, temperature)
    if not isinstance(scorer, Linear):
        raise TypeError(f"{scorer.name} is no Linear scorer, so its lists are not made from a catalogue")
    return _from_states(scorer, catalogue, sessions, rules, temperature)


def _from_states(
    scorer: Linear, catalogue: Catalogue, sessions: Sessions, rules: Rules, temperature: float
) -> Iterator[_Part]:
    """From the hidden states of a linear scorer."""
    states: torch.Tensor | None = None
    for events, part in scorer.hidden(sessions, last_only=True):
        if states is None:
            states = part.new_empty(len(sessions), part.shape[1])
        states[torch.from_numpy(sessions.session_of(events))] = part
    assert states is not None
    rows = block_rows(len(scorer.vocabulary), ROWS)
    for begin in range(0, len(sessions), rows):
        number = np.arange(begin, min(begin + rows, len(sessions)))
        touched = _touched(scorer, sessions, number, again=not rules.exclude_seen)
        best = catalogue.best(states[begin : begin + rows], rules.n, touched)
        check_finite(scorer, bool(np.isfinite(best.normaliser).all()))
        probabilities = np.exp(np.minimum(best.scores / temperature - best.normaliser[:, None], 0))  # rounded above 1
        yield _Part(number, best.items, best.scores, probabilities)


def _touched(scorer: Linear, sessions: Sessions, number: NDArray[np.int64], *, again: bool) -> Touched | None:
    """What the numbered sessions have seen, and what the scorer adds to the scores of these and of other items."""
    items = len(scorer.vocabulary)
    added = scorer.added(sessions, sessions.offsets[number + 1] - 1)
    if again:
        return None if added is None else Touched(added.row, added.item, np.zeros(len(added.row), bool), *added[2:])
    row, item = _seen(sessions, number)
    seen, more = row * items + item, np.empty(0, np.int64) if added is None else added.row * items + added.item
    pairs, place = np.unique(np.append(seen, more), return_inverse=True)
    barred = np.zeros(len(pairs), dtype=bool)
    barred[place[: len(seen)]] = True
    value = np.zeros(len(pairs), dtype=np.float32)
    by = None
    if added is not None:
        value[place[len(seen) :]] = added.value
        if added.by is not None:
            by = np.zeros((len(pairs), added.by.shape[1]), dtype=np.float32)
            by[place[len(seen) :]] = added.by
    return Touched(pairs // items, pairs % items, barred, value, by)


@torch.inference_mode()
def _from_scores(scorer: Scorer, sessions: Sessions, rules: Rules, temperature: float) -> Iterator[_Part]:
    """From the scores that any scorer gives."""
    items = len(scorer.vocabulary)
    width = rules.width(items)
    for block in scorer.blocks(sessions, last_only=True, rows=block_rows(items)):
        number = sessions.session_of(block.events)
        normaliser = log_normaliser(block.scores, temperature)
        check_finite(scorer, bool(normaliser.isfinite().all()))
        barred = torch.from_numpy(_barred(sessions, number, rules.of(number), items)).to(block.scores.device)
        values, index = top_k(block.scores.masked_fill(barred, -torch.inf), max(width, 1))
        values, index = values[:, :width], index[:, :width]
        probabilities = (values / temperature - normaliser[:, None]).clamp(max=0).exp()  # rounded above 1
        yield _Part(number, index.cpu().numpy(), values.cpu().numpy(), probabilities.cpu().numpy())


def check_finite(scorer: Scorer, finite: bool) -> None:
    """Raise ValueError where the scores of a scorer are not all finite numbers."""
    if not finite:
        raise ValueError(f"{scorer.name} gave a score that is not a finite number; its weights are spoiled")


def _barred(sessions: Sessions, number: NDArray[np.int64], rules: Rules, items: int) -> NDArray[np.bool_]:
    """True for what must not stand in the lists of the numbered sessions, whose own rules are given, [R, I]."""
    barred = np.zeros((len(number), items), dtype=bool)
    if rules.barred is not None:
        barred |= rules.barred
    row, item = _seen(sessions, number)
    left_out = np.broadcast_to(rules.exclude_seen, len(number))[row]
    barred[row[left_out], item[left_out]] = True
    return barred


def _seen(sessions: Sessions, number: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Of every event of the numbered sessions the place of its session in `number`, and its item; each int64 [N]."""
    some = sessions.select(number)
    return np.repeat(np.arange(len(number)), some.lengths), some.items
