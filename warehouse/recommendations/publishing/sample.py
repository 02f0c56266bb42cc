"""Two nights compared over a sample of their users: does tonight resemble the night before?

Of similar items, read "item whose list it is" for "user". Notable: the sample is made of ranges of users, those of some
of tonight's row groups at even distances. So only the row groups of those users are read, of both nights; a sample
drawn user by user would have to read every row.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from warehouse.recommendations.kinds import Kind
from warehouse.recommendations.limits import TOP
from warehouse.tables import POPULARITY

SAMPLED_USERS = 50_000

Range = tuple[Any, Any]  # the least and the greatest user, both included


@dataclass(frozen=True)
class Sample:
    """What a night has for the sampled users: the best items of each (owner, item), and the model's scores."""

    tops: pa.Table
    scores: NDArray[np.float32]


def against(
    files: Sequence[Path], before: Sequence[Path], users: int, n: int, kind: Kind
) -> tuple[float | None, float | None, float]:
    """Compare tonight with the night before.

    Args:
        files: tonight's parts.
        before: the files of the night before.
        users: lists that tonight has.
        n: rows that a list has, about.
        kind: of the table.

    Returns:
        The mean share of a user's top items that stood there the night before (None without a common user); the change
        of the mean score, in standard deviations of the night before (None without scores); the share by which the
        users are fewer.
    """
    ranges = sampled_ranges(files, users, n, kind)
    tonight, was = _sample(files, ranges, kind), _sample(before, ranges, kind)
    users_before = _count_lists(before)
    drop = max(0.0, 1 - users / users_before) if users_before else 0.0
    return _overlap(tonight.tops, was.tops), _shift(tonight.scores, was.scores), drop


def sampled_ranges(files: Sequence[Path], users: int, n: int, kind: Kind) -> list[Range] | None:
    """Ranges of about SAMPLED_USERS users in all: those of row groups at even distances. None: everyone."""
    if users <= SAMPLED_USERS:
        return None
    footers = [pq.read_metadata(file) for file in files]
    groups = [(found.min, found.max) for footer in footers for found in _bounds(footer, kind)]
    rows = sum(footer.num_rows for footer in footers)
    every = max(1, round(rows / (SAMPLED_USERS * n)))
    return groups[every // 2 :: every]


def _bounds(meta: pq.FileMetaData, kind: Kind) -> Iterator[pq.Statistics]:
    column = meta.schema.names.index(kind.owner)
    for number in range(meta.num_row_groups):
        yield meta.row_group(number).column(column).statistics


def _sample(files: Sequence[Path], ranges: list[Range] | None, kind: Kind) -> Sample:
    """Read the rows of these users."""
    tops, scores = [], []
    for rows in _rows(files, ranges, kind):
        tops.append(rows.filter(pc.less_equal(rows["rank"], TOP)).select(["owner", "item"]))
        of_model = rows.filter(pc.not_equal(rows["model"], POPULARITY)) if "model" in rows.column_names else rows
        scores.append(of_model["score"].to_numpy())
    if not tops:
        return Sample(pa.table({"owner": [], "item": []}), np.empty(0, np.float32))
    return Sample(pa.concat_tables(tops), np.concatenate(scores))


def _rows(files: Sequence[Path], ranges: list[Range] | None, kind: Kind) -> Iterator[pa.Table]:
    """The rows of users within the ranges. Only row groups that may hold one are read."""
    names = {kind.owner: "owner", kind.item: "item", "rank": "rank", "score": "score", "model": "model"}
    columns = [name for name in kind.staged.names if name in names]
    for file in files:
        with pq.ParquetFile(file, page_checksum_verification=True) as part:
            for number, found in enumerate(_bounds(part.metadata, kind)):
                near = [r for r in ranges or () if found is None or not (r[1] < found.min or r[0] > found.max)]
                if ranges is not None and not near:
                    continue
                rows = part.read_row_group(number, columns=columns, use_threads=False)
                rows = rows.rename_columns([names[name] for name in rows.column_names])
                if ranges is None:
                    yield rows
                for low, high in near:
                    owner = rows["owner"]
                    yield rows.filter(pc.and_(pc.greater_equal(owner, low), pc.less_equal(owner, high)))


def _count_lists(files: Sequence[Path]) -> int:
    """How many lists a published night has: each has exactly one best item."""
    count = 0
    for file in files:
        with pq.ParquetFile(file, page_checksum_verification=True) as part:
            for batch in part.iter_batches(columns=["rank"], use_threads=False):
                count += int((batch["rank"].to_numpy() == 1).sum())
    return count


def _overlap(tops: pa.Table, was: pa.Table) -> float | None:
    """The mean share of top items that stayed, over users of both nights."""
    shared = tops.filter(pc.is_in(tops["owner"], value_set=pc.unique(was["owner"])))
    if not shared.num_rows:
        return None
    stayed = shared.join(was, keys=["owner", "item"], join_type="left semi", use_threads=False)
    return float(stayed.num_rows / shared.num_rows)


def _shift(scores: NDArray[np.float32], was: NDArray[np.float32]) -> float | None:
    finite = scores[np.isfinite(scores)].astype(np.float64)
    if not len(finite) or not len(was):
        return None
    spread = float(was.std(dtype=np.float64))
    return abs(float(finite.mean()) - float(was.mean(dtype=np.float64))) / max(spread, 1e-6)
