"""Ids that readers ask by, as a night has them: a question that would find nothing, or somebody else, is refused."""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Number
from typing import Any

import numpy as np
import pyarrow as pa

from warehouse.recommendations.errors import RecommendationsError
from warehouse.recommendations.kinds import Kind
from warehouse.recommendations.reading.snapshots import Night
from warehouse.sentences import shown

EXACT = 2**53  # below it a float holds every whole number; from it on, two ids may be one


def require_kind(night: Night, kind: Kind) -> None:
    """Refuse a night of the other table; RecommendationsError says which it is not."""
    if not set(kind.ids) <= set(night.schema.names):
        raise RecommendationsError(
            f"{night.path} is no {kind.table.name} table, for it has the columns {', '.join(night.schema.names)}: "
            "name the folder of the other one"
        )


def asked_ids(night: Night, kind: Kind, ids: Iterable[Any]) -> list[int | str]:
    """Whose lists are asked for, in the night's own type: text, or whole numbers in whatever type holds them.

    Raises:
        RecommendationsError: one of them is of the other type or no id, or the night is one of the other table.
    """
    require_kind(night, kind)
    column = kind.owner
    text = pa.types.is_string(night.schema.field(column).type)
    found = []
    for given in ids:
        one = _id_of(given)
        if one is None or isinstance(one, str) != text:
            said = "no id" if one is None else "text" if isinstance(one, str) else "a number"
            raise RecommendationsError(
                f"{column} {shown(given)} is {said}, but the {column.replace('_', ' ')}s of {night.path} are "
                f"{'text' if text else 'integers'}"
            )
        found.append(one)
    return found


def _id_of(given: Any) -> int | str | None:
    """The id, as Python's own integer or text; None where it is neither."""
    if type(given) is int or isinstance(given, str):
        return given
    if isinstance(given, bool) or not isinstance(given, Number):
        return None
    if isinstance(given, float | np.floating) and not -EXACT < float(given) < EXACT:  # NaN too
        return None
    number: Any = given
    try:
        return int(number) if int(number) == number else None
    except (ValueError, OverflowError, TypeError):  # a Decimal's NaN or infinity, a complex number
        return None
