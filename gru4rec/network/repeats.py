"""Items that a session has seen already: how much more, or less, likely they are to come next.

With a shared embedding an item scores high after itself, whether or not people ever click it twice in a row. Logs
differ: some drop repeated clicks, in others a quarter of the steps repeat the item before; and in most people often go
back to an earlier item, to the one before the last more than to any other. And people differ: whoever has just gone
back goes back again two to three times as often, whoever has just repeated repeats. So there are three weights, one for
the item just seen, one for the item before it and one for the items seen earlier, in each of four cases of what the
last event was. Training chooses them (training/proof.py).
"""

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from gru4rec.data.sessions import Sessions
from gru4rec.scoring.added import Added

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
    value = weights.float().cpu().numpy()[last_events(sessions, events)[row], place]
    counts = value != 0
    return Added(row[counts], item[counts], value[counts])


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
    begins = sessions.offsets[sessions.session_of(events)]
    lengths = np.minimum(events - begins, REACH) + 1
    row = np.repeat(np.arange(len(events)), lengths)
    back = np.arange(len(row)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    item = sessions.items[events[row] - back]
    items = int(item.max(initial=0)) + 1
    pairs, last = np.unique(row * items + item, return_index=True)  # the first place of a pair is the nearest one
    return pairs // items, pairs % items, np.minimum(back[last], PLACES - 1)


def last_events(sessions: Sessions, events: NDArray[np.int64]) -> NDArray[np.int64]:
    """What each row's last event was, as LASTS counts them, at most REACH events back: int64 [R].

    Args:
        sessions: that the events belong to.
        events: positions in `sessions.items` of each row's last input event, [R].
    """
    before = np.minimum(events - sessions.offsets[sessions.session_of(events)], REACH)
    row = np.repeat(np.arange(len(events)), before)
    back = np.arange(len(row)) - np.repeat(np.cumsum(before) - before, before) + 1
    again = sessions.items[events[row] - back] == sessions.items[events[row]]
    found = np.where(before == 0, 0, 1)
    found[row[again]] = 3
    found[row[again & (back == 1)]] = 2
    return found
