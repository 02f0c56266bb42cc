"""The audit of a staged night: what must hold before anybody may see it.

Notable: the night is read back from the staged parts one row group at a time. So memory does not grow with it, and each
check is a few passes over arrays that fit in the processor's cache; every question is asked of whole lists.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from warehouse.recommendations.kinds import RECOMMENDED, Kind
from warehouse.recommendations.limits import TOP, Audit, AuditLimits, Check, Expected
from warehouse.recommendations.publishing.house_rules import MILLION, Ruled
from warehouse.recommendations.publishing.sample import against
from warehouse.recommendations.whole_lists import starts as list_starts
from warehouse.recommendations.whole_lists import whole_lists
from warehouse.tables import POPULARITY

GREATEST_SCORE = 3.4e38  # as the table's constraint has it: finite, and not NaN


def audit(
    files: Sequence[Path],
    run_date: dt.date,
    expected: Expected,
    limits: AuditLimits,
    *,
    earlier: Iterable[tuple[dt.date, Sequence[Path]]] = (),
    kind: Kind = RECOMMENDED,
) -> Audit:
    """Audit the staged parts of one night against what was asked for and against the night before.

    A night before that can no longer be read stops nobody: the newest one that can is compared with.

    Args:
        files: parquet with the kind's staged columns, in order of whose list it is, and rank.
        expected: what the night was asked for.
        limits: how far it may lie from the night before.
        earlier: the nights before with their files, newest first.
        kind: of the table.
    """
    return judge(figures_of(files, expected, kind), files, run_date, expected, limits, earlier=earlier, kind=kind)


def judge(
    figures: dict[str, int],
    files: Sequence[Path],
    run_date: dt.date,
    expected: Expected,
    limits: AuditLimits,
    *,
    earlier: Iterable[tuple[dt.date, Sequence[Path]]] = (),
    kind: Kind = RECOMMENDED,
) -> Audit:
    """Audit a night whose figures are known already; see `audit`. Of its files only a sample is read."""
    previous, unreadable, found = _against_readable(files, figures["users"], expected.n, earlier, kind)
    asked = {**_structure(figures, expected), **_distribution(figures, limits, found), **_of_house(figures, expected)}
    checks = tuple(Check(name, *asked[name], meaning) for name, meaning in kind.checks.items())
    return Audit(run_date, previous, figures["rows"], figures["users"], checks, unreadable)


Against = tuple[float | None, float | None, float | None]  # overlap, change of score, drop of lists


def _against_readable(
    files: Sequence[Path], users: int, n: int, earlier: Iterable[tuple[dt.date, Sequence[Path]]], kind: Kind
) -> tuple[dt.date | None, tuple[dt.date, ...], Against]:
    """The newest night that can be read, those after it that cannot, and tonight compared with it."""
    unreadable: list[dt.date] = []
    for night, before in earlier:
        try:
            return night, tuple(unreadable), against(files, before, users, n, kind) if users else (None, None, None)
        except (OSError, pa.ArrowException):
            unreadable.append(night)
    return None, tuple(unreadable), (None, None, None)


def figures_of(files: Sequence[Path], expected: Expected, kind: Kind = RECOMMENDED) -> dict[str, int]:
    """The figures of all row groups of some files, in order of whose list it is, and rank, summed; see the checks."""
    total: dict[str, int] = {"rows": 0, "users": 0}
    shown = None if expected.items is None else pc.unique(expected.items)
    house = None if expected.house is None else Ruled.of(expected.house)
    last: Any = None
    for rows in whole_lists(files, kind):
        found = _figures(rows, expected.n, shown, house)
        user = rows["owner"]
        found["broken_ranks"] += int(last is not None and user[0].as_py() <= last)
        last = user[-1].as_py()
        for name, value in found.items():
            total[name] = total.get(name, 0) + value
    return total


def _is_fallback(model: pa.ChunkedArray) -> pa.ChunkedArray:
    """Whether each row is of the popularity fallback. Only the texts of the dictionary are compared."""
    chunks = [pc.equal(chunk.dictionary, POPULARITY).take(chunk.indices) for chunk in model.chunks]
    return pa.chunked_array(chunks, pa.bool_())


def _figures(rows: pa.Table, n: int, shown: pa.Array | None, house: Ruled | None) -> dict[str, int]:
    """What is wrong with these whole lists, counted; see the kind's checks for the meanings."""
    starts = list_starts(rows["owner"])
    first = np.flatnonzero(starts)
    lengths = np.diff(first, append=len(starts))
    rank, score = rows["rank"].to_numpy(), rows["score"].to_numpy()
    follows = np.where(starts[1:], 1, rank[:-1] + np.int32(1))
    finite = np.abs(score) <= GREATEST_SCORE  # False for NaN
    users = rows["owner"].take(pa.array(first)).combine_chunks()
    catalogue = 0 if shown is None else len(shown)  # 0: not told, so a short list may be right
    least = np.minimum(n, np.maximum(catalogue - _left_out(rows, first), 0))
    return {
        "rows": len(starts),
        "users": len(first),
        "broken_ranks": int((rank[1:] != follows).sum()) + int(rank[0] != 1) + _falls(users),
        "out_of_order": int((~starts[1:] & finite[1:] & (score[1:] > score[:-1])).sum()),
        "not_finite": int((~(finite & _likely(rows))).sum()),
        "wrong_length": int(((lengths > n) | (lengths < least)).sum()),
        **_of_kind(rows, first),
        **_items(rows["item"], starts, shown),
        **({} if house is None else house.figures(rows, first)),
    }


