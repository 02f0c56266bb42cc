"""The two tables of lists: users' recommendations, and what is similar to each item.

Both are staged, audited, published, kept and rolled back by the same code. What differs is said here: whose list it is,
what stands in it, and which questions the audit asks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from warehouse.recommendations.limits import CHECKS, SIMILAR_CHECKS
from warehouse.tables import RECOMMENDATIONS, SIMILAR_ITEMS, STAGED_NIGHT, STAGED_SIMILAR, Table


@dataclass(frozen=True)
class Kind:
    """What a table of lists holds.

    Args:
        table: the columns that readers see.
        staged: those that whoever makes the lists gives.
        owner: the column that says whose list it is.
        item: the column of what stands in it.
        checks: name and meaning of the audit's questions.
        about: the table in a few words.
    """

    table: Table
    staged: Table
    owner: str
    item: str
    checks: Mapping[str, str]
    about: str

    @property
    def ids(self) -> tuple[str, ...]:
        """The columns that hold ids in every such table, in order."""
        return tuple(column.name for column in self.table.columns if column.type == "id" and not column.optional)

    @property
    def optional(self) -> tuple[str, ...]:
        """The columns that a night may have or lack."""
        return tuple(column.name for column in self.table.columns if column.optional)


RECOMMENDED = Kind(
    RECOMMENDATIONS, STAGED_NIGHT, "user_id", "item_id", CHECKS, "Top-N recommendations per user, one partition a night"
)
SIMILAR = Kind(
    SIMILAR_ITEMS, STAGED_SIMILAR, "item_id", "similar_item_id", SIMILAR_CHECKS,
    "Top-N similar items per item, one partition a night",
)  # fmt: skip
KINDS = (RECOMMENDED, SIMILAR)


def kind_at(path: Path) -> Kind:
    """Which table a folder is meant to hold, by its name."""
    return SIMILAR if path.name == SIMILAR.table.name else RECOMMENDED
