"""Ranges of users. A step that works user by user can work range by range, in the memory of one range.

The result never depends on where the ranges are cut: each user is in one of them, whole.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

RANGE_ROWS = 8_000_000  # rows of a range: sorted in a few hundred MB, and at any size there are few ranges


class Users(NamedTuple):
    """The users from `low` to below `high`; None: no bound."""

    low: int | str | None = None
    high: int | str | None = None


def user_ranges(files: Iterable[Path], rows: int = RANGE_ROWS) -> list[Users]:
    """Ranges of about `rows` rows that cover every user, ascending, from the footers of files sorted by user_id."""
    import pyarrow.parquet as pq

    firsts: list[tuple[int | str, int]] = []
    for path in files:
        footer = pq.read_metadata(path)
        place = footer.schema.names.index("user_id")
        for number in range(footer.num_row_groups):
            group = footer.row_group(number)
            bounds = group.column(place).statistics
            # A row group without bounds (very long ids) gives no cut; a NUL cannot be written into a statement.
            if bounds is not None and bounds.has_min_max and "\0" not in str(bounds.min):
                firsts.append((bounds.min, group.num_rows))
    cuts = _cuts(sorted(firsts), rows)
    return [Users(low, high) for low, high in zip([None, *cuts], [*cuts, None], strict=True)]


def _cuts(firsts: list[tuple[int | str, int]], rows: int) -> list[int | str]:
    """The users to cut before; `firsts`: the first user of every row group, ascending, with the group's rows."""
    total = sum(count for _, count in firsts)
    wanted = max(1, -(-total // rows))
    cuts: list[int | str] = []
    before = 0
    for user, count in firsts:
        if before * wanted >= total * (len(cuts) + 1) and user != firsts[0][0] and (not cuts or user != cuts[-1]):
            cuts.append(user)
        before += count
    return cuts
