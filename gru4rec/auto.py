"""preset auto: a configuration chosen from the data by rule. What each choice rests on: docs/experiments.md, Accuracy.

Small logs get BPR-max with half of the embedding dropped, larger ones cross-entropy with logQ and little dropout: the
published best parameters lean the same way, and so do the validation parts of the logs that were tried. Two members of
different seeds and the weights of items seen already come on top. Passes get fewer as the number of predictions (events
that have one before them in their session) grows: a pass over a large log makes as many updates as several over a
small one.
"""

from dataclasses import dataclass

import numpy as np

from gru4rec.config import Config
from gru4rec.sessions import Sessions
from gru4rec.vocabulary import Vocabulary

SMALL, LARGE, HUGE = 150_000, 1_000_000, 10_000_000  # predictions
BPR_MAX = {
    "loss": "bpr-max", "bpreg": 1.95, "elu": 0.5, "n_sample": 2048, "sample_alpha": 0.4, "batch_size": 80,
    "dropout_embedding": 0.5, "dropout_hidden": 0.05, "learning_rate": 0.05, "momentum": 0.4,
}  # fmt: skip
CROSS_ENTROPY = {
    "loss": "cross-entropy", "logq": 1.0, "n_sample": 2048, "sample_alpha": 0.5, "batch_size": 32,
    "dropout_embedding": 0.1, "dropout_hidden": 0.0, "learning_rate": 0.1, "momentum": 0.0,
}  # fmt: skip
FEWEST_SESSIONS = 20  # for each lane


@dataclass(frozen=True)
class Statistics:
    """Of a log. predictions: events but the first of each session. length: mean events a session.

    The rule looks at sessions and predictions; four logs are too few to base one on the rest, which describes the log.
    """

    sessions: int
    events: int
    predictions: int
    items: int
    length: float


def statistics(train: Sessions, vocabulary: Vocabulary) -> Statistics:
    """Of training sessions."""
    lengths = train.lengths
    predictions = int(np.maximum(lengths - 1, 0).sum())
    return Statistics(len(train), len(train.items), predictions, len(vocabulary), float(lengths.mean()))


def auto(found: Statistics) -> Config:
    """The configuration for data like this."""
    recipe = BPR_MAX if found.predictions < SMALL else CROSS_ENTROPY
    size: dict[str, float]
    if found.predictions < SMALL:
        size = {"hidden_size": 112, "epochs": 6, "members": 2}
    elif found.predictions < LARGE:
        size = {"hidden_size": 100, "epochs": 3, "members": 2}
    elif found.predictions < HUGE:
        size = {"hidden_size": 128, "epochs": 2, "members": 2, "batch_size": 128}
    else:
        size = {"hidden_size": 256, "epochs": 2, "members": 1, "batch_size": 240, "learning_rate": 0.07}
    config = Config().override({**recipe, **size, "repeats": True})
    return config.override({"batch_size": max(1, min(config.train.batch_size, found.sessions // FEWEST_SESSIONS))})
