"""preset auto: a configuration chosen from the data by rule. What each choice rests on: docs/experiments.md, Accuracy.

Two members, one trained with BPR-max and one with cross-entropy and logQ, merged into one model: they err differently,
and their sum was better than either on the validation part of every log that was tried. The weights of items seen
already come on top. Small logs need more dropout; on larger ones cross-entropy counts for more.
Passes get fewer as the number of predictions (events that have one before them in their session) grows: a pass over a
large log makes as many updates as several over a small one.
"""

from dataclasses import dataclass

import numpy as np

from gru4rec.config import Config
from gru4rec.sessions import Sessions
from gru4rec.vocabulary import Vocabulary

SMALL, LARGE, HUGE = 150_000, 1_000_000, 10_000_000  # predictions
BPR_MAX: dict[str, str | float] = {
    "loss": "bpr-max", "bpreg": 1.95, "elu": 0.5, "n_sample": 2048, "sample_alpha": 0.4, "batch_size": 80,
    "dropout_embedding": 0.5, "dropout_hidden": 0.05, "learning_rate": 0.05, "momentum": 0.4,
}  # fmt: skip
CROSS_ENTROPY: dict[str, str | float] = {
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
    size: dict[str, float]
    other: dict[str, float] = {}
    if found.predictions < SMALL:
        size, other = {"hidden_size": 112, "epochs": 7}, {"dropout_embedding": 0.5, "hidden_size": 100}
    elif found.predictions < LARGE:
        size = {"hidden_size": 112, "epochs": 5, "balance": 1.67}
        other = {"dropout_embedding": 0.3, "hidden_size": 100}
    elif found.predictions < HUGE:
        size, other = {"hidden_size": 128, "epochs": 2, "batch_size": 128, "balance": 1.67}, {"batch_size": 128}
    else:
        size = {"hidden_size": 256, "epochs": 2, "batch_size": 240}
        return _limited(Config().override({**CROSS_ENTROPY, **size, "learning_rate": 0.07, "repeats": True}), found)
    second = CROSS_ENTROPY | other
    second["batch_size"] = _lanes(int(second["batch_size"]), found)
    alternate = tuple(f"{name}={value}" for name, value in second.items())
    return _limited(
        Config().override({**BPR_MAX, **size, "members": 2, "alternate": alternate, "repeats": True}), found
    )


def _limited(config: Config, found: Statistics) -> Config:
    return config.override({"batch_size": _lanes(config.train.batch_size, found)})


def _lanes(batch_size: int, found: Statistics) -> int:
    """As many lanes as have enough sessions each."""
    return max(1, min(batch_size, found.sessions // FEWEST_SESSIONS))
