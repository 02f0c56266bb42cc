"""What is raised below the first ranks: items that a session has seen, and companions of its items.

A network puts the next item first more often than anything beside it; further down it forgets some of what the session
has seen, and smooths over what goes together. So every seen item is raised towards the fifth rank, by weight · log(1 +
how often it was seen) / (1 + seen items / MANY), and other items towards the first or the fifth, by weight · log(share
/ LEAST), where the share is that among the companions of the session's last items. An item's companions are what stood
around it in training sessions, COMPANIONS of them with their shares; what stood before it counts BEFORE as much as what
came after. How raising works is said in scoring/raised.py. Training chooses the weights, or raises nothing
(training/held_out/raising.py).
"""

from typing import NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gru4rec.baselines.counting import Rules
from gru4rec.data.sessions import Sessions
from gru4rec.network.added.past import Past, events_before
from gru4rec.scoring.added import Added
from gru4rec.scoring.on_device import DeviceSessions
from gru4rec.scoring.raised import RANKS, raise_in

COMPANIONS = 50  # kept of each item
BEFORE = 0.5  # what an item before counts, beside one after
STEPS = 10  # events apart, at the most; a pair d apart counts 1 / d
PAIRS = 1 << 22  # of events that are counted at a time: a few hundred MiB
PRIOR = 10.0  # observations of nothing
LAST, FADING = 10, 4.0  # last items whose companions count; those of the item FADING events back count 1 / e
MANY = 20  # items that a session has seen: each is raised half as far then
LEAST = 1e-3  # of the shares: what has less stays where it is
COMPANION, SEEN = 0, 1  # rows of the weights


