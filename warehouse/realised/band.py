"""The realised recall over the nights, and whether a day fell out of its own recent band.

The band reaches down from the median of the last nights by some median absolute deviations, which one bad night among
them hardly moves. A day has fallen when its whole 95% interval lies below it: of a few nights the deviation is itself
uncertain, and a shop with few users a day would be warned by chance.
"""

import logging
from datetime import date
from typing import Any, NamedTuple

import numpy as np
import pyarrow.parquet as pq

from warehouse.layout import Layout

_log = logging.getLogger(__name__)
NIGHTS = 14  # that make the band
FEWEST = 5  # nights that a band needs
WIDTH = 4.0  # median absolute deviations: 2.7 standard deviations of a normal law, passed by one night in 300


class Band(NamedTuple):
    """A day's recall@20 beside the nights before it; `low` is None with too few of them.

    high: the upper end of the day's own 95% interval; None where it is not known.
    """

    value: float
    low: float | None
    nights: int
    high: float | None = None

    @property
    def fell(self) -> bool:
        """Whether the day lies below the band."""
        return self.low is not None and (self.value if self.high is None else self.high) < self.low


def curve(layout: Layout, last: date, days: int) -> list[dict[str, Any]]:
    """The rows of all users at k = 20 (columns: `tables.REALISED`) of the newest `days` scored days up to `last`.

    A day whose file cannot be read is left out, with a warning.
    """
    there = [day for day in layout.days("realised") if day <= last]
    wanted = [("by", "=", "all"), ("k", "=", 20)]
    rows: list[dict[str, Any]] = []
    for day in reversed(there):
        try:
            found = pq.read_table(layout.files("realised", day), filters=wanted, partitioning=None).to_pylist()
        except (ValueError, OSError) as error:
            _log.warning("the realised figures of %s cannot be read and are left out: %s", day, error)
            continue
        rows = found + rows
        days -= bool(found)
        if not days:
            break
    return rows


def band(layout: Layout, day: date) -> Band | None:
    """A scored day's recall@20 of the published lists, and the lower edge of the band before it; None without rows."""
    rows = {row["run_date"]: row for row in curve(layout, day, NIGHTS + 1) if row["lists"] == "published"}
    if day not in rows:
        return None
    value, high = (rows[day][name] for name in ("recall", "recall_high"))
    recalls = {night: row["recall"] for night, row in rows.items() if night != day}
    before = np.array(list(recalls.values())[-NIGHTS:])
    if len(before) < FEWEST:
        return Band(value, None, len(before), high)
    median = np.median(before)
    return Band(value, float(median - WIDTH * np.median(np.abs(before - median))), len(before), high)
