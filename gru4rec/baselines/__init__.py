"""What a model has to beat: counting and neighbourhood methods with the model's own interface.

Each is fitted by `Method.fit(train, vocabulary, **config)` and then scores sessions as the model does
(`scorer.Scorer`). Their ranks use the conservative tie rule: a method that scores most items zero must not profit
from it.
"""

from gru4rec.baselines.counting import Markov, SequentialRules
from gru4rec.baselines.popularity import Popularity
from gru4rec.baselines.vsknn import VSKNN
from gru4rec.baselines.vstan import VSTAN

__all__ = ["VSKNN", "VSTAN", "Markov", "Popularity", "SequentialRules"]
