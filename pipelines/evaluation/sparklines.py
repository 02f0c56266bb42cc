"""Series as a line of text each, for Dagster's pages: seen also where no pictures are served (`dagster dev`)."""

from collections.abc import Mapping, Sequence
from typing import Any

from pipelines.evaluation.figures import LISTS
from pipelines.evaluation.over_nights import Judged
from pipelines.policy.metadata import markdown_table

BARS = "▁▂▃▄▅▆▇█"
MOST = 60  # places of a line


def sparklines(series: Mapping[str, Sequence[float | None]]) -> str:
    """A row a series: a bar a place, from zero to the greatest value of all series, then the newest value.

    >>> print(sparklines({"a": [0.1, None, 0.8], "b": [0.4]}))
    |  | oldest to newest | newest |
    |---|---|---|
    | a | ▂·█ | 0.8000 |
    | b | ▅ | 0.4000 |
    """
    top = max((value for values in series.values() for value in values if value is not None), default=0.0) or 1.0
    rows = [
        {"": name, "oldest to newest": "".join(_bar(value, top) for value in values[-MOST:]), "newest": values[-1]}
        for name, values in series.items()
        if values
    ]
    return markdown_table(["", "oldest to newest", "newest"], rows)


def of_nights(nights: Sequence[Judged]) -> str:
    """Challenger, the champion before it and the best baseline of each night, and which nights promoted theirs."""
    found = {
        name: [row["value"] if (row := getattr(night, part)) else None for night in nights]
        for name, part in (("challenger", "challenger"), ("champion before", "champion"), ("best baseline", "best"))
    }
    promoted = "".join("✓" if night.gate == "promoted" else "·" for night in nights[-MOST:])
    return f"{sparklines(found)}\n| promoted | {promoted} | |"


def of_realised(rows: Sequence[Mapping[str, Any]]) -> str:
    """Realised recall@20 by day, of published lists and popular items; rows of the table `realised`, by day."""
    return sparklines({name: [row["recall"] for row in rows if row["lists"] == lists] for lists, name in LISTS.items()})


def _bar(value: float | None, top: float) -> str:
    return "·" if value is None else BARS[min(int(max(value, 0.0) / top * len(BARS)), len(BARS) - 1)]
