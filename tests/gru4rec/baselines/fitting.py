"""A baseline with its settings."""

from gru4rec.baselines import VSKNN, VSTAN, VSKNNOptions, VSTANOptions
from gru4rec.data.sessions import Sessions
from gru4rec.data.vocabulary import Vocabulary
from gru4rec.scoring.scorer import Scorer


def fitted(method: type, train: Sessions, vocabulary: Vocabulary, settings: dict) -> Scorer:
    """A method with its settings, which neighbourhood methods take as one object."""
    options = {VSKNN: VSKNNOptions, VSTAN: VSTANOptions}.get(method)
    if options is None:
        return method.fit(train, vocabulary, **settings)
    return method.fit(train, vocabulary, options(**settings))
