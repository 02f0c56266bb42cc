"""Weights that are added to the scores of a trained model, and must prove themselves on sessions it was not fitted on.

On its own training sessions a model remembers what came next, and every weight looks harmful. Chosen is by rank, for
some losses' scores are no logits. What counts is the lower end of an interval around a gain, so that a log on which a
weight does nothing keeps none.
"""

import copy
import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from gru4rec.data.sessions import Sessions
from gru4rec.network.added.habits import ratios
from gru4rec.network.added.neighbours import Neighbours
from gru4rec.network.added.past import LASTS, PLACES, Past
from gru4rec.scoring.scorer import Block

TOP = 20  # the cut of the metrics that choose
FEWEST = 100  # predictions that say anything; with fewer the weights stay 0
ROWS, CELLS = 8000, 200_000_000  # predictions looked at: so many, or as have so many scores
# Standard errors taken off a gain. The best of 99 tried pairs must stand out: at two errors it would be chance. Of four
# weights of neighbours the best is less of a chance. What differs by the last event is chosen as easily, but must then
# prove itself on sessions that did not choose it (docs/experiments/accuracy/proof.md). Of eighteen pairs of weights of
# habits one has to stand out by two errors, and then the best is taken (docs/experiments/accuracy/habits.md).
SURE, SURE_OF_SOME, SURE_OF_FEW = 4.0, 2.0, 1.0
# Tried weights, in units of the typical distance between the best and the 21st score. In a log that never shows an item
# twice running the item just seen comes next all the same once an unknown item between the two has fallen out of a
# session. Held-out sessions cannot show that, for the model knows their items: hence its weight ends at -0.5.
BEFORE = (-2.0, -1.0, -0.5, -0.25, -0.1, 0.0, 0.1, 0.25, 0.5, 1.0, 2.0)
JUST_SEEN = BEFORE[2:]
ONE_BEFORE = (*BEFORE, 3.0, 4.0)
NEIGHBOURS = (0.05, 0.1, 0.15, 0.2)
HABITS = tuple((just, other) for just in (0.0, 0.1, 0.2, 0.3, 0.4, 0.6) for other in (0.0, 0.1, 0.2))


@dataclass(frozen=True)
class Chosen:
    """Weights in the scores' unit.

    seen: of the item just seen, of the one before it and of items seen earlier, by what the last event was, [LASTS,
    PLACES] (network/added/repeats.py).
    habits: of how often a session did the same before, by place, [PLACES] (network/added/habits.py).
    neighbours: of what followed the last item (network/added/neighbours.py); 0 where they proved nothing.
    raises: how far companions and seen items are raised (network/added/raises.py); None where nothing was tried.
    unit: the typical distance between the best and the 21st score of items not seen, of the scores that were looked at.
    """

    seen: Tensor
    habits: Tensor
    neighbours: float
    unit: float = 0.0
    raises: Tensor | None = None

    def times(self, factor: float) -> "Chosen":
        """With so many times the weights of what members know in part, too: of seen items and of neighbours."""
        return replace(self, seen=self.seen * factor, neighbours=self.neighbours * factor)

    def spread(self, factor: float) -> "Chosen":
        """For scores that spread so many times as far."""
        raises = None if self.raises is None else self.raises * factor
        return replace(self.times(factor), habits=self.habits * factor, raises=raises)


