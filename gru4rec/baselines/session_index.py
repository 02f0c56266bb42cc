"""Training sessions as V-SKNN and VSTAN look them up: the items of a session, the sessions of an item by age."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from gru4rec.baselines.counting import ranges
from gru4rec.data.sessions import Sessions

EVENTS = 1 << 20  # that are looked at at a time


@dataclass(frozen=True)
class SessionIndex:
    """Training sessions, numbered by the time of their last event (oldest first), as sets of items both ways.

    of_session int32 [N, 2], session_rows [S + 1]: distinct items of each session, ascending, and where each stood last
        in it (0: first).
    item_keys int64 [N], item_rows [I + 1]: sessions of each item, most recent first, as item · S + S − 1 − session;
        these rise with N, so that the sessions of an item can be looked up by age.
    item_place int32 [N]: where the item stood last in them.
    age [S]: 0 for the newest session, 1 for the oldest, linear in time.
    idf [I]: log(sessions / sessions that hold the item).
    """

    of_session: NDArray[np.int32]
    session_rows: NDArray[np.int64]
    item_keys: NDArray[np.int64]
    item_rows: NDArray[np.int64]
    item_place: NDArray[np.int32]
    age: NDArray[np.float64]
    idf: NDArray[np.float64]

    @property
    def sessions(self) -> int:
        """S, how many sessions there are."""
        return len(self.age)

    @classmethod
    def build(cls, train: Sessions, items: int) -> Self:
        """Index the training sessions, some at a time, so that little but the index itself is in memory."""
        clock = train.offsets[1:] - 1 if train.times is None else train.times[train.offsets[1:] - 1]
        order = np.argsort(clock, kind="stable")
        portions = np.flatnonzero(np.diff(np.cumsum(train.lengths[order]) // EVENTS)) + 1
        parts = [_distinct(train, some, items) for some in np.split(order, portions)]
        of_session, sizes = (np.concatenate(column) for column in zip(*parts, strict=True))
        keys = of_session[:, 0] * np.int64(len(train))
        keys += np.repeat(np.arange(len(train) - 1, -1, -1), sizes)
        by_item = np.argsort(keys)
        counts = np.bincount(of_session[:, 0], minlength=items)
        span = max(int(clock.max() - clock.min()), 1)
        return cls(
            of_session=of_session,
            session_rows=np.concatenate([[0], np.cumsum(sizes)]),
            item_keys=keys[by_item],
            item_rows=np.concatenate([[0], np.cumsum(counts)]),
            item_place=of_session[by_item, 1],
            age=(clock.max() - clock[order]) / span,
            idf=np.log(len(train) / np.maximum(counts, 1)),
        )


def _distinct(train: Sessions, sessions: NDArray[Any], items: int) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Distinct items of so numbered sessions with their last place, [N, 2], and how many each session has."""
    begins = train.offsets[sessions]
    number, event = ranges(begins, train.offsets[sessions + 1])
    # the last event of each item in a session: the first of its (session, item) group when read backwards
    keys, last = np.unique((number * items + train.items[event])[::-1], return_index=True)
    number, item = np.divmod(keys, items)
    place = event[::-1][last] - begins[number]
    pairs = np.stack([item, place], axis=1, dtype=np.int32, casting="same_kind")
    return pairs, np.bincount(number, minlength=len(sessions))
