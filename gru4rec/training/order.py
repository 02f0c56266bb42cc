"""The order in which sessions are read, where the log's own order cannot be that of time."""

import dataclasses

import numpy as np

from gru4rec.config.auto import SMALL
from gru4rec.config.options import Config
from gru4rec.data.dataset import Dataset
from gru4rec.data.sessions import Sessions

ALIKE = 0.5  # correlation of the lengths of neighbours: .00 to .02 in logs that stand in the order of time
FEWEST = 100  # sessions, below which neighbours may be alike by chance
STRETCHES = 4
# Share of the passes in which the learning rate falls then, from SMALL predictions on; smaller logs gain nothing. In
# the order of time a constant rate learns most from what came last; here that is nothing of its own
# (docs/experiments/accuracy/falling.md).
FALLING = 0.4


def mended(dataset: Dataset, config: Config) -> tuple[Dataset, Config]:
    """A data set and a configuration as given; of a log that is sorted by length in another order, a large one to be
    learnt with a falling rate.
    """
    sessions = in_mended_order(dataset.sessions, config.train.seed)
    if sessions is dataset.sessions:
        return dataset, config
    if dataset.sessions.predictions >= SMALL and not config.optimizer.falling:
        config = config.override({"falling": FALLING})
    return dataclasses.replace(dataset, sessions=sessions), config


def in_mended_order(sessions: Sessions, seed: int) -> Sessions:
    """The sessions as given; of a log that was sorted by length, each somewhere within its own quarter.

    A log without a clock may come sorted, day by day or as a whole. Training would end on sessions of one length. What
    order of time there is, from quarter to quarter, stays.
    """
    if not sorted_by_length(sessions):
        return sessions
    random = np.random.default_rng(seed)
    stretches = np.array_split(np.arange(len(sessions)), STRETCHES)
    return sessions.select(np.concatenate([random.permutation(stretch) for stretch in stretches]))


def sorted_by_length(sessions: Sessions) -> bool:
    """Whether neighbours are so alike in length that their order cannot be that of time."""
    lengths = sessions.lengths.astype(np.float64)
    if len(lengths) < FEWEST or not lengths[1:].std() or not lengths[:-1].std():
        return False
    return bool(np.corrcoef(lengths[:-1], lengths[1:])[0, 1] > ALIKE)
