"""Rules "after item a comes item b", counted: Markov chain and sequential rules.

A rule's weight is the sum over its occurrences in the training sessions of a decay of the distance between the two
events. Only rules of the last item of a session are applied. The Markov chain counts direct successors; sequential
rules (Kamehkhosh, Jannach, Ludewig, 2017; arXiv 1803.09587, section 3.1.3) look up to `steps` events ahead.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray

from gru4rec.data.sessions import Sessions
from gru4rec.data.vocabulary import Vocabulary, item_counts
from gru4rec.scoring.scorer import Block

DECAYS = {
    "same": lambda distance: 1.0,
    "div": lambda distance: 1.0 / distance,
    "quadratic": lambda distance: 1.0 / distance**2,
}

PAIRS = 1 << 24
PIECE = 1 << 20  # events that are looked at at a time


@dataclass(frozen=True)
class Rules:
    """Weights of rules in rows by their first item: rows [I + 1], then columns int32 and weights float32 [N]."""

    rows: NDArray[np.int64]
    columns: NDArray[np.int32]
    weights: NDArray[np.float32]

    @classmethod
    def count(cls, train: Sessions, items: int, steps: int, decay: str) -> Self:
        """Count the rules between events of a session at most `steps` apart.

        Raises:
            ValueError: steps is less than 1 or the decay is not known.
        """
        parts = list(cls.parts(train, items, steps, decay))
        lengths = np.concatenate([np.diff(part.rows) for part in parts])
        columns = np.concatenate([part.columns for part in parts])
        return cls(np.concatenate([[0], np.cumsum(lengths)]), columns, np.concatenate([part.weights for part in parts]))

    @classmethod
    def parts(cls, train: Sessions, items: int, steps: int, decay: str, pairs: int = PAIRS) -> Iterator[Self]:
        """What `count` counts, for some first items at a time, so that few rules are in memory at once.

        pairs: about how many pairs of events are counted at a time, at most.
        """
        if steps < 1 or decay not in DECAYS:
            raise ValueError(
                f"rules need steps of at least 1 and a decay of {', '.join(DECAYS)}; got {steps}, {decay!r}"
            )
        steps = min(steps, int(train.lengths.max(initial=1)) - 1)
        seen = np.cumsum(item_counts(train.items, items)) * max(steps, 1)  # no more pairs than these
        begin = 0
        while begin < items or begin == 0:
            before = int(seen[begin - 1]) if begin else 0
            end = min(items, max(begin + 1, int(np.searchsorted(seen, before + pairs, side="right"))))
            yield cls._of_items(train, (begin, end, items), steps, DECAYS[decay])
            begin = max(end, 1)

    @classmethod
    def _of_items(cls, train: Sessions, part: tuple[int, int, int], steps: int, decay: Callable[[int], float]) -> Self:
        """Rules of the first items begin..end-1 of so many."""
        begin, end, items = part
        events = _events_of(train, begin, end)
        after = train.offsets[train.session_of(events) + 1] - 1 - events  # events of the session that follow
        keys: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        weights: NDArray[np.float64] = np.empty(0)
        for distance in range(1, steps + 1):
            first = events[after >= distance]
            pairs = (train.items_at(first) - begin) * items + train.items[first + distance]
            # merged distance by distance: what is held grows with the distinct rules, not with the pairs
            found, times = np.unique(pairs, return_counts=True)
            place = np.searchsorted(keys, found)
            known = np.append(keys, -1)[place] == found
            weights[place[known]] += decay(distance) * times[known]
            keys = np.insert(keys, place[~known], found[~known])
            weights = np.insert(weights, place[~known], decay(distance) * times[~known])
        rows = np.searchsorted(keys, np.arange(end - begin + 1) * items)
        return cls(rows, (keys % max(items, 1)).astype(np.int32), weights.astype(np.float32))


@dataclass(frozen=True)
class RuleScorer:
    """Scores items by the rules of the last item."""

    name: str
    vocabulary: Vocabulary
    rules: Rules
    tie_rule: str = "conservative"

    def blocks(self, sessions: Sessions, *, last_only: bool = False, rows: int = 256) -> Iterator[Block]:
        """See `scorer.Scorer`."""
        events = sessions.prediction_events(last_only=last_only)
        scores = np.zeros((rows, len(self.vocabulary)), dtype=np.float32)
        for start in range(0, len(events), rows):
            part = events[start : start + rows]
            last = sessions.items_at(part)
            begins, ends = self.rules.rows[last].tolist(), self.rules.rows[last + 1].tolist()
            scores[:] = 0
            for score, begin, end in zip(scores[: len(part)], begins, ends, strict=True):
                score[self.rules.columns[begin:end]] = self.rules.weights[begin:end]
            yield Block(part, torch.from_numpy(scores[: len(part)]))


class Markov(RuleScorer):
    """How often each item came directly after the last one."""

    @classmethod
    def fit(cls, train: Sessions, vocabulary: Vocabulary) -> Self:
        """Count direct successors."""
        return cls("markov", vocabulary, Rules.count(train, len(vocabulary), steps=1, decay="same"))


class SequentialRules(RuleScorer):
    """How often, and how soon, each item came after the last one."""

    @classmethod
    def fit(cls, train: Sessions, vocabulary: Vocabulary, steps: int = 20, decay: str = "quadratic") -> Self:
        """Count successors up to `steps` events later, an occurrence d events later weighing decay(d)."""
        return cls("sequential rules", vocabulary, Rules.count(train, len(vocabulary), steps, decay))


def _events_of(train: Sessions, begin: int, end: int) -> NDArray[np.int64]:
    """Positions of the events of the items begin..end-1, ascending."""
    found = [np.empty(0, dtype=np.int64)]
    for at in range(0, len(train.items), PIECE):
        some = train.items[at : at + PIECE]
        found.append(np.flatnonzero((some >= begin) & (some < end)) + at)
    return np.concatenate(found)


def ranges(starts: NDArray[np.int64], ends: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """All places in the ranges [start, end), one after another, and the number of the range that each belongs to."""
    lengths = ends - starts
    number = np.repeat(np.arange(len(starts)), lengths)
    shift = np.repeat(starts - (np.cumsum(lengths) - lengths), lengths)
    return number, np.arange(len(number)) + shift
