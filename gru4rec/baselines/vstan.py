"""VSTAN: V-SKNN with the weights of STAN (Garg et al., SIGIR 2019; arXiv 1910.12781, section 2.2.1).

All decays are exponential: of an item's place in the running session, of a training session's age, of the distance
between an item and the shared one in the neighbour, and of how far back the shared one stands in the running session.
"""

from collections.abc import Callable
from typing import Self

import numpy as np

from gru4rec.baselines.neighbours import Floats, Integers, NeighbourRules, NeighbourScorer, SessionIndex
from gru4rec.data.sessions import Sessions
from gru4rec.data.vocabulary import Vocabulary


class VSTAN(NeighbourScorer):
    """Session neighbours with exponential weights by position and age."""

    @classmethod
    def fit(
        cls,
        train: Sessions,
        vocabulary: Vocabulary,
        *,
        k: int = 500,
        sample_size: int = 1000,
        lambda_spw: float = 4.0,
        lambda_snh: float = 0.5,
        lambda_inh: float = 2.0,
        lambda_ipw: float = 4.0,
        idf_weight: float = 0.0,
    ) -> Self:
        """Index the training sessions.

        Args:
            train, vocabulary: what is counted, and the catalogue.
            k: neighbours; sample_size: most recent candidates they are chosen from.
            lambda_spw: events; place of the running session's items in the similarity.
            lambda_snh: share of the training period (1: all of it); age of the neighbour. Since only ratios between
                neighbours matter, age is counted from the end of the training data.
            lambda_inh: events; distance to the shared item in the neighbour.
            lambda_ipw: events; how far back the latest shared item stands in the running session.
            idf_weight: items get the factor 1 + idf_weight · log(sessions / sessions with the item).
            A λ of 0 means no decay.

        Raises:
            ValueError: a size is less than 1 or a λ is negative.
        """
        if min(lambda_spw, lambda_snh, lambda_inh, lambda_ipw) < 0:
            raise ValueError("a decay of VSTAN must not be negative; 0 means none")
        index = SessionIndex.build(train, len(vocabulary))
        age = _decay(lambda_snh)(index.age)
        spw, ipw = _decay(lambda_spw), _decay(lambda_ipw)
        rules = NeighbourRules(
            k=k,
            sample_size=sample_size,
            context_weight=lambda steps, length: spw(steps),
            session_weight=age / np.sqrt(np.diff(index.session_rows)),
            match_decay=ipw,
            place_decay=_decay(lambda_inh)(np.arange(int(train.lengths.max(initial=1)))),
            item_weight=1 + idf_weight * index.idf,
        )
        return cls("VSTAN", vocabulary, index, rules)


def _decay(scale: float) -> Callable[[Integers | Floats], Floats]:
    """exp(−x / scale); no decay for a scale of 0."""
    return lambda x: np.exp(-x / scale) if scale > 0 else np.ones(len(x))
