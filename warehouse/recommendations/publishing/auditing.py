"""The audit of a staged night: what must hold before anybody may see it.

Notable: the night is read back from the staged parts one row group at a time. So memory does not grow with it, and each
check is a few passes over arrays that fit in the processor's cache. A list that is cut by the end of a row group is
carried over to the next, so every question is asked of whole lists.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from warehouse.recommendations.limits import CHECKS, Audit, AuditLimits, Check, Expected
from warehouse.recommendations.publishing.sample import against
from warehouse.tables import POPULARITY, STAGED_NIGHT

GREATEST_SCORE = 3.4e38  # as the table's constraint has it: finite, and not NaN


def audit(
    files: Sequence[Path],
    run_date: dt.date,
    expected: Expected,
    limits: AuditLimits,
    *,
    previous: dt.date | None = None,
    before: Sequence[Path] = (),
) -> Audit:
    """Audit the staged parts of one night against what was asked for and against the night before.

    Args:
        files: parquet with the columns of `tables.STAGED_NIGHT`, in order of user and rank.
        expected: what the night was asked for.
        limits: how far it may lie from the night before.
        previous: the night before, where there is one.
        before: its files.
    """
    return judge(figures_of(files, expected), files, run_date, expected, limits, previous=previous, before=before)


def judge(
    figures: dict[str, int],
    files: Sequence[Path],
    run_date: dt.date,
    expected: Expected,
    limits: AuditLimits,
    *,
    previous: dt.date | None = None,
    before: Sequence[Path] = (),
) -> Audit:
    """Audit a night whose figures are known already; see `audit`. Of its files only a sample is read."""
    checks = [*_structure(figures, expected), *_distribution(files, figures, expected.n, limits, before)]
    return Audit(run_date, previous, figures["rows"], figures["users"], tuple(checks))


def figures_of(files: Sequence[Path], expected: Expected) -> dict[str, int]:
    """The figures of all row groups of some files, in order of user and rank, summed; see `CHECKS`."""
    total: dict[str, int] = {"rows": 0, "users": 0}
    shown = None if expected.items is None else pc.unique(expected.items)
    last: Any = None
    for rows in _whole_lists(files):
        found = _figures(rows, expected.n, shown)
        user = rows["user_id"]
        found["broken_ranks"] += int(last is not None and user[0].as_py() <= last)
        last = user[-1].as_py()
        for name, value in found.items():
            total[name] = total.get(name, 0) + value
    return total


def _whole_lists(files: Sequence[Path]) -> Iterator[pa.Table]:
    """The row groups of the parts in turn, each cut where a user's list ends. What is cut off comes with the next."""
    rest: pa.Table | None = None
    for file in files:
        with pq.ParquetFile(file, read_dictionary=["model"]) as part:
            for number in range(part.num_row_groups):
                rows = part.read_row_group(number, columns=list(STAGED_NIGHT.names), use_threads=False)
                fallback = _is_fallback(rows["model"])
                rows = rows.set_column(rows.schema.get_field_index("model"), "fallback", fallback)
                rows = rows if rest is None else pa.concat_tables([rest, rows])
                cut = int(np.flatnonzero(_starts(rows["user_id"]))[-1]) if rows.num_rows else 0
                if cut:
                    yield rows.slice(0, cut)
                rest = rows.slice(cut)
    if rest is not None and rest.num_rows:
        yield rest


def _is_fallback(model: pa.ChunkedArray) -> pa.ChunkedArray:
    """Whether each row is of the popularity fallback. Only the texts of the dictionary are compared."""
    chunks = [pc.equal(chunk.dictionary, POPULARITY).take(chunk.indices) for chunk in model.chunks]
    return pa.chunked_array(chunks, pa.bool_())


def _starts(user: pa.ChunkedArray) -> NDArray[np.bool_]:
    """[R] Whether a row starts a list: its user is not that of the row above, or it is the first."""
    whole = user.combine_chunks()
    starts = np.ones(len(whole), bool)
    if pa.types.is_integer(whole.type):
        values = whole.to_numpy()
        np.not_equal(values[1:], values[:-1], out=starts[1:])
    else:
        starts[1:] = pc.not_equal(whole.slice(1), whole.slice(0, len(whole) - 1)).to_numpy(zero_copy_only=False)
    return starts