def _left_out(rows: pa.Table, first: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many items of the catalogue each list may lack: those of its context, or the item itself."""
    if "context_length" not in rows.column_names:
        return np.ones(len(first), np.int64)
    return np.maximum.reduceat(rows["context_length"].to_numpy(), first).astype(np.int64)


def _likely(rows: pa.Table) -> NDArray[np.bool_]:
    """Whether each row's probability, where there are any, is one."""
    if "probability" not in rows.column_names:
        return np.ones(len(rows), bool)
    probability: NDArray[np.float32] = rows["probability"].to_numpy()
    return np.asarray((probability >= 0) & (probability <= 1))


def _of_kind(rows: pa.Table, first: NDArray[np.int64]) -> dict[str, int]:
    """What is asked of one kind alone: lists of popular items, or items that are similar to themselves."""
    if "model" in rows.column_names:
        fallback = _is_fallback(rows["model"]).to_numpy()
        return {"fallback": int(np.logical_and.reduceat(fallback, first).sum())}
    return {"itself": int(pc.sum(pc.equal(rows["owner"], rows["item"])).as_py() or 0)}


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


_Answer = tuple[bool, float | None, str]  # whether it holds, the figure, what is allowed


def _structure(found: dict[str, int], expected: Expected) -> dict[str, _Answer]:
    """The checks that a night must pass by itself."""
    asked = found["users"] if expected.users is None else expected.users
    everyone = (found["users"] == asked, found["users"], f"= {asked:.0f}")
    if expected.items is not None and len(pc.unique(expected.items)) <= expected.left_out:
        everyone = (found["users"] <= asked, found["users"], f"<= {asked:.0f}")
    zero = ("wrong_length", "broken_ranks", "duplicates", "unknown", "itself", "not_finite", "out_of_order")
    return {
        "not_empty": (found["rows"] > 0, found["rows"], "> 0"),
        "every_user": everyone,
        "every_item": everyone,
        **{name: (found.get(name, 0) == 0, found.get(name, 0), "0") for name in zero},
    }


def _distribution(found: dict[str, int], limits: AuditLimits, compared: Against) -> dict[str, _Answer]:
    """The checks against the night before; on the first night only the fallback's share is known."""
    users = found["users"]
    share = found.get("fallback", 0) / users if users else None
    overlap, shift, drop = compared
    fewer = _limited(drop, "<=", limits.max_user_drop)
    return {
        "fallback_share": _limited(share, "<=", limits.max_fallback_share),
        "overlap": _limited(overlap, ">=", limits.min_overlap),
        "score_shift": _limited(shift, "<=", limits.max_score_shift),
        "user_drop": fewer,
        "item_drop": fewer,
    }


def _of_house(found: dict[str, int], expected: Expected) -> dict[str, _Answer]:
    """What the rules of the shop came to. They are kept as far as a list's candidates allow, so nothing is limited."""
    rules, users = expected.house, found["users"]
    if rules is None:
        names = ("over_cap", "short_of_new", "reordered", "alike", "alike_by_score")
        return dict.fromkeys(names, (True, None, "no such rule"))
    alike = {name: found[name] / MILLION / users if users and name in found else None
             for name in ("alike", "alike_by_score")}  # fmt: skip
    figures: dict[str, float | None] = {
        "over_cap": found.get("over_cap", 0) if rules.caps else None,
        "short_of_new": found.get("short_of_new", 0) if rules.share else None,
        "reordered": found.get("reordered", 0) / users if users else None,
        **alike,
    }
    answers = {name: (True, value, "no such rule" if value is None else "any") for name, value in figures.items()}
    if rules.vectors is None:
        return answers
    if expected.n < 2 * TOP:
        answers["alike_by_score"] = (True, None, "lists are too short to tell")
    return {**answers, "out_of_order": (True, None, "any: unlike items are preferred")}


def _limited(value: float | None, sign: str, limit: float | None) -> _Answer:
    """One figure against its limit; a figure that cannot be taken (no night before, no common user) passes."""
    if value is None or limit is None:
        return True, value, "none"
    holds = math.isfinite(value) and (value <= limit if sign == "<=" else value >= limit)
    return holds, value, f"{sign} {limit:g}"
