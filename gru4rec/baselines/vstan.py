"""VSTAN: V-SKNN with the weights of STAN (Garg et al., SIGIR 2019; arXiv 1910.12781, section 2.2.1).

All decays are exponential: of an item's place in the running session, of a training session's age, of the distance
between an item and the shared one in the neighbour, and of how far back the shared one stands in the running session.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import numpy as np

from gru4rec.baselines.neighbours import Floats, Integers, NeighbourRules, NeighbourScorer, check_sizes
from gru4rec.baselines.session_index import SessionIndex
from gru4rec.data.sessions import Sessions
from gru4rec.data.vocabulary import Vocabulary


@dataclass(frozen=True)
class VSTANOptions:
    """What VSTAN is fitted with; a λ of 0 means no decay.

    Attributes:
        k: neighbours.
        sample_size: the most recent candidates they are chosen from.
        lambda_spw: decay by the place of the running session's items in the similarity, in events.
        lambda_snh: decay by the age of the neighbour, as a share of the training period (1: all of it). Since only
            ratios between neighbours matter, age is counted from the end of the training data.
        lambda_inh: decay by the distance to the shared item in the neighbour, in events.
        lambda_ipw: decay by how far back the latest shared item stands in the running session, in events.
        idf_weight: items get the factor 1 + idf_weight · log(sessions / sessions with the item).

    Raises:
        ValueError: a size is less than 1 or a λ is negative.
    """

    k: int = 500
    sample_size: int = 1000
    lambda_spw: float = 4.0
    lambda_snh: float = 0.5
    lambda_inh: float = 2.0
    lambda_ipw: float = 4.0
    idf_weight: float = 0.0

    def __post_init__(self) -> None:
        check_sizes(self.k, self.sample_size)
        if min(self.lambda_spw, self.lambda_snh, self.lambda_inh, self.lambda_ipw) < 0:
            raise ValueError("a decay of VSTAN must not be negative; 0 means none")


class VSTAN(NeighbourScorer):
    """Session neighbours with exponential weights by position and age."""

    @classmethod
    def fit(cls, train: Sessions, vocabulary: Vocabulary, options: VSTANOptions | None = None) -> Self:
        """Index the training sessions; without options their defaults hold."""
        options = options or VSTANOptions()
        index = SessionIndex.build(train, len(vocabulary))
        age = _decay(options.lambda_snh)(index.age)
        of_place = _decay(options.lambda_spw)
        rules = NeighbourRules(
            k=options.k,
            sample_size=options.sample_size,
            context_weight=lambda steps, length: of_place(steps),
            session_weight=age / np.sqrt(np.diff(index.session_rows)),
            match_decay=_decay(options.lambda_ipw),
            place_decay=_decay(options.lambda_inh)(np.arange(int(train.lengths.max(initial=1)))),
            item_weight=1 + options.idf_weight * index.idf if options.idf_weight else None,
        )
        return cls("VSTAN", vocabulary, index, rules)


def _decay(scale: float) -> Callable[[Integers | Floats], Floats]:
    """exp(−x / scale); no decay for a scale of 0."""
    return lambda x: np.exp(-x / scale) if scale > 0 else np.ones(len(x))
