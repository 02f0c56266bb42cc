"""What an audit is asked and what it answers: plain data that is light to import, for whoever names the checks.

Every audit answers every check of its table (`CHECKS` or `SIMILAR_CHECKS`), on the first night too: a figure that
cannot be taken yet is None, and passes.
"""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from warehouse.values import a_share, above_zero, fields_of, whole

if TYPE_CHECKING:
    import pyarrow as pa

TOP = 10  # ranks compared with the night before

CHECKS = {
    "not_empty": "rows in the night",
    "every_user": "users with a list",
    "wrong_length": "users without exactly N items (fewer only where the catalogue ends)",
    "broken_ranks": "rows whose rank does not follow the one above (1..N in each list)",
    "duplicates": "items that stand twice in one user's list",
    "unknown": "rows with an item that is unknown, or denied",
    "not_finite": "rows whose score is not finite or whose probability is not within 0..1",
    "out_of_order": "rows with a higher score than the rank above them (under rules of the shop: of the same kind)",
    "fallback_share": "share of users who get the popular items for want of a known one",
    "overlap": f"mean share of a user's top {TOP} that stood there the night before",
    "score_shift": "change of the mean score, in the night before's standard deviations",
    "user_drop": "share of users fewer than the night before",
    "over_cap": "lists with more of a category among their first items than the rules of the shop ask for",
    "short_of_new": "lists with fewer new items than the rules of the shop keep for them",
    "reordered": "share of lists in which rules of the shop put an item above one with a higher score",
    "alike": f"mean cosine of two items of a user's top {TOP}, where the rules of the shop prefer unlike ones",
    "alike_by_score": f"the same of the {TOP} best scores of a list: what stood on top without the rule",
}
SIMILAR_CHECKS = {
    "not_empty": "rows in the night",
    "every_item": "items with a list",
    "wrong_length": "items without exactly N similar ones (fewer only where the catalogue ends)",
    "broken_ranks": "rows whose rank does not follow the one above (1..N in each list)",
    "duplicates": "items that stand twice in one item's list",
    "unknown": "rows with a similar item that is unknown, or denied",
    "itself": "rows in which an item is similar to itself",
    "not_finite": "rows whose score is not finite",
    "out_of_order": "rows with a higher score than the rank above them",
    "overlap": f"mean share of an item's top {TOP} that stood there the night before",
    "score_shift": "change of the mean score, in the night before's standard deviations",
    "item_drop": "share of items fewer than the night before",
}


@dataclass(frozen=True)
class AuditLimits:
    """How far a night may lie from what is expected. None switches a limit off; shares are between 0 and 1.

    All but the first compare with the newest earlier night, and pass where there is none. The defaults are wide: they
    stop a night made from wrong data or by a broken model, not an ordinary change of taste.

    Args:
        max_fallback_share: of the users, how many may get the popular items.
        min_overlap: mean share of a list's top items that must have stood there the night before.
        max_score_shift: of the mean score, in the standard deviations of the night before.
        max_user_drop: share by which the users (of similar items: the items) with a list may be fewer.
    """

    max_fallback_share: float | None = 0.5
    min_overlap: float | None = 0.02
    max_score_shift: float | None = 5.0
    max_user_drop: float | None = 0.5

    def __post_init__(self) -> None:
        for name, value in fields_of(self, "max_fallback_share", "min_overlap", "max_user_drop"):
            if value is not None:
                a_share(name, value)
        if self.max_score_shift is not None:
            above_zero("max_score_shift", self.max_score_shift)


@dataclass(frozen=True)
class Cap:
    """At most `most` items of one category of a column of the traits among the first `first` of a list."""

    column: str
    most: int
    first: int = 10


@dataclass(frozen=True)
class HouseRules:
    """The rules of the shop that reordered a night's lists, as its audit counts what they came to.

    Args:
        traits: item_id, new (bool), and the columns of the caps (text or null); items that it lacks have no category
            and are not new.
        caps: none for no such rule.
        share: of a list's places, rounded down, that are kept for new items; 0 for no such rule.
        vectors: item_id and vector (of length 1), where items that are unlike each other were preferred, so that scores
            need not fall along a list; None for no such rule. Items that it lacks count as like none.
    """

    traits: pa.Table
    caps: tuple[Cap, ...] = ()
    share: float = 0.0
    vectors: pa.Table | None = None


@dataclass(frozen=True)
class Expected:
    """What the night was asked for.

    Args:
        n: items a list.
        users: how many users (of similar items: items) get a list; None leaves that check out.
        items: the ids that may be shown, the catalogue after allow and deny lists; None leaves that check out.
        house: the rules of the shop that chose the lists; None for none.
        left_out: how many of the items a list may have to do without: those of a whole context, or the item itself.
            Where that may be all of them, somebody may have no list.
    """

    n: int = 100
    users: int | None = None
    items: pa.Array | pa.ChunkedArray | None = field(default=None, compare=False)
    house: HouseRules | None = field(default=None, compare=False)
    left_out: int = 0

    def __post_init__(self) -> None:
        whole("n", self.n, 1, 32_767)


@dataclass(frozen=True)
class Check:
    """One question of the audit: what was found, what is allowed, and whether that holds."""

    name: str
    passed: bool
    value: float | None
    limit: str
    meaning: str


@dataclass(frozen=True)
class Audit:
    """The audit's answer for one night: `passed`, and each `Check` with its figure."""

    run_date: dt.date
    previous: dt.date | None
    rows: int
    users: int
    checks: tuple[Check, ...]
    unreadable: tuple[dt.date, ...] = ()  # nights before that can no longer be read, and were not compared with

    @property
    def passed(self) -> bool:
        """Whether every check holds."""
        return all(check.passed for check in self.checks)

    @property
    def failures(self) -> tuple[Check, ...]:
        """The checks that do not hold."""
        return tuple(check for check in self.checks if not check.passed)

    @property
    def figures(self) -> dict[str, float | None]:
        """Name and figure of each check."""
        return {check.name: check.value for check in self.checks}

    def to_json(self) -> str:
        """The whole audit as JSON, readable beside a rejected night."""
        return json.dumps({**asdict(self), "passed": self.passed}, default=str, indent=2)
