"""What a session has seen: which items and how long ago, what its last event was, and what came after events like it.

Nothing here depends on which items they are, only on which of them are the same.
"""

from typing import NamedTuple, Self, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gru4rec.data.histories import last_events
from gru4rec.data.sessions import Sessions
from gru4rec.scoring.on_device import DeviceSessions

LASTS = 4  # the last event: the session's first, a new item, the item before it again, an item seen before that
PLACES = 3  # of a seen item: just seen, one before, earlier
KINDS = 3  # of an event: a new item (the first event too), the item before it again, an item seen before that
NEXT = PLACES + 1  # what an event is to the one before it: its item again, that of one before, an earlier or a new one
REACH = 100  # events back that count

Numbers = TypeVar("Numbers", NDArray[np.int64], Tensor)


class Past(NamedTuple):
    """What rows, each an event of a session, have behind them, at most REACH events back.

    Attributes:
        row: of each item that a row's session has seen, each once, int64 [N].
        item: which it is, rising within a row, int64 [N].
        place: whether it was just seen (0), seen one event before (1) or earlier (2), by the last time, int64 [N].
        times: how often it was seen, int64 [N].
        last: what the row's event was, as LASTS counts, int64 [R].
        habit: of the earlier events of its kind, how many were followed by each of NEXT, float32 [R, NEXT].
    """

    row: NDArray[np.int64]
    item: NDArray[np.int64]
    place: NDArray[np.int64]
    times: NDArray[np.int64]
    last: NDArray[np.int64]
    habit: NDArray[np.float32]

    @classmethod
    def of(cls, sessions: Sessions, events: NDArray[np.int64]) -> Self:
        """What some events, positions in `sessions.items` [R], have behind them."""
        row, back = events_before(sessions, events, REACH + 1)
        item = sessions.items_at(events[row] - back)
        nearest, times, gap = _occurrences(row, back, item)
        begins = np.flatnonzero(back == 0)
        last = np.where(gap[begins] > 0, np.minimum(gap[begins], 2) + 1, np.bincount(row, minlength=len(events)) > 1)
        owner, kind, following = _transitions(row, gap)
        alike = kind == kind_of(last)[owner]
        habit = np.bincount(owner[alike] * NEXT + following[alike], minlength=len(events) * NEXT)
        place = np.minimum(back[nearest], PLACES - 1)
        return cls(row[nearest], item[nearest], place, times, last, habit.reshape(-1, NEXT).astype(np.float32))


def transitions(sessions: Sessions) -> NDArray[np.int64]:
    """How often events of each kind were followed by what, in the last REACH + 1 events of sessions, [KINDS, NEXT]."""
    ends = sessions.offsets[1:][sessions.lengths > 0] - 1
    row, back = events_before(sessions, ends, REACH + 1)
    item = sessions.items_at(ends[row] - back)
    _, kind, following = _transitions(row, _occurrences(row, back, item)[2])
    return np.bincount(kind * NEXT + following, minlength=KINDS * NEXT).reshape(KINDS, NEXT)


def events_before(
    sessions: Sessions, events: NDArray[np.int64], most: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Of each row's last input event and those before it, `most` in all: the row and how far back it stands, [N] each.

    Args:
        sessions: that the events belong to.
        events: positions in `sessions.items` of each row's last input event, [R].
        most: events of a row, at the most.
    """
    lengths = np.minimum(events - sessions.offsets[sessions.session_of(events)] + 1, most)
    row = np.repeat(np.arange(len(events)), lengths)
    return row, np.arange(len(row)) - np.repeat(np.cumsum(lengths) - lengths, lengths)


def kind_of(last: Numbers) -> Numbers:
    """The kind of an event that was the last one in one of LASTS ways: a first event is a new item too."""
    return (last - 1).clip(0)


def _occurrences(
    row: NDArray[np.int64], back: NDArray[np.int64], item: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Of N events, those of a row from the newest to the oldest: where each row's items stand by their last time, and
    how often, [M] each; and how many events each of the N stands after the one before it with its item, 0 for none.
    """
    key = row * (int(item.max(initial=0)) + 1) + item
    order = np.argsort(key, kind="stable")  # of an item's events the newest first
    again = key[order[1:]] == key[order[:-1]]
    gap = np.zeros(len(key), np.int64)
    gap[order[:-1][again]] = (back[order[1:]] - back[order[:-1]])[again]
    firsts = np.flatnonzero(np.append(True, ~again)[: len(key)])
    return order[firsts], np.diff(firsts, append=len(key)), gap


def _transitions(
    row: NDArray[np.int64], gap: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Of each two events in succession: the row, the kind of the former, what the latter is to it (NEXT), [T] each."""
    after = np.flatnonzero(row[1:] == row[:-1])  # a row's newest event comes first
    following = np.where(gap[after] > 0, np.minimum(gap[after], PLACES) - 1, PLACES)
    return row[after], np.minimum(gap[after + 1], KINDS - 1), following


def within_reach(sessions: DeviceSessions) -> DeviceSessions:
    """The sessions cut to their last REACH + 1 events; these very ones where none has more."""
    if sessions.host.lengths.max() <= REACH + 1:
        return sessions
    return DeviceSessions.sent(last_events(sessions.host, REACH + 1), sessions.items.device)


def past_on_device(sessions: DeviceSessions, items: int) -> tuple[Tensor, Tensor]:
    """`last` and `habit` of `Past` after each session's last event, int64 [S] and float32 [S, NEXT]; nothing waits.

    Args:
        sessions: as `within_reach` gives them.
        items: of the catalogue.
    """
    row, ends = sessions.row, sessions.ends
    key, order = (row * items + sessions.items).sort(stable=True)
    distance = torch.where(key[1:] == key[:-1], order[1:] - order[:-1], 0)
    gap = torch.zeros_like(row).index_copy_(0, order[1:], distance)
    last = torch.where(gap[ends] > 0, gap[ends].clamp(max=2) + 1, (sessions.lengths > 1).long())
    kind, own = gap.clamp(max=KINDS - 1), kind_of(last)
    following = torch.where(gap > 0, gap.clamp(max=PLACES) - 1, PLACES)[1:]
    alike = (row[1:] == row[:-1]) & (kind[:-1] == own[row[1:]])
    habit = torch.zeros(len(ends) * NEXT, device=row.device)
    habit.index_add_(0, row[1:] * NEXT + following, alike.float())
    return last, habit.view(-1, NEXT)
