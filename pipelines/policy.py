"""What holds for every asset alike."""

import dataclasses
from datetime import date
from typing import Any

OWNERS = ["team:recommendations"]


def numbers_of(report: Any) -> dict[str, Any]:
    """The counts and dates of a report (a dataclass) as metadata; a mapping of counts is spread out."""
    found: dict[str, Any] = {}
    for field in dataclasses.fields(report):
        value = getattr(report, field.name)
        if isinstance(value, int | float | str):
            found[field.name] = value
        elif isinstance(value, date):
            found[field.name] = value.isoformat()
        elif isinstance(value, dict):
            found |= {f"{field.name}_{name}": count for name, count in value.items()}
    return found
