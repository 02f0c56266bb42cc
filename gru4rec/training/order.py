"""The order in which sessions are read, where the log's own order cannot be that of time."""

import numpy as np

from gru4rec.data.sessions import Sessions

ALIKE = 0.5  # correlation of the lengths of neighbours: .00 to .02 in logs that stand in the order of time
FEWEST = 100  # sessions, below which neighbours may be alike by chance
STRETCHES = 4


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
