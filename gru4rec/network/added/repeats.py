"""Items that a session has seen already: how much more, or less, likely they are to come next.

With a shared embedding an item scores high after itself, whether or not people ever click it twice in a row. Logs
differ: some drop repeated clicks, in others a quarter of the steps repeat the item before; and in most people often go
back to an earlier item, to the one before the last more than to any other. And people differ: whoever has just gone
back goes back again two to three times as often, whoever has just repeated repeats. So there are three weights, one for
the item just seen, one for the item before it and one for the items seen earlier, in each of four cases of what the
last event was. Training chooses them (training/held_out/proof.py). Beside them stands what the session itself has done
so far (habits.py).
"""

import torch
from torch import Tensor

from gru4rec.network.added.habits import Habits
from gru4rec.network.added.past import Past, past_on_device
from gru4rec.scoring.added import Added
from gru4rec.scoring.on_device import DeviceSessions


def added(past: Past, weights: Tensor, habits: Habits | None = None) -> Added:
    """What the weights, and habits where there are some, add to the scores of seen items.

    Args:
        past: of R rows.
        weights: of the item just seen, of the one before it and of items seen earlier, by what the last event was,
            [LASTS, PLACES].
        habits: what else is added.
    """
    here = weights.float().cpu()
    habits = None if habits is None else habits.to(here)
    own = _by_place(here, habits, torch.from_numpy(past.last), torch.from_numpy(past.habit))
    value = own.numpy()[past.row, past.place]
    counts = value != 0
    return Added(past.row[counts], past.item[counts], value[counts])


def add_on_device(
    scores: Tensor, columns: Tensor, sessions: DeviceSessions, weights: Tensor, habits: Habits | None, scale: float
) -> None:
    """Add what `added` says to scores [S, W] after each session's last event, without waiting.

    All scores are read first. Then those of all events are written, after them those of the events one before the last,
    then those of the last: of an item's events the nearest wins.

    Args:
        scores: changed in place.
        columns: where each item stands in a row, int64 [I].
        sessions: as `within_reach` (past.py) gives them.
        weights, habits: as of `added`.
        scale: what the numbers are multiplied by first.
    """
    own = _by_place(weights.float(), habits, *past_on_device(sessions, len(columns))) * scale
    flat = scores.view(-1)
    place = sessions.row * scores.shape[1] + columns[sessions.items]
    before = flat.index_select(0, place)
    flat.index_copy_(0, place, before + own[sessions.row, 2])
    one_before = torch.where(sessions.lengths > 1, sessions.ends - 1, sessions.ends)
    for events, weight in ((one_before, own[:, 1]), (sessions.ends, own[:, 0])):
        flat.index_copy_(0, place[events], before[events] + weight)


def _by_place(weights: Tensor, habits: Habits | None, last: Tensor, habit: Tensor) -> Tensor:
    """What is added to the scores of seen items after rows with such a past, by place, float32 [R, PLACES]."""
    own = weights[last]
    return own if habits is None else own + habits.added(last, habit)
