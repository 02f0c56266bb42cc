"""Lists made on an accelerator: the host sends contexts, goes on, and fetches finished lists later."""

from collections.abc import Callable
from functools import cached_property, partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gru4rec.data.sessions import Sessions
from gru4rec.scoring.on_device import Arriving, DeviceSessions, sent
from gru4rec.scoring.scorer import Linear, block_rows
from gru4rec.serving.device_catalogue import DeviceCatalogue
from gru4rec.serving.lists import Lists, Rules, check_finite, popular_items


class DeviceLists:
    """Makes lists by rules that hold for all of them alike; contexts of at most `catalogue.rows` sessions at once."""

    def __init__(self, scorer: Linear, rules: Rules, temperature: float) -> None:
        self._scorer, self._rules = scorer, rules
        self.catalogue = DeviceCatalogue(scorer, temperature, rules.barred)

    def begin(self, contexts: Sessions) -> Callable[[], Lists]:
        """Start one list a context, as `make_lists` has them; nothing waits for the device.

        Returns:
            A function that waits for the lists; any thread may call it. It raises ValueError where a score is not a
            finite number.
        """
        known = np.flatnonzero(contexts.lengths)
        if not len(known):
            return partial(self._placed, contexts.lengths, known, None)
        sessions = contexts
        if len(known) < len(contexts):
            sessions = Sessions(contexts.items, np.concatenate([[0], contexts.offsets[known + 1]]))
        return partial(self._placed, contexts.lengths, known, self._begin(sessions))

    @torch.inference_mode()
    def _begin(self, sessions: Sessions) -> Callable[[], Lists]:
        """The same for contexts that are not empty."""
        there = DeviceSessions.sent(sessions, self.catalogue.device)
        states = last_states(self._scorer, sessions)
        seen = bool(self._rules.exclude_seen)
        best = self.catalogue.best(states, there, self._rules.n, exclude_seen=seen)
        return partial(self._finished, sessions, states, Arriving(*best))

    @torch.inference_mode()
    def _finished(self, sessions: Sessions, states: Tensor, arriving: Arriving) -> Lists:
        scores, items, probabilities, exact = arriving.wait()
        lists = Lists(items.astype(np.int64), scores, probabilities, sessions.lengths)
        again = np.flatnonzero(~exact)
        if len(again):
            self._make_again(sessions, states, again, lists)
        return lists

    def _make_again(self, sessions: Sessions, states: Tensor, again: NDArray[np.int64], lists: Lists) -> None:
        """Write some rows of the lists anew, from all their scores."""
        rows = block_rows(self.catalogue.width)
        for some in np.split(again, range(rows, len(again), rows)):
            there = DeviceSessions.sent(sessions.select(some), states.device)
            seen = bool(self._rules.exclude_seen)
            own = states[sent(some, states.device)]
            best = Arriving(*self.catalogue.exactly(own, there, self._rules.n, exclude_seen=seen)).wait()
            check_finite(self._scorer, bool(best[3].all()))
            lists.scores[some], lists.items[some], lists.probabilities[some] = best[:3]

    @cached_property
    def _popular(self) -> tuple[NDArray[np.int64], NDArray[np.float32]]:  # each [1, W]
        vocabulary = self._scorer.vocabulary
        return popular_items(vocabulary, self._rules, self._rules.width(len(vocabulary)))

    def _placed(self, lengths: NDArray[np.int64], known: NDArray[np.int64], begun: Callable[[], Lists] | None) -> Lists:
        """The lists of all contexts: of those without an item the popular ones."""
        found = None if begun is None else begun()
        if found is not None and len(known) == len(lengths):
            return found
        items, shares = self._popular
        scores = np.repeat(shares, len(lengths), axis=0)
        lists = Lists(np.repeat(items, len(lengths), axis=0), scores, scores.copy(), lengths)
        if found is not None:
            lists.items[known], lists.scores[known] = found.items, found.scores
            lists.probabilities[known] = found.probabilities
        return lists


def last_states(scorer: Linear, sessions: Sessions) -> Tensor:
    """The hidden states [S, H] after the last events of sessions, none of which is empty."""
    events, parts = zip(*scorer.hidden(sessions, last_only=True), strict=True)
    place = np.empty(len(sessions.items), dtype=np.int64)
    place[np.concatenate(events)] = np.arange(len(sessions))
    states = torch.cat(parts)
    return states[sent(place[sessions.offsets[1:] - 1], states.device)]
