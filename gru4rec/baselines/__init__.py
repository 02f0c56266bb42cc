"""What a model has to beat: counting and neighbourhood methods with the model's own interface.

Each is fitted by `Method.fit(train, vocabulary)`, with options of its own behind these, and then scores sessions as the
model does (`scoring.scorer.Scorer`). Their ranks use the conservative tie rule: a method that scores most items zero
must not profit from it.
"""

from typing import Protocol, Self

from gru4rec.baselines.counting import Markov, SequentialRules
from gru4rec.baselines.popularity import Popularity
from gru4rec.baselines.vsknn import VSKNN, VSKNNOptions
from gru4rec.baselines.vstan import VSTAN, VSTANOptions
from gru4rec.data.sessions import Sessions
from gru4rec.data.vocabulary import Vocabulary
from gru4rec.scoring.scorer import Scorer


class Baseline(Scorer, Protocol):
    """A scorer that is made of training sessions in one call."""

    @classmethod
    def fit(cls, train: Sessions, vocabulary: Vocabulary) -> Self:
        """Learn from training sessions that are encoded with a vocabulary."""
        ...


BASELINES: dict[str, type[Baseline]] = {
    "popularity": Popularity,
    "markov": Markov,
    "sequential rules": SequentialRules,
    "V-SKNN": VSKNN,
    "VSTAN": VSTAN,
}

__all__ = [
    "BASELINES",
    "VSKNN",
    "VSTAN",
    "Baseline",
    "Markov",
    "Popularity",
    "SequentialRules",
    "VSKNNOptions",
    "VSTANOptions",
]
