"""The bootstrap: what a mean over events might have been, had other sessions come."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from gru4rec.evaluation import metrics

PIECE_BYTES = 2 << 20  # of draws as floats that are multiplied at a time: they stay in a core's cache


@dataclass(frozen=True)
class Resample:
    """Means over events, and the same means over sessions drawn with replacement.

    Attributes:
        session: the number of the session of each of the P events, [P].
        sessions: how many sessions there are, S.
        replicates: how many times S of them are drawn, B.
        seed: of the draws. Two objects with the same sessions, replicates and seed draw the same sessions.
    """

    session: NDArray[np.int64]
    sessions: int
    replicates: int
    seed: int

    def means(
        self, groups: list[tuple[metrics.Floats, NDArray[np.int64]]]
    ) -> list[tuple[metrics.Floats, metrics.Floats]]:
        """Means of M metrics over groups of events.

        Args:
            groups: of each group the metrics of its events, [N, M], and the events' numbers among all P, [N].

        Returns:
            For each group its means [M] and their replicates [B, M]; one row of nan where there are no replicates.
        """
        parts = []
        for values, events in groups:
            session = self.session[events]
            there = np.bincount(session, minlength=self.sessions) > 0
            columns = np.column_stack([values, np.ones(len(events))])
            sums = metrics.session_sums(columns, (np.cumsum(there) - 1)[session], int(there.sum()))
            parts.append((np.flatnonzero(there), sums))
        found: list[list[metrics.Floats]] = [[] for _ in groups]
        for drawn in metrics.bootstrap_draws(self.sessions, self.replicates, self.seed):
            by_session = np.ascontiguousarray(drawn.T)
            for rows, (present, sums) in zip(found, parts, strict=True):
                totals = _totals(by_session, present, sums)
                with np.errstate(invalid="ignore"):  # a replicate may hold no event of a small segment: 0 / 0 is nan
                    rows.append(totals[:, :-1] / totals[:, -1:])
        return [
            (values.mean(axis=0), np.concatenate(rows) if rows else np.full((1, values.shape[1]), math.nan))
            for (values, _), rows in zip(groups, found, strict=True)
        ]


def _totals(drawn: NDArray[np.uint8], present: NDArray[np.int64], sums: metrics.Floats) -> metrics.Floats:
    """What the drawn sessions add up to in each replicate, [b, C].

    Args:
        drawn: how often each session was drawn, [S, b].
        present: the sessions that have a sum, [N].
        sums: theirs, [N, C].
    """
    totals = torch.zeros(drawn.shape[1], sums.shape[1], dtype=torch.float64)
    rows = max(1, PIECE_BYTES // (8 * max(drawn.shape[1], 1)))
    for begin in range(0, len(present), rows):
        times = torch.from_numpy(drawn[present[begin : begin + rows]]).double()
        totals.addmm_(times.t(), torch.from_numpy(sums[begin : begin + rows]))
    return totals.numpy()
