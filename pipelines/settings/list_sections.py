"""The knobs of what readers get: contexts, users' lists, similar items; see sections.py."""

from typing import Literal

from pydantic import Field

from pipelines.settings.kinds import (
    AtLeastOne,
    Caps,
    Column,
    Days,
    ItemList,
    ListLength,
    NoDays,
    NotNegative,
    ScoreShift,
    Share,
    Threads,
)
from pipelines.settings.sections import Section


class Contexts(Section):
    """What each user's list is made from."""

    window_days: Days = Field(default=30, description="every user with an event in the last so many days gets a list")
    source: Literal["session", "events"] = Field(
        default="session",
        description='"session": the list is made from the user\'s last session; "events": from the last events',
    )
    max_events: AtLeastOne = Field(default=50, description="at most so many of the latest events make the list")


class Lists(Section):
    """What may stand in lists and how long they are kept: knobs of [recommendations] that similar items follow too."""

    allow: ItemList = Field(
        default="",
        description="the only items that may be recommended: SQL on items (in_stock AND year > 1990) "
        'or a .parquet file with item_id; "" all',
    )
    deny: ItemList = Field(default="", description="items that must not be recommended, said in the same way")
    keep_nights: NoDays = Field(default=90, description="older nights leave the table; 0 keeps all")
    vacuum_hours: NotNegative = Field(
        default=168,
        le=876_600,
        description="files that no night needs are deleted after so long; "
        "below 168 late readers and rollback may miss them",
    )
    threads: Threads = Field(
        default=0,
        description="threads of scoring on a processor; 0: as many as pay and are free, one for narrow models",
    )


class Recommendations(Lists):
    """The lists, their audit, and how long they are kept."""

    n: ListLength = Field(default=100, description="items a user")
    exclude_seen: bool = Field(default=True, description="true: no item of the context is recommended again")
    explain: bool = Field(
        default=False,
        description="true: the column because_of says which event of the context lifts an item most; "
        "scoring takes 1.3 times as long for contexts of 3 events, 5 times for 20",
    )
    new_share: Share = Field(
        default=0.0, description="this share of a list, at every depth, is kept for new items; 0.0 off"
    )
    new_days: Days = Field(default=30, description="an item is new on its first so many days")
    new_column: Column = Field(
        default="released", description="the column of items with an item's first day: a date, a time, or 2026-01-31"
    )
    mmr: Share = Field(
        default=0.0,
        description="weight of being unlike the items above, against the score (maximal marginal relevance); 0.0 off",
    )
    pool: int = Field(
        default=4,
        ge=1,
        le=100,
        description="caps, new_share and mmr choose from so many times n of a user's best items",
    )
    max_fallback_share: Share = Field(
        default=0.5,
        description="audit: at most this share of users may get popular items for want of a known one; 1.0 off",
    )
    min_overlap: Share = Field(
        default=0.02,
        description="audit: at least this share of users' top 10 must have stood there the night before; 0.0 off",
    )
    max_score_shift: ScoreShift = 5.0
    max_user_drop: Share = Field(
        default=0.5, description="audit: at most this share of users fewer than the night before; 1.0 off"
    )
    caps: Caps = Field(
        default={},
        description="a line for each column of items that names a category, such as brand = {most = 2, first = 10}: "
        "at most 2 items of a brand among the first 10; without lines off",
    )


class SimilarItems(Section):
    """What is similar to each item, and the audit of that."""

    n: ListLength = Field(default=20, description="similar items an item")
    min_overlap: Share = Field(
        default=0.02,
        description="audit: at least this share of items' top 10 must have stood there the night before; 0.0 off",
    )
    max_score_shift: ScoreShift = 5.0
    max_item_drop: Share = Field(
        default=0.5, description="audit: at most this share of items fewer than the night before; 1.0 off"
    )
