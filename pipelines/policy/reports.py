"""What holds for every asset alike."""

import dataclasses
from collections.abc import Iterator
from datetime import date
from typing import Any

OWNERS = ["team:recommendations"]


def numbers_of(report: Any) -> dict[str, Any]:
    """The counts and dates of a report (a dataclass) as metadata; parts of a report are spread out as part_count."""
    return dict(_spread(dataclasses.asdict(report)))


def _spread(values: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _spread(value, f"{prefix}{name}_")
        elif isinstance(value, int | float | str):
            yield prefix + name, value
        elif isinstance(value, date):
            yield prefix + name, value.isoformat()
