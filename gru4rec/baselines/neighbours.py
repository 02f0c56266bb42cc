"""What V-SKNN and VSTAN share: find training sessions like the running one, add up the items they hold.

For one prediction: every training session that holds an item of the running session is a candidate; the most recent
`sample_size` are kept; their similarity is a weighted count of the shared items; the `k` most similar are the
neighbours (of equally similar ones the most recent). Each item of a neighbour gets

    similarity · match_decay(steps back to the latest shared item) · place_decay(distance to it there) · idf(item)

Many predictions are made at once: what they look at is laid out in flat arrays, a few thousand entries a prediction,
and put in order by one sort of integers that hold prediction, session and entry.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray

from gru4rec.baselines.counting import ranges
from gru4rec.data.sessions import Sessions
from gru4rec.data.vocabulary import Vocabulary
from gru4rec.scoring.scorer import Block

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
ENTRIES = 1 << 20  # entries and cells of scores that are held at once, about; a prediction of more is made alone


@dataclass(frozen=True)
class SessionIndex:
    """Training sessions, numbered by the time of their last event (oldest first), as sets of items both ways.

    of_session [N], session_rows [S + 1]: distinct items of each session; place [N]: where each stood last (0: first).
    of_item [N], item_rows [I + 1]: sessions of each item, most recent first; item_place [N]: where it stood in them.
    item_keys [N]: item · S + S − 1 − session, which rises with N, to look sessions of an item up by age.
    age [S]: 0 for the newest session, 1 for the oldest, linear in time.
    idf [I]: log(sessions / sessions that hold the item).
    """

    of_session: Integers
    session_rows: Integers
    place: Integers
    of_item: Integers
    item_rows: Integers
    item_place: Integers
    item_keys: Integers
    age: Floats
    idf: Floats

    @classmethod
    def build(cls, train: Sessions, items: int) -> Self:
        """Index the training sessions."""
        ends = train.offsets[1:] - 1
        clock = ends if train.times is None else train.times[ends]
        order = np.argsort(clock, kind="stable")
        number = np.empty(len(train), dtype=np.int64)
        number[order] = np.arange(len(train))
        session = np.repeat(number, train.lengths)
        place = np.arange(len(train.items)) - np.repeat(train.offsets[:-1], train.lengths)
        # the last event of each item in a session: the first of its (session, item) group when read backwards
        keys, last = np.unique((session * items + train.items)[::-1], return_index=True)
        place = place[::-1][last]
        of_session, holder = keys % items, keys // items
        by_item = np.lexsort((-holder, of_session))
        counts = np.bincount(of_session, minlength=items)
        span = max(int(clock.max() - clock.min()), 1)
        return cls(
            of_session,
            np.searchsorted(holder, np.arange(len(train) + 1)),
            place,
            holder[by_item],
            np.concatenate([[0], np.cumsum(counts)]),
            place[by_item],
            of_session[by_item] * len(train) + len(train) - 1 - holder[by_item],
            (clock.max() - clock[order]) / span,
            np.log(len(train) / np.maximum(counts, 1)),
        )


@dataclass(frozen=True)
class NeighbourRules:
    """What makes one method: sizes and weights as functions on arrays.

    context_weight(steps, length): weight of items that stand `steps` events before the last, in sessions of `length`.
    session_weight [S]: factor of each training session's similarity.
    match_decay(steps): factor of a neighbour whose latest shared item stands `steps` events before the last.
    place_decay [longest session]: factor of an item that stands so many events from the shared one in the neighbour.
    item_weight [I]: factor of each item.
    """

    k: int
    sample_size: int
    context_weight: Callable[[Integers, Integers], Floats]
    session_weight: Floats
    match_decay: Callable[[Integers], Floats]
    place_decay: Floats | None
    item_weight: Floats


class _Contexts(NamedTuple):
    """Distinct items of the contexts of P predictions, those of one side by side, oldest first; all [N]: prediction,
    item, how many events before the last one it stood last, and the length of the context."""

    row: Integers
    item: Integers
    back: Integers
    length: Integers


class _Neighbours(NamedTuple):
    """Training sessions like those contexts, ascending within a prediction; all [M]: prediction, session, similarity,
    and of the latest shared item how far back it stands in the context and where in the session."""

    row: Integers
    session: Integers
    similarity: Floats
    back: Integers
    place: Integers

    def where(self, keep: NDArray[np.bool_]) -> "_Neighbours":
        return _Neighbours(self.row[keep], self.session[keep], self.similarity[keep], self.back[keep], self.place[keep])


@dataclass(frozen=True)
class NeighbourScorer:
    """Scores items by the sessions most like the running one."""

    name: str
    vocabulary: Vocabulary
    index: SessionIndex
    rules: NeighbourRules
    tie_rule: str = "conservative"

    def blocks(self, sessions: Sessions, *, last_only: bool = False, rows: int = 256) -> Iterator[Block]:
        """See `scorer.Scorer`."""
        events = sessions.prediction_events(last_only=last_only)
        starts = sessions.offsets[sessions.session_of(events)]
        scores = np.zeros((rows, len(self.vocabulary)), dtype=np.float32)
        for begin in range(0, len(events), rows):
            part = events[begin : begin + rows]
            contexts = _contexts(sessions.items, starts[begin : begin + rows], part, len(self.vocabulary))
            ends = self._ends(contexts, len(part))
            for first, last in self._portions(contexts, ends, len(part)):
                inside = slice(*np.searchsorted(contexts.row, (first, last)))
                some = _Contexts(contexts.row[inside] - first, *(column[inside] for column in contexts[1:]))
                neighbours = self._nearest(self._candidates(some, ends[inside]), last - first)
                scores[first:last] = self._scores(neighbours, last - first)
            yield Block(part, torch.from_numpy(scores[: len(part)]))

    def _ends(self, contexts: _Contexts, rows: int) -> Integers:
        """Ends of the items' rows as far as the sample can reach, [N].

        An item with a full sample of sessions bars all that are older than those, whichever item they hold.
        """
        index, size = self.index, self.rules.sample_size
        starts = index.item_rows[contexts.item]
        full = index.item_rows[contexts.item + 1] - starts >= size
        oldest = np.zeros(rows, dtype=np.int64)
        np.maximum.at(oldest, contexts.row[full], index.of_item[starts[full] + size - 1])
        sessions = len(index.age)
        last = contexts.item * sessions + sessions - 1 - oldest[contexts.row]
        ends: Integers = np.searchsorted(index.item_keys, last, side="right")
        return ends

    def _portions(self, contexts: _Contexts, ends: Integers, rows: int) -> list[tuple[int, int]]:
        """The predictions in ranges whose entries and scores are about ENTRIES each."""
        entries = np.bincount(contexts.row, ends - self.index.item_rows[contexts.item], minlength=rows)
        portion = np.cumsum(np.maximum(entries, len(self.vocabulary))) // ENTRIES
        bounds = [0, *(np.flatnonzero(np.diff(portion)) + 1).tolist(), rows]
        return list(pairwise(bounds))

    def _candidates(self, contexts: _Contexts, ends: Integers) -> _Neighbours:
        """All sessions that share an item with a context, the items' rows cut at `ends`."""
        index, rules = self.index, self.rules
        number, entry = ranges(index.item_rows[contexts.item], ends)
        session = index.of_item[entry]
        bits = len(number).bit_length()
        keys = (contexts.row[number] * len(index.age) + session) << bits | np.arange(len(number))
        keys.sort()
        order, group = keys & ((1 << bits) - 1), keys >> bits
        is_last = np.append(group[1:] != group[:-1], True) if len(group) else np.empty(0, dtype=bool)
        latest = order[is_last]  # oldest shared item first, so this is the latest one
        weight = rules.context_weight(contexts.back, contexts.length)
        similarity = np.bincount(np.cumsum(is_last) - is_last, weights=weight[number[order]], minlength=len(latest))
        session, number = session[latest], number[latest]
        return _Neighbours(
            contexts.row[number],
            session,
            similarity * rules.session_weight[session],
            contexts.back[number],
            index.item_place[entry[latest]],
        )

    def _nearest(self, candidates: _Neighbours, rows: int) -> _Neighbours:
        """The k most similar of the most recent `sample_size` candidates; of equally similar ones the most recent."""
        size, k = self.rules.sample_size, self.rules.k
        counts = np.bincount(candidates.row, minlength=rows)
        if counts.max(initial=0) > size:
            from_end = np.cumsum(counts)[candidates.row] - np.arange(len(candidates.row))
            candidates, counts = candidates.where(from_end <= size), np.minimum(counts, size)
        width = int(counts.max(initial=0))
        if width <= k:
            return candidates
        row, similarity = candidates.row, candidates.similarity
        ends = np.cumsum(counts)
        table = np.full((rows, width), -np.inf)
        table[row, np.arange(len(row)) - (ends - counts)[row]] = similarity
        least = np.partition(table, width - k, axis=1)[:, width - k][row]
        above, tied = similarity > least, similarity == least
        before = np.concatenate([[0], np.cumsum(tied)])
        tied_from_here = before[ends][row] - before[:-1]
        room = k - np.bincount(row[above], minlength=rows)
        return candidates.where(above | (tied & (tied_from_here <= room[row])))

    def _scores(self, neighbours: _Neighbours, rows: int) -> Floats:
        """What the items of the neighbours add up to, [rows, I]."""
        index, rules = self.index, self.rules
        strength = neighbours.similarity * rules.match_decay(neighbours.back)
        number, place = ranges(index.session_rows[neighbours.session], index.session_rows[neighbours.session + 1])
        held = index.of_session[place]
        value = strength[number]
        if rules.place_decay is not None:
            value *= rules.place_decay[np.abs(index.place[place] - neighbours.place[number])]
        value *= rules.item_weight[held]
        items = len(rules.item_weight)
        cells = neighbours.row[number] * items + held
        scores: Floats = np.bincount(cells, value, rows * items).astype(np.float64, copy=False)
        return scores.reshape(rows, items)


def check_sizes(k: int, sample_size: int) -> None:
    """Raise ValueError unless there can be neighbours, and candidates for them."""
    if k < 1 or sample_size < 1:
        raise ValueError(f"k and sample_size must be at least 1, got {k} and {sample_size}")


def _contexts(items: Integers, starts: Integers, events: Integers, catalogue: int) -> _Contexts:
    """The contexts that begin at `starts` and end with `events`, both [P] places in `items`."""
    row, place = ranges(starts, events + 1)
    item = items[place].astype(np.int64)  # narrower where a log is long, and keys of items times sessions are not
    keys = row * catalogue + item
    backwards = np.unique(keys[::-1], return_index=True)[1]  # of each item the last event, which comes first here
    last = np.sort(len(keys) - 1 - backwards)
    row, place = row[last], place[last]
    return _Contexts(row, item[last], events[row] - place, (events - starts + 1)[row])
