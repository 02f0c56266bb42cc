"""preset auto: a configuration chosen from the data by rule. What each choice rests on: docs/experiments.md, Accuracy.

BPR-max with half of the embedding dropped was the strongest on every click set that was tried; two members of different
seeds and the weights of items seen already come on top. Width and number of passes follow the number of predictions
(events that have one before them in their session): small logs are learnt by heart by wide models, and a pass over a
large log makes as many updates as several over a small one.
"""

from dataclasses import dataclass

import numpy as np

from gru4rec.config import Config
from gru4rec.sessions import Sessions
from gru4rec.vocabulary import Vocabulary

SMALL, LARGE, HUGE = 150_000, 1_000_000, 10_000_000  # predictions
RECIPE = {
    "loss": "bpr-max", "bpreg": 1.95, "elu": 0.5, "n_sample": 2048, "sample_alpha": 0.4, "dropout_embedding": 0.5,
    "dropout_hidden": 0.05, "learning_rate": 0.05, "momentum": 0.4, "repeats": True,
}  # fmt: skip


@dataclass(frozen=True)
class Statistics:
    """What the rule looks at. predictions: events but the first of each session; length: mean events a session."""

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
    if found.predictions < SMALL:
        size = {"hidden_size": 112, "epochs": 6, "members": 2}
    elif found.predictions < LARGE:
        size = {"hidden_size": 128, "epochs": 4, "members": 2}
    elif found.predictions < HUGE:
        size = {"hidden_size": 192, "epochs": 3, "members": 2}
    else:
        size = {"hidden_size": 256, "epochs": 2, "members": 1}
    # A lane needs sessions: few sessions take few lanes. Large logs take more, for speed.
    lanes = 80 if found.predictions < LARGE else 240
    return Config().override({**RECIPE, **size, "batch_size": max(1, min(lanes, found.sessions // 20))})
