"""For whom a model is good: the events of a test set, split in five ways.

A segment is named `kind=label`. Targets that training never saw and the catalogue lacks have no rank, so they are not
among the events given here; `evaluation` counts them as misses in the segment `target=cold`. Cold items that are in
the catalogue (a model with item features has a score for them) are `target clicks=0`.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from gru4rec.data.sessions import Sessions

ALL = "all"
COLD = "target=cold"
BUCKETS = (1, 2, 3, 4, 6, 11)  # lower ends: 1, 2, 3, 4-5, 6-10, 11 and more
BUCKET_LABELS = ("1", "2", "3", "4-5", "6-10", "11+")
CLICKS = (0, 1, 6, 51)  # lower ends: cold, tail, 6-50, 51 and more
CLICK_LABELS = ("0", "1-5", "6-50", "51+")


class Segmentation(NamedTuple):
    """One way to split the events: the segment's number of each event, [P], and the segments' names."""

    number: NDArray[np.int64]
    names: tuple[str, ...]


def segmentations(
    sessions: Sessions, counts: NDArray[np.int64], new_items: NDArray[np.bool_] | None
) -> list[Segmentation]:
    """All five splits of the events `sessions.prediction_events()`.

    Args:
        sessions: the test sessions.
        counts: training events of every item, [I].
        new_items: True for items that came up only at the end of training, [I] (`new_items()`); None: no item is.

    Returns:
        Splits by session length (events of the session); by position (events known when the prediction is made); by
        the target's training events; by its popularity decile (1 is the most popular tenth of the catalogue); and by
        whether the target is new.
    """
    events = sessions.prediction_events()
    session = sessions.session_of(events)
    targets = sessions.items_at(events + 1)
    fresh = np.zeros(len(counts), dtype=bool) if new_items is None else new_items
    return [
        _buckets("session length", np.diff(sessions.offsets)[session], BUCKETS, BUCKET_LABELS),
        _buckets("position", events - sessions.offsets[session] + 1, BUCKETS, BUCKET_LABELS),
        _buckets("target clicks", counts[targets], CLICKS, CLICK_LABELS),
        Segmentation(popularity_decile(counts)[targets], tuple(f"popularity decile={d}" for d in range(1, 11))),
        Segmentation(np.where(counts[targets] > 0, fresh[targets], -1), ("target=known", "target=new")),
    ]


def popularity_decile(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """0 for the most popular tenth of the items, 9 for the least popular, [I]; equal counts in order of their index."""
    place = np.empty(len(counts), dtype=np.int64)
    place[np.argsort(-counts, kind="stable")] = np.arange(len(counts))
    return place * 10 // max(len(counts), 1)


def new_items(train: Sessions, items: int, share: float = 0.05) -> NDArray[np.bool_]:
    """Items whose first training event lies in the last `share` of the training events, [items].

    The share is one of events, not of days, since a clock may say no more than an order. Sessions without times count
    in the order in which they stand.
    """
    clock = np.arange(len(train.items)) if train.times is None else train.times
    first = np.full(items, np.iinfo(np.int64).max)
    np.minimum.at(first, train.items, clock)
    if len(clock) == 0:
        return np.zeros(items, dtype=bool)
    begin = np.quantile(clock, 1 - share, method="lower")
    fresh: NDArray[np.bool_] = (first > begin) & (first < np.iinfo(np.int64).max)
    return fresh


def _buckets(kind: str, values: NDArray[np.int64], lower: tuple[int, ...], labels: tuple[str, ...]) -> Segmentation:
    number = np.searchsorted(lower, values, side="right") - 1
    return Segmentation(number, tuple(f"{kind}={label}" for label in labels))
