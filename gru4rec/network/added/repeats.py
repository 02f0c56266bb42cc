"""Items that a session has seen already: how much more, or less, likely they are to come next.

With a shared embedding an item scores high after itself, whether or not people ever click it twice in a row. Logs
differ: some drop repeated clicks, in others a quarter of the steps repeat the item before; and in most people often go
back to an earlier item, to the one before the last more than to any other. And people differ: whoever has just gone
back goes back again two to three times as often, whoever has just repeated repeats. So there are three weights, one for
the item just seen, one for the item before it and one for the items seen earlier, in each of four cases of what the
last event was. Training chooses them (training/held_out/proof.py).
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gru4rec.data.histories import last_events
from gru4rec.data.sessions import Sessions
from gru4rec.scoring.added import Added
from gru4rec.scoring.on_device import DeviceSessions

LASTS = 4  # the last event: the session's first, a new item, the item before it again, an item seen before that
PLACES = 3  # just seen, one before, earlier
REACH = 100  # events back that count as seen


def added(sessions: Sessions, events: NDArray[np.int64], weights: Tensor) -> Added:
    """What the weights add to the scores after some events.

    Args:
        sessions: that the events belong to.
        events: positions in `sessions.items` of each row's last input event, [R].
        weights: of the item just seen, of the one before it and of items seen earlier, by what the last event was,
            [LASTS, PLACES].
    """
    row, item, place = seen(sessions, events)
    value = weights.float().cpu().numpy()[last_cases(sessions, events)[row], place]
    counts = value != 0
    return Added(row[counts], item[counts], value[counts])


def add_on_device(scores: Tensor, columns: Tensor, sessions: DeviceSessions, weights: Tensor) -> None:
    """Add the weights [LASTS, PLACES] to scores [S, W] after each session's last event, in place, without waiting.

    All scores are read first. Then those of all events are written, after them those of the events one before the last,
    then those of the last: of an item's events the nearest wins.

    columns: where each item stands in a row, int64 [I].
    """
    if sessions.host.lengths.max() > REACH + 1:
        sessions = DeviceSessions.sent(last_events(sessions.host, REACH + 1), scores.device)
    own = weights[_cases_on_device(sessions)]  # [S, PLACES]
    flat = scores.view(-1)
    place = sessions.row * scores.shape[1] + columns[sessions.items]
    before = flat.index_select(0, place)
    flat.index_copy_(0, place, before + own[sessions.row, 2])
    for events, weight in ((_one_before(sessions), own[:, 1]), (sessions.ends, own[:, 0])):
        flat.index_copy_(0, place[events], before[events] + weight)


def _one_before(sessions: DeviceSessions) -> Tensor:
    """The events before the last ones, or the last ones where they are the first, int64 [S]."""
    return torch.where(sessions.lengths > 1, sessions.ends - 1, sessions.ends)


def _cases_on_device(sessions: DeviceSessions) -> Tensor:
    """As last_cases after each session's last event, int64 [S]."""
    items, last = sessions.items, sessions.items[sessions.ends]
    same = (items == last[sessions.row]).long().index_fill_(0, sessions.ends, 0)
    seen_before = torch.zeros_like(last).index_add_(0, sessions.row, same) > 0
    several = sessions.lengths > 1
    repeated = several & (items[_one_before(sessions)] == last)
    return torch.where(repeated, 2, torch.where(seen_before, 3, several.long()))


def seen(
    sessions: Sessions, events: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """The items that each row's session has seen, each once, by the last time.

    Args:
        sessions: that the events belong to.
        events: positions in `sessions.items` of each row's last input event, [R].

    Returns:
        The row, the item, and whether it was just seen (0), seen one event before (1) or earlier, at most REACH events
        back (2); each int64 [N].
    """
    row, back = events_before(sessions, events, REACH + 1)
    item = sessions.items_at(events[row] - back)
    items = int(item.max(initial=0)) + 1
    pairs, last = np.unique(row * items + item, return_index=True)  # the first place of a pair is the nearest one
    return pairs // items, pairs % items, np.minimum(back[last], PLACES - 1)


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


def last_cases(sessions: Sessions, events: NDArray[np.int64]) -> NDArray[np.int64]:
    """What each row's last event was, as LASTS counts them, at most REACH events back: int64 [R].

    Args:
        sessions: that the events belong to.
        events: positions in `sessions.items` of each row's last input event, [R].
    """
    before = np.minimum(events - sessions.offsets[sessions.session_of(events)], REACH)
    row = np.repeat(np.arange(len(events)), before)
    back = np.arange(len(row)) - np.repeat(np.cumsum(before) - before, before) + 1
    again = sessions.items_at(events[row] - back) == sessions.items_at(events[row])
    found = np.where(before == 0, 0, 1)
    found[row[again]] = 3
    found[row[again & (back == 1)]] = 2
    return found