def _figures(rows: pa.Table, n: int, shown: pa.Array | None) -> dict[str, int]:
    """What is wrong with these whole lists, counted; see `CHECKS` for the meanings."""
    starts = _starts(rows["user_id"])
    first = np.flatnonzero(starts)
    lengths = np.diff(first, append=len(starts))
    rank, score, probability, context = (
        rows[name].to_numpy() for name in ("rank", "score", "probability", "context_length")
    )
    follows = np.where(starts[1:], 1, rank[:-1] + np.int32(1))
    finite = np.abs(score) <= GREATEST_SCORE  # False for NaN
    likely = (probability >= 0) & (probability <= 1)
    catalogue = 0 if shown is None else len(shown)  # 0: not told, so a short list may be right
    least = np.minimum(n, np.maximum(catalogue - np.maximum.reduceat(context, first).astype(np.int64), 0))
    fallback = rows["fallback"].to_numpy()
    users = rows["user_id"].take(pa.array(first)).combine_chunks()
    return {
        "rows": len(starts),
        "users": len(first),
        "broken_ranks": int((rank[1:] != follows).sum()) + int(rank[0] != 1) + _falls(users),
        "out_of_order": int((~starts[1:] & finite[1:] & (score[1:] > score[:-1])).sum()),
        "not_finite": int((~(finite & likely)).sum()),
        "wrong_length": int(((lengths > n) | (lengths < least)).sum()),
        "fallback": int(np.logical_and.reduceat(fallback, first).sum()),
        **_items(rows["item_id"], starts, shown),
    }


def _falls(users: pa.Array) -> int:
    """How many of these users are smaller than the one before: lists that might be found in two places."""
    return len(users) - 1 - int(pc.sum(pc.greater(users.slice(1), users.slice(0, len(users) - 1))).as_py() or 0)


def _items(item: pa.ChunkedArray, starts: NDArray[np.bool_], shown: pa.Array | None) -> dict[str, int]:
    """How often an item stands twice in a list, and how many rows have an item that may not be shown."""
    encoded = item.combine_chunks().dictionary_encode()
    code = encoded.indices.to_numpy()
    unknown = 0
    if shown is not None:
        stray = pc.invert(pc.is_in(encoded.dictionary, value_set=shown)).to_numpy(zero_copy_only=False)
        unknown = int(stray[code].sum()) if stray.any() else 0
    pairs = np.cumsum(starts) * len(encoded.dictionary) + code
    pairs.sort()
    return {"duplicates": int((pairs[1:] == pairs[:-1]).sum()), "unknown": unknown}


def _structure(found: dict[str, int], expected: Expected) -> list[Check]:
    """The checks that a night must pass by itself."""
    asked = found["users"] if expected.users is None else expected.users
    zero = ("wrong_length", "broken_ranks", "duplicates", "unknown", "not_finite", "out_of_order")
    return [
        _check("not_empty", found["rows"], "> 0", found["rows"] > 0),
        _check("every_user", found["users"], f"= {asked:.0f}", found["users"] == asked),
        *(_check(name, found.get(name, 0), "0", found.get(name, 0) == 0) for name in zero),
    ]


def _distribution(
    files: Sequence[Path], found: dict[str, int], n: int, limits: AuditLimits, before: Sequence[Path]
) -> list[Check]:
    """The checks against the night before; on the first night only the fallback's share is known."""
    users = found["users"]
    share = found["fallback"] / users if users else None
    overlap, shift, drop = against(files, before, users, n) if before and users else (None, None, None)
    return [
        _limited("fallback_share", share, "<=", limits.max_fallback_share),
        _limited("overlap", overlap, ">=", limits.min_overlap),
        _limited("score_shift", shift, "<=", limits.max_score_shift),
        _limited("user_drop", drop, "<=", limits.max_user_drop),
    ]


def _limited(name: str, value: float | None, sign: str, limit: float | None) -> Check:
    """One figure against its limit; a figure that cannot be taken (no night before, no common user) passes."""
    if value is None or limit is None:
        return _check(name, value, "none", True)
    holds = math.isfinite(value) and (value <= limit if sign == "<=" else value >= limit)
    return _check(name, value, f"{sign} {limit:g}", holds)


def _check(name: str, value: float | None, limit: str, passed: bool) -> Check:
    return Check(name, bool(passed), value, limit, CHECKS[name])
