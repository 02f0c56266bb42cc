"""What the loaders count once in the training sessions: how often each item occurs, what a target weighs."""

import numpy as np

from gru4rec.config.options import Config
from gru4rec.data.sessions import Sessions
from gru4rec.data.vocabulary import item_counts
from gru4rec.network.model import GRU4Rec
from gru4rec.training.windows.unique_items import OccurrenceWeights, occurrence_weights


def sampling_counts(sessions: Sessions, model: GRU4Rec) -> np.ndarray:
    """How often each item occurs in the sessions [I]: the sampler draws in proportion to a power of it.

    An item that was clicked, but in none of these sessions, counts as if it occurred once. A cold item counts 0 and is
    never drawn.
    """
    clicked = model.vocabulary.counts > 0
    return np.asarray(np.maximum(item_counts(sessions.items, len(clicked)), clicked))


def weights_by_count(counts: np.ndarray, config: Config) -> OccurrenceWeights:
    """What occurrences of items with these counts weigh; all weigh 1 but with cross-entropy."""
    logq = config.loss.logq if config.loss.loss == "cross-entropy" else 0.0
    return occurrence_weights(counts, logq, config.negatives.sample_alpha)


def shares_of_targets(sessions: Sessions) -> np.ndarray | None:
    """What each event counts as a target: its weight over the mean weight of all targets; None where all count 1.

    Targets are all events but the first one of each session.

    Raises:
        ValueError: a weight is below 0 or not finite, or the mean is not above 0, or beyond float32.
    """
    if sessions.weights is None:
        return None
    if wrong := np.count_nonzero(~((sessions.weights >= 0) & np.isfinite(sessions.weights))):
        raise ValueError(
            f"{wrong} of {len(sessions.weights)} events have a weight below 0, or one that is no finite number; give "
            "weights of at least 0, and some above"
        )
    is_target = np.ones(len(sessions.items), dtype=bool)
    is_target[sessions.offsets[:-1]] = False
    with np.errstate(over="ignore"):
        mean = float(sessions.weights[is_target].mean()) if is_target.any() else 1.0
    if not 0 < mean < np.inf:
        raise ValueError(f"the mean weight of the events is {mean}; give weights of at least 0, and some above")
    return np.asarray(sessions.weights / mean)
