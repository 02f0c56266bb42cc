"""What V-SKNN and VSTAN share: find training sessions like the running one, add up the items they hold.

For one prediction: every training session that holds an item of the running session is a candidate; the most recent
`sample_size` are kept; their similarity is a weighted count of the shared items; the `k` most similar are the
neighbours (of equally similar ones the most recent). Each item of a neighbour gets

    similarity · match_decay(steps back to the latest shared item) · place_decay(distance to it there) · idf(item)

Everything about one prediction is a handful of numpy calls on arrays of some thousand entries; dense scratch arrays
over the training sessions take the place of sets and dictionaries.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray

from gru4rec.baselines.counting import ranges
from gru4rec.ranking import prediction_events
from gru4rec.scorer import Block
from gru4rec.sessions import Sessions
from gru4rec.vocabulary import Vocabulary

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class SessionIndex:
    """Training sessions, numbered by the time of their last event (oldest first), as sets of items both ways.

    of_session [N], session_rows [S + 1]: distinct items of each session; place [N]: where each stood last (0: first).
    of_item [N], item_rows [I + 1]: sessions of each item, most recent first; item_place [N]: where it stood in them.
    age [S]: 0 for the newest session, 1 for the oldest, linear in time.
    idf [I]: log(sessions / sessions that hold the item).
    """

    of_session: Integers
    session_rows: Integers
    place: Integers
    of_item: Integers
    item_rows: Integers
    item_place: Integers
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
            (clock.max() - clock[order]) / span,
            np.log(len(train) / np.maximum(counts, 1)),
        )


@dataclass(frozen=True)
class NeighbourRules:
    """What makes one method: sizes and weights as functions on arrays.

    context_weight(steps, length): weight of items that stand `steps` events before the last, in a session of `length`.
    session_weight [S]: factor of each training session's similarity.
    match_decay(steps): factor of a neighbour whose latest shared item stands `steps` events before the last.
    place_decay(distance): factor of an item that stands `distance` events from the shared one in the neighbour.
    item_weight [I]: factor of each item.
    """

    k: int
    sample_size: int
    context_weight: Callable[[Integers, int], Floats]
    session_weight: Floats
    match_decay: Callable[[Integers], Floats]
    place_decay: Callable[[Integers], Floats] | None
    item_weight: Floats

    def __post_init__(self) -> None:
        if self.k < 1 or self.sample_size < 1:
            raise ValueError(f"k and sample_size must be at least 1, got {self.k} and {self.sample_size}")


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
        events = sessions.offsets[1:] - 1 if last_only else prediction_events(sessions)
        starts = sessions.offsets[np.searchsorted(sessions.offsets, events, side="right") - 1]
        scratch = _Scratch.make(len(self.index.age))
        scores = np.zeros((rows, len(self.vocabulary)), dtype=np.float32)
        for begin in range(0, len(events), rows):
            part = events[begin : begin + rows]
            for row, (start, event) in enumerate(zip(starts[begin : begin + rows], part, strict=True)):
                self._score(sessions.items[start : event + 1], scratch, scores[row])
            yield Block(part, torch.from_numpy(scores[: len(part)]))

    def _score(self, context: Integers, scratch: "_Scratch", out: NDArray[np.float32]) -> None:
        """Scores of all items after `context`, into `out` [I]."""
        index, rules = self.index, self.rules
        items, back = np.unique(context[::-1], return_index=True)  # each item where it stood last, in steps back
        oldest_first = np.argsort(-back)
        items, back = items[oldest_first], back[oldest_first]
        number, entry = ranges(index.item_rows[items], self._ends(items))
        session = index.of_item[entry]
        weight = rules.context_weight(back, len(context))
        candidates = scratch.gather(session, number, weight, index.item_place[entry])
        if len(candidates) > rules.sample_size:
            candidates = np.partition(candidates, -rules.sample_size)[-rules.sample_size :]
        similarity = scratch.similarity[candidates] * rules.session_weight[candidates]
        near = _best(similarity, candidates, rules.k)
        chosen, similarity = candidates[near], similarity[near]
        strength = similarity * rules.match_decay(back[scratch.match[chosen]])
        neighbour, place = ranges(index.session_rows[chosen], index.session_rows[chosen + 1])
        held = index.of_session[place]
        value = strength[neighbour]
        if rules.place_decay is not None:
            value = value * rules.place_decay(np.abs(index.place[place] - scratch.place[chosen][neighbour]))
        out[:] = np.bincount(held, weights=value * rules.item_weight[held], minlength=len(out))
        scratch.similarity[session] = 0

    def _ends(self, items: Integers) -> Integers:
        """Ends of the rows of the items' sample_size most recent sessions: older ones cannot be in the sample."""
        starts = self.index.item_rows[items]
        return np.minimum(self.index.item_rows[items + 1], starts + self.rules.sample_size)


@dataclass(frozen=True)
class _Scratch:
    """Arrays over the training sessions, all of whose entries but those of one prediction are stale or zero."""

    similarity: Floats
    match: Integers
    place: Integers
    stamp: Integers

    @classmethod
    def make(cls, sessions: int) -> Self:
        return cls(np.zeros(sessions), *(np.zeros(sessions, dtype=np.int64) for _ in range(3)))

    def gather(self, session: Integers, number: Integers, weight: Floats, place: Integers) -> Integers:
        """Note for every session the sum of its shared items' weights and its latest shared item; returns them, once.

        session, number, place [N]: entries (a session, which context item it shares, where it stands there), oldest
        context item first, so that the latest one is what remains written.
        """
        np.add.at(self.similarity, session, weight[number])
        self.match[session] = number
        self.place[session] = place
        entries = np.arange(len(session))
        self.stamp[session] = entries
        return session[self.stamp[session] == entries]


def _best(similarity: Floats, candidates: Integers, k: int) -> Integers:
    """Places of the k most similar candidates; of equally similar ones those with the highest number."""
    if len(candidates) <= k:
        return np.arange(len(candidates))
    least = np.partition(similarity, -k)[-k]
    above = np.flatnonzero(similarity > least)
    tied = np.flatnonzero(similarity == least)
    recent = tied[np.argsort(candidates[tied])[::-1]]
    return np.concatenate([above, recent[: k - len(above)]])