class Raises(NamedTuple):
    """Companions of I items, K of each, and the weights; saved beside the network's weights.

    Attributes:
        items: which they are, int32 [I, K]; a row of fewer than K ends in item 0 with no share. K is 0 where no weight
            asks for companions.
        shares: of all that stood around the item in training, and PRIOR observations of nothing, [I, K].
        weights: of companions and of seen items, towards each of RANKS (scoring/raised.py), in the unit of the scores,
            [2, len(RANKS)].
    """

    items: Tensor
    shares: Tensor
    weights: Tensor

    @classmethod
    def empty(cls, items: int, width: int, like: Tensor) -> Self:
        """K = width companions without a share, and weights of 0, on the device and with the numbers of `like`."""
        some = torch.zeros(items, width, dtype=torch.int32, device=like.device)
        return cls(some, like.new_zeros(items, width), like.new_zeros(2, len(RANKS)))

    def weighed(self, weights: Tensor, like: Tensor) -> Self:
        """With such weights, on the device and with the numbers of `like`; without companions where none is asked."""
        width = self.items.shape[1] if weights[COMPANION].any() else 0
        items, shares = self.items[:, :width].contiguous().to(like.device), self.shares[:, :width].contiguous().to(like)
        return type(self)(items, shares, weights.to(like))

    def tensors(self) -> dict[str, Tensor]:
        """All three by the names that they have in a checkpoint."""
        return {f"raises.{name}": value for name, value in self._asdict().items()}

    def added(self, past: Past, sessions: Sessions, events: NDArray[np.int64]) -> Added:
        """How far scores are raised after some events.

        Args:
            past: of the events.
            sessions: that they belong to.
            events: positions in `sessions.items` of each row's last input event, [R].

        Returns:
            Of each row's seen items and of the companions with enough of the shares `by`, and nothing to be added.
        """
        items = len(self.items)
        key = past.row * items + past.item  # rising
        of = [np.zeros(len(key)), np.log1p(past.times) / (1 + np.bincount(past.row) / MANY)[past.row]]
        if self.items.shape[1]:
            others, strength = self._companions(sessions, events)
            new = np.flatnonzero(~_among(others, key))
            key = np.append(key, others[new])
            of = [np.append(of[COMPANION], strength[new]), np.append(of[SEEN], np.zeros(len(new)))]
        by = np.stack(of, 1).astype(np.float32) @ self.weights.float().cpu().numpy()
        return Added(key // items, key % items, np.zeros(len(key), np.float32), by)

    def _companions(
        self, sessions: Sessions, events: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Companions after some events as row · I + item, rising, and log(share / LEAST) of each."""
        items = len(self.items)
        row, back = events_before(sessions, events, LAST)
        place = torch.from_numpy(sessions.items_at(events[row] - back)).to(self.items.device)
        shares = self.shares[place].double().cpu().numpy() * np.exp(-back / FADING)[:, None]  # [N, K]
        key = row[:, None] * items + self.items[place].cpu().numpy()
        there = shares > 0
        keys, number = np.unique(key[there], return_inverse=True)
        share = np.bincount(number, shares[there], len(keys))
        owner = keys // items
        strength = share / (LEAST * np.bincount(owner, share, len(events)))[owner]
        kept = np.flatnonzero(strength > 1)
        return keys[kept], np.log(strength[kept])

    def raise_on_device(self, scores: Tensor, columns: Tensor, sessions: DeviceSessions, scale: float) -> None:
        """Raise scores [S, W] after each session's last event, in place, without waiting for the device.

        columns: where each item stands in a row, int64 [I]. sessions: as `within_reach` (past.py) gives them. scale:
        what the numbers are multiplied by first.
        """
        width = scores.shape[1]
        weights = self.weights.float() * scale
        seen = sessions.row * width + columns[sessions.items]
        sorted_seen = seen.sort().values
        times = torch.searchsorted(sorted_seen, seen, right=True) - torch.searchsorted(sorted_seen, seen)
        distinct = weights.new_zeros(len(scores)).index_add_(0, sessions.row, 1 / times)
        strength = times.float().log1p() / (1 + distinct / MANY)[sessions.row]
        place, of = seen, [torch.zeros_like(strength), strength]
        if self.items.shape[1]:
            others, strength = self._companions_on_device(columns, sessions, width)
            at = torch.searchsorted(sorted_seen, others).clamp(max=len(sorted_seen) - 1)
            strength = torch.where(sorted_seen[at] == others, 0.0, strength)  # those are there as seen items
            place = torch.cat([seen, others])
            of = [torch.cat([of[COMPANION], strength]), torch.cat([of[SEEN], torch.zeros_like(strength)])]
        raise_in(scores, place, torch.stack(of, 1) @ weights)

    def _companions_on_device(self, columns: Tensor, sessions: DeviceSessions, width: int) -> tuple[Tensor, Tensor]:
        """Companions after the last events as row · W + column, [S · LAST · K], some more than once, and log(share /
        LEAST) of each; 0 where that is less, and where there is none.
        """
        back = torch.arange(LAST, device=columns.device)
        there = back < sessions.lengths[:, None]  # [S, LAST]
        item = sessions.items[(sessions.ends[:, None] - back).clamp(min=0)]
        fading = torch.where(there, torch.exp(-back / FADING), 0.0)
        shares = (self.shares[item].float() * fading[:, :, None]).flatten(1)  # [S, LAST · K]
        column = columns[self.items[item].long()].flatten(1)
        column, order = torch.where(shares > 0, column, width).sort(dim=1)
        shares = shares.gather(1, order)
        total = shares.clone()
        for step in range(1, min(LAST, shares.shape[1])):  # equal columns stand side by side
            same = torch.where(column[:, step:] == column[:, :-step], 1.0, 0.0)
            total[:, step:] += same * shares[:, :-step]
            total[:, :-step] += same * shares[:, step:]
        strength = total / (LEAST * shares.sum(1, keepdim=True)).clamp(min=torch.finfo(torch.float32).tiny)
        row = torch.arange(len(item), device=columns.device)[:, None]
        return (row * width + column.where(column < width, 0)).flatten(), strength.clamp(min=1).log().flatten()


def companions(train: Sessions, items: int, like: Tensor) -> Raises:
    """What stood around each of so many items in train.

    Returns:
        With weights of 1 towards a rank each, on the device and with the numbers of `like`.
    """
    backwards = Sessions(train.items[::-1], len(train.items) - train.offsets[::-1])
    width, begin = min(COMPANIONS, items), 0
    found = Raises.empty(items, width, torch.zeros(()))
    both = (Rules.parts(some, items, STEPS, "div", PAIRS) for some in (train, backwards))
    for after, before in zip(*both, strict=True):
        size = len(after.rows) - 1
        row = np.concatenate([np.repeat(np.arange(size), np.diff(part.rows)) for part in (after, before)])
        column = np.concatenate([after.columns, before.columns]).astype(np.int64)
        keys, number = np.unique(row * items + column, return_inverse=True)
        count = np.bincount(number, np.concatenate([after.weights, BEFORE * before.weights]), len(keys))
        row, column = keys // items, keys % items
        share = count / (np.bincount(row, count, size) + PRIOR)[row]
        order = np.lexsort((column, -share, row))
        place = np.arange(len(order)) - np.searchsorted(row, np.arange(size))[row[order]]
        order, place = order[place < width], place[place < width]
        where = torch.from_numpy(begin + row[order]), torch.from_numpy(place)
        found.items[where] = torch.from_numpy(column[order]).int()
        found.shares[where] = torch.from_numpy(share[order]).float()
        begin += size
    return found.weighed(torch.eye(2), like)


def _among(keys: NDArray[np.int64], some: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which keys are among some, which rise."""
    place = np.minimum(np.searchsorted(some, keys), len(some) - 1)
    found: NDArray[np.bool_] = some[place] == keys
    return found
