"""The bootstrap: what a mean over events might have been, had other sessions come."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gru4rec.evaluation import metrics


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
            present, session = np.unique(self.session[events], return_inverse=True)
            columns = np.column_stack([values, np.ones(len(events))])
            parts.append((present, metrics.session_sums(columns, session, len(present))))
        drawn: list[list[metrics.Floats]] = [[] for _ in groups]
        for weights in metrics.bootstrap_weights(self.sessions, self.replicates, self.seed):
            for rows, (present, sums) in zip(drawn, parts, strict=True):
                totals = weights[:, present] @ sums
                with np.errstate(invalid="ignore"):  # a replicate may hold no event of a small segment: 0 / 0 is nan
                    rows.append(totals[:, :-1] / totals[:, -1:])
        return [
            (values.mean(axis=0), np.concatenate(rows) if rows else np.full((1, values.shape[1]), math.nan))
            for (values, _), rows in zip(groups, drawn, strict=True)
        ]