@dataclass(frozen=True)
class Standing:
    """All that weights can change about how the targets of R predictions rank, with S touched items in all.

    An item is touched where the session has seen it, or where it often followed the last item. Kinds: neither seen (0)
    nor just seen (1), one before (2), seen earlier (3).

    Attributes:
        last: what each prediction's last event was (network/added/past.py), [R].
        habits: what habits of weight 1 add, by place, [R, PLACES].
        target: score of each target, [R].
        kind: its kind, [R].
        bonus: what neighbours of weight 1 add to it, [R].
        best: the best scores of untouched items, [R, 21].
        spread: distance between the best and the 21st score of items not seen, [R].
        rows: of each touched item the prediction it belongs to, [S].
        kinds: its kind, [S].
        bonuses: what neighbours of weight 1 add to it, [S].
        scores: its score, [S].
    """

    last: Tensor
    habits: Tensor
    target: Tensor
    kind: Tensor
    bonus: Tensor
    best: Tensor
    spread: Tensor
    rows: Tensor
    kinds: Tensor
    bonuses: Tensor
    scores: Tensor

    @classmethod
    def of(cls, block: Block, sessions: Sessions, rates: Tensor, neighbours: Neighbours) -> "Standing":
        """What a block of scores of some sessions says."""
        events, scores = block.events, block.scores.float()
        size, catalogue = scores.shape
        past, added = Past.of(sessions, events), neighbours.added(sessions.items_at(events))
        seen, followers = past.row * catalogue + past.item, added.row * catalogue + added.item
        touched = np.union1d(seen, followers)
        kinds, bonuses = torch.zeros(len(touched), dtype=torch.int64), torch.zeros(len(touched))
        kinds[np.searchsorted(touched, seen)] = torch.from_numpy(past.place + 1)
        bonuses[np.searchsorted(touched, followers)] = torch.from_numpy(added.value)
        rows, items = torch.from_numpy(touched // catalogue), torch.from_numpy(touched % catalogue)
        targets = torch.from_numpy(sessions.items_at(events + 1))
        kind, bonus, at_target = torch.zeros(size, dtype=torch.int64), torch.zeros(size), items == targets[rows]
        kind[rows[at_target]], bonus[rows[at_target]] = kinds[at_target], bonuses[at_target]
        last = torch.from_numpy(past.last)
        habits = ratios(rates, last, torch.from_numpy(past.habit))
        new = best_without(scores, rows[kinds > 0], items[kinds > 0])
        return cls(
            last, habits, at(scores, torch.arange(size), targets), kind, bonus,
            best_without(scores, rows, items), new[:, 0] - new[:, -1],
            rows, kinds, bonuses, at(scores, rows, items),
        )  # fmt: skip

    @classmethod
    def joined(cls, parts: "list[Standing]") -> "Standing":
        """Several blocks as one."""
        begins = np.cumsum([0, *(len(part.target) for part in parts)])
        names = ("last", "habits", "target", "kind", "bonus", "best", "spread", "kinds", "bonuses", "scores")
        whole = {name: torch.cat([getattr(part, name) for part in parts]) for name in names}
        rows = torch.cat([part.rows + int(begin) for part, begin in zip(parts, begins[:-1], strict=True)])
        return cls(rows=rows, **whole)

    def part(self, chosen: Tensor) -> "Standing":
        """Some of the predictions, bool [R]."""
        of_touched, place = chosen[self.rows], chosen.cumsum(0) - 1
        names = ("last", "habits", "target", "kind", "bonus", "best", "spread")
        flat = {name: getattr(self, name)[chosen] for name in names}
        touched = {name: getattr(self, name)[of_touched] for name in ("kinds", "bonuses", "scores")}
        return Standing(rows=place[self.rows[of_touched]], **flat, **touched)

    def measure(self, seen: Tensor, habits: Tensor, neighbours: float) -> tuple[Tensor, Tensor]:
        """Each prediction's hit and reciprocal rank at 20, float64 [R] each.

        Args:
            seen: weights of items just seen, one before and seen earlier, by what the last event was, [LASTS, PLACES].
            habits: weights of habits, [PLACES].
            neighbours: weight of neighbours.
        """
        own = torch.nn.functional.pad(seen[self.last] + habits * self.habits, (1, 0))  # items not seen get nothing
        target = self.target + own.gather(1, self.kind[:, None])[:, 0] + neighbours * self.bonus
        above = (self.best > target[:, None]).sum(1)
        scores = self.scores + own[self.rows, self.kinds] + neighbours * self.bonuses
        above.index_add_(0, self.rows, (scores > target[self.rows]).long())
        hit = (above < TOP).double()
        return hit, hit / (above + 1.0)


class _Setting(NamedTuple):
    """Weights in units of the spread: of seen items, a row of PLACES for each of LASTS, of habits, the item just seen
    and others, and of neighbours.
    """

    seen: tuple[tuple[float, ...], ...] = ((0.0,) * PLACES,) * LASTS
    habits: tuple[float, float] = (0.0, 0.0)
    neighbours: float = 0.0

    def like(self, places: dict[int, float], last: int | None = None) -> "_Setting":
        """With other weights of some places, after one kind of last event or after all of them."""
        rows = [
            tuple(places.get(place, weight) if last in (None, number) else weight for place, weight in enumerate(row))
            for number, row in enumerate(self.seen)
        ]
        return self._replace(seen=tuple(rows))

    @property
    def size(self) -> float:
        """The sum of all weights without their signs."""
        return sum(abs(weight) for row in self.seen for weight in row) + sum(self.habits) + self.neighbours

    def tensors(self, unit: float) -> tuple[Tensor, Tensor, float]:
        """What `Standing.measure` takes, in the scores' unit."""
        just, other = self.habits
        habits = torch.tensor([just] + [other] * (PLACES - 1))
        return torch.tensor(self.seen) * unit, habits * unit, self.neighbours * unit


class _Trial:
    """Settings against each other."""

    def __init__(self, found: Standing) -> None:
        self.found = found
        self.size = len(found.target)  # of the predictions that gains are the mean of
        self.unit = float(found.spread.median())
        hit, reciprocal = found.measure(*_Setting().tensors(self.unit))
        self.of_hit, self.of_reciprocal = (1.0 / max(float(base.mean()), 1e-9) for base in (hit, reciprocal))

    def after(self, last: int) -> "_Trial":
        """One of settings that differ in the weights after one kind of last event: no other prediction gains."""
        one = copy.copy(self)
        one.found = self.found.part(self.found.last == last)
        return one

    def worth(self, setting: _Setting) -> Tensor:
        """recall@20 and MRR@20 of each prediction, each relative to its mean without weights, [R]."""
        hit, reciprocal = self.found.measure(*setting.tensors(self.unit))
        return hit * self.of_hit + reciprocal * self.of_reciprocal

    def surest(self, now: _Setting, others: Iterable[_Setting], sure: float) -> _Setting:
        """The setting whose gain over `now` is the largest after `sure` standard errors; `now` where none is above 0.

        Equal results go to the smaller weights.
        """
        base, best, chosen = self.worth(now), (0.0, 0.0), now  # no size is above 0, so no gain of 0 wins
        for setting in others:
            gain = self.worth(setting) - base
            left = left_of(torch.nn.functional.pad(gain, (0, self.size - len(gain))), sure)
            if (left, -setting.size) > best:
                best, chosen = (left, -setting.size), setting
        return chosen


def left_of(gain: Tensor, sure: float) -> float:
    """What is left of the mean of gains [P] after so many standard errors."""
    return float(gain.mean()) - sure * float(gain.std()) / math.sqrt(len(gain))


def rows(items: int) -> int:
    """How many predictions to look at over a catalogue of so many items."""
    return max(100, min(ROWS, CELLS // max(items, 1)))


def choose(blocks: Iterable[Block], sessions: Sessions, rates: Tensor, neighbours: Neighbours) -> Chosen:
    """The weights under which the targets rank best: recall@20 and MRR@20, each relative to no weights.

    The pair of weights of what was just seen and what was seen before comes first, then that of the item one before and
    that of earlier ones by themselves; then, where they prove themselves, the three of each kind of last event; then
    those of habits; then the neighbours'. Of each the gain counts that is left after some standard errors; where none
    is left it stays as it was, 0 at first. So do all with fewer than FEWEST predictions.

    Args:
        blocks: scores of the sessions by a model that was not fitted on them.
        sessions: what was scored.
        rates: of what sessions do, counted in what the model was fitted on (network/added/habits.py), [KINDS, NEXT].
        neighbours: counted in the same, with weight 1.
    """
    parts = [Standing.of(block, sessions, rates, neighbours) for block in blocks]
    if sum(len(part.target) for part in parts) < FEWEST:
        return Chosen(torch.zeros(LASTS, PLACES), torch.zeros(PLACES), 0.0)
    found = Standing.joined(parts)
    trial, best = _Trial(found), _Setting()
    best = trial.surest(best, (best.like({0: just, 1: b, 2: b}) for just in JUST_SEEN for b in BEFORE), SURE)
    best = trial.surest(best, (best.like({1: one}) for one in ONE_BEFORE), SURE)
    best = trial.surest(best, (best.like({2: earlier}) for earlier in BEFORE), SURE)
    if _last_events_matter(found, best):
        best = _by_last_event(trial, best)
    habits = [best._replace(habits=weights) for weights in HABITS]
    if trial.surest(best, habits, SURE_OF_SOME) is not best:
        best = trial.surest(best, habits, SURE_OF_FEW)
    best = trial.surest(best, (best._replace(neighbours=weight) for weight in NEIGHBOURS), SURE_OF_FEW)
    return Chosen(*best.tensors(trial.unit), trial.unit)


def _by_last_event(trial: _Trial, best: _Setting) -> _Setting:
    """The setting with weights of seen items that differ by the last event."""
    pairs = [(just, one) for just in JUST_SEEN for one in ONE_BEFORE]
    for last in range(LASTS):
        own = trial.after(last)
        best = own.surest(best, (best.like({0: just, 1: one}, last) for just, one in pairs), SURE_OF_FEW)
        best = own.surest(best, (best.like({2: earlier}, last) for earlier in BEFORE), SURE_OF_FEW)
    return best


def _last_events_matter(found: Standing, setting: _Setting) -> bool:
    """Whether weights by the last event that one half of the predictions chooses help on the other half, both ways."""
    later = torch.arange(len(found.target)) >= len(found.target) // 2
    gains = []
    for half in (later, ~later):
        chosen = _by_last_event(_Trial(found.part(half)), setting)
        other = _Trial(found.part(~half))
        gains.append(other.worth(chosen) - other.worth(setting))
    return left_of(torch.cat(gains), SURE_OF_FEW) > 0


def at(scores: Tensor, rows: Tensor, items: Tensor) -> Tensor:
    """Scores [R, I] at some places, int64 [S], on the host."""
    return scores[rows.to(scores.device), items.to(scores.device)].cpu()


def best_without(scores: Tensor, rows: Tensor, items: Tensor) -> Tensor:
    """The best scores of each row [R, 21] on the host; those at some places, int64 [S], stand behind all others."""
    left = scores.clone()
    left[rows.to(scores.device), items.to(scores.device)] = -torch.inf
    best = left.topk(min(TOP + 1, scores.shape[1]), dim=1).values
    return best.clamp(min=float(scores.min())).cpu()
