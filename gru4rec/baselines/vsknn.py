"""V-SKNN: vector multiplication session-based nearest neighbours (arXiv 1803.09587, section 3.2.2).

Later items of the running session weigh more in the similarity, and a neighbour counts less the further back its latest
shared item stands.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import numpy as np

from gru4rec.baselines.neighbours import Floats, Integers, NeighbourRules, NeighbourScorer, check_sizes
from gru4rec.baselines.session_index import SessionIndex
from gru4rec.data.sessions import Sessions
from gru4rec.data.vocabulary import Vocabulary

# steps: events back from the last (0: the last itself); length: events of the running session
CONTEXT_WEIGHTS: dict[str, Callable[[Integers, Integers], Floats]] = {
    "same": lambda steps, length: np.ones(len(steps)),
    "div": lambda steps, length: (length - steps) / length,
    "linear": lambda steps, length: np.where(steps <= 10, 1 - 0.1 * steps, 0.0),
    "quadratic": lambda steps, length: ((length - steps) / length) ** 2,
    "log": lambda steps, length: 1 / np.log10(steps + 1.7),
}
MATCH_DECAYS: dict[str, Callable[[Integers], Floats]] = {
    "same": lambda steps: np.ones(len(steps)),
    "div": lambda steps: 1.0 / (steps + 1),
    "linear": lambda steps: np.maximum(1 - 0.1 * (steps + 1), 0.0),
    "quadratic": lambda steps: 1.0 / (steps + 1) ** 2,
    "log": lambda steps: 1 / np.log10(steps + 2.7),
}


@dataclass(frozen=True)
class VSKNNOptions:
    """What V-SKNN is fitted with.

    Attributes:
        k: neighbours.
        sample_size: the most recent candidates they are chosen from.
        weighting: of the running session's items in the similarity, one of CONTEXT_WEIGHTS.
        weighting_score: of a neighbour, by its latest shared item, one of MATCH_DECAYS.
        idf_weight: items get the factor 1 + idf_weight · log(sessions / sessions with the item).
        cosine: divide the similarity by the root of the neighbour's number of items.

    Raises:
        ValueError: a size is less than 1, or a weighting is not known.
    """

    k: int = 100
    sample_size: int = 1000
    weighting: str = "div"
    weighting_score: str = "div"
    idf_weight: float = 0.0
    cosine: bool = False

    def __post_init__(self) -> None:
        check_sizes(self.k, self.sample_size)
        if self.weighting not in CONTEXT_WEIGHTS or self.weighting_score not in MATCH_DECAYS:
            raise ValueError(
                f"weightings are {', '.join(CONTEXT_WEIGHTS)}; got {self.weighting!r} and {self.weighting_score!r} for "
                "the score"
            )


class VSKNN(NeighbourScorer):
    """Session neighbours with weights by position."""

    @classmethod
    def fit(cls, train: Sessions, vocabulary: Vocabulary, options: VSKNNOptions | None = None) -> Self:
        """Index the training sessions; without options their defaults hold."""
        options = options or VSKNNOptions()
        index = SessionIndex.build(train, len(vocabulary))
        sizes = np.diff(index.session_rows)
        rules = NeighbourRules(
            k=options.k,
            sample_size=options.sample_size,
            context_weight=CONTEXT_WEIGHTS[options.weighting],
            session_weight=1 / np.sqrt(sizes) if options.cosine else None,
            match_decay=MATCH_DECAYS[options.weighting_score],
            place_decay=None,
            item_weight=1 + options.idf_weight * index.idf if options.idf_weight else None,
        )
        return cls("V-SKNN", vocabulary, index, rules)
