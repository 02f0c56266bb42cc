"""What V-SKNN and VSTAN share: find training sessions like the running one, add up the items they hold.

For one prediction: every training session that holds an item of the running session is a candidate; the most recent
`sample_size` are kept; their similarity is a weighted count of the shared items; the `k` most similar are the
neighbours (of equally similar ones the most recent). Each item of a neighbour gets

    similarity · match_decay(steps back to the latest shared item) · place_decay(distance to it there) · idf(item)

Many predictions are made at once: what they look at is laid out in flat arrays, a few thousand entries a prediction,
and put in order by one sort of integers that hold prediction, session and item.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from gru4rec.baselines.counting import ranges
from gru4rec.baselines.session_index import SessionIndex
from gru4rec.data.sessions import Sessions
from gru4rec.data.vocabulary import Vocabulary
from gru4rec.scoring.scorer import Block

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
ENTRIES = 1 << 17  # entries and cells of scores that are held at once, about: so many stay in a core's cache


@dataclass(frozen=True)
class NeighbourRules:
    """What makes one method: sizes and weights as functions on arrays.

    context_weight(steps, length): weight of items that stand `steps` events before the last, in sessions of `length`.
    session_weight [S]: factor of each training session's similarity; None: 1.
    match_decay(steps): factor of a neighbour whose latest shared item stands `steps` events before the last.
    place_decay [longest session]: factor of an item that stands so many events from the shared one in the neighbour.
    item_weight [I]: factor of each item; None: 1.
    """

    k: int
    sample_size: int
    context_weight: Callable[[Integers, Integers], Floats]
    session_weight: Floats | None
    match_decay: Callable[[Integers], Floats]
    place_decay: Floats | None
    item_weight: Floats | None


class _Contexts(NamedTuple):
    """Distinct items of the contexts of P predictions, those of one side by side, oldest first; all [N]: prediction,
    item, how many events before the last one it stood last, and the length of the context."""

    row: Integers
    item: Integers
    back: Integers
    length: Integers


class _Entries(NamedTuple):
    """Items of P contexts in training sessions, in order of prediction, session and the item's place; all [E].

    key: prediction · S + session. match: the item, as its place among the contexts' items. entry: the pair in the
    index's rows of items.
    """

    key: Integers
    match: Integers
    entry: Integers


class _Neighbours(NamedTuple):
    """Training sessions like those contexts, those of a prediction side by side, oldest first.

    match, entry [M]: of the latest shared item, as in _Entries. session, similarity [M].
    counts [P]: how many each prediction has.
    """

    match: Integers
    entry: Integers
    session: Integers
    similarity: Floats
    counts: Integers


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
                neighbours = self._nearest(self._candidates(some, ends[inside], last - first))
                scores[first:last] = self._scores(some, neighbours)
            yield Block(part, torch.from_numpy(scores[: len(part)]))

    def _ends(self, contexts: _Contexts, rows: int) -> Integers:
        """Ends of the items' rows as far as the sample can reach, [N].

        An item with a full sample of sessions bars all that are older than those, whichever item they hold.
        """
        index, size = self.index, self.rules.sample_size
        starts = index.item_rows[contexts.item]
        full = index.item_rows[contexts.item + 1] - starts >= size
        newest = (contexts.item + 1) * index.sessions - 1  # a key is this less the session
        oldest = np.zeros(rows, dtype=np.int64)
        np.maximum.at(oldest, contexts.row[full], newest[full] - index.item_keys[starts[full] + size - 1])
        ends: Integers = np.searchsorted(index.item_keys, newest - oldest[contexts.row], side="right")
        return ends

    def _portions(self, contexts: _Contexts, ends: Integers, rows: int) -> list[tuple[int, int]]:
        """The predictions in ranges whose entries and scores are about ENTRIES each; one of more is made alone."""
        entries = np.bincount(contexts.row, ends - self.index.item_rows[contexts.item], minlength=rows)
        portion = np.cumsum(np.maximum(entries, len(self.vocabulary))) // ENTRIES
        bounds = [0, *(np.flatnonzero(np.diff(portion)) + 1).tolist(), rows]
        return list(pairwise(bounds))

    def _entries(self, contexts: _Contexts, ends: Integers) -> _Entries:
        """All that the index holds of the contexts' items, their rows cut at `ends`."""
        index = self.index
        starts = index.item_rows[contexts.item]
        lengths = ends - starts
        rows = zip(starts.tolist(), ends.tolist(), strict=True)
        keys = np.concatenate([index.item_keys[start:end] for start, end in rows])
        newest = (contexts.row + contexts.item + 1) * index.sessions - 1
        np.subtract(np.repeat(newest, lengths), keys, out=keys)
        bits = len(keys).bit_length()
        keys <<= bits
        keys += np.arange(len(keys))
        keys.sort()
        order = keys & ((1 << bits) - 1)
        keys >>= bits
        match = np.repeat(np.arange(len(lengths)), lengths)[order]
        return _Entries(keys, match, order + (ends - np.cumsum(lengths))[match])

    def _candidates(self, contexts: _Contexts, ends: Integers, rows: int) -> _Neighbours:
        """The most recent `sample_size` sessions that share an item with each context."""
        rules, sessions = self.rules, self.index.sessions
        keys, match, entry = self._entries(contexts, ends)
        is_last = np.append(keys[1:] != keys[:-1], True) if len(keys) else np.empty(0, dtype=bool)
        latest, earlier = np.flatnonzero(is_last), np.flatnonzero(~is_last)
        limits = np.searchsorted(latest, np.searchsorted(keys, np.arange(rows + 1) * sessions))
        weight = rules.context_weight(contexts.back, contexts.length)
        # one after another, oldest first, so that ties are ties to the last bit
        sums = np.bincount(earlier - np.arange(len(earlier)), weight[match[earlier]], len(latest))
        begins = np.maximum(limits[:-1], limits[1:] - rules.sample_size)
        if not np.array_equal(begins, limits[:-1]):
            kept = list(zip(begins.tolist(), limits[1:].tolist(), strict=True))
            latest = np.concatenate([latest[a:b] for a, b in kept])
            sums = np.concatenate([sums[a:b] for a, b in kept])
        match = match[latest]
        session = keys[latest] - (contexts.row * sessions)[match]
        similarity = sums + weight[match]
        if rules.session_weight is not None:
            similarity *= rules.session_weight[session]
        return _Neighbours(match, entry[latest], session, similarity, limits[1:] - begins)

    def _nearest(self, candidates: _Neighbours) -> _Neighbours:
        """The k most similar candidates of each prediction; of equally similar ones the most recent."""
        counts, k = candidates.counts, self.rules.k
        width = int(counts.max(initial=0))
        if width <= k:
            return candidates
        there = np.arange(width) < counts[:, None]
        table = np.full((len(counts), width), -np.inf)
        table[there] = candidates.similarity
        least = np.partition(table, width - k, axis=1)[:, width - k, None]
        chosen = table > least
        tied = np.flatnonzero((table == least) & there)
        limits = np.searchsorted(tied, np.arange(len(counts) + 1) * width)
        room = k - np.count_nonzero(chosen, axis=1)
        begins = np.maximum(limits[:-1], limits[1:] - room)
        for begin, end in zip(begins.tolist(), limits[1:].tolist(), strict=True):
            chosen.ravel()[tied[begin:end]] = True
        keep = np.flatnonzero(chosen[there])
        match, entry, session, similarity, _ = candidates
        return _Neighbours(match[keep], entry[keep], session[keep], similarity[keep], np.minimum(counts, k))

    def _scores(self, contexts: _Contexts, neighbours: _Neighbours) -> Floats:
        """What the items of the neighbours add up to, [P, I]."""
        index, rules, match = self.index, self.rules, neighbours.match
        begins = index.session_rows[neighbours.session]
        sizes = index.session_rows[neighbours.session + 1] - begins
        ends = np.cumsum(sizes)
        number = np.repeat(np.arange(len(sizes)), sizes)
        place = (begins - (ends - sizes)).take(number)
        place += np.arange(len(place))
        held, stood = index.of_session.take(place, axis=0).T
        value = (neighbours.similarity * rules.match_decay(contexts.back[match])).take(number)
        if rules.place_decay is not None:
            both_ways = np.concatenate([rules.place_decay[:0:-1], rules.place_decay])
            distance = (len(rules.place_decay) - 1 - index.item_place[neighbours.entry]).take(number)
            distance += stood
            value *= both_ways.take(distance)
        if rules.item_weight is not None:
            value *= rules.item_weight[held]
        predictions, items = len(neighbours.counts), len(self.vocabulary)
        limits = np.append(0, ends)[np.append(0, np.cumsum(neighbours.counts))]
        cells = np.repeat(np.arange(predictions) * items, np.diff(limits))
        cells += held
        scores: Floats = np.bincount(cells, value, predictions * items).astype(np.float64, copy=False)
        return scores.reshape(predictions, items)


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
