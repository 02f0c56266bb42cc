"""What merging makes of several members, beside the weights: it is found by training and is no option."""

import dataclasses
import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True)
class Merged:
    """State of a model that was merged of members; saved beside the weights.

    widths: units of each member. scales: s of each member's cosines once multiplied by its factor; 0 for products.
    factors: what each member's scores are multiplied by.
    """

    widths: tuple[int, ...]
    scales: tuple[float, ...]
    factors: tuple[float, ...]

    @property
    def width(self) -> int:
        """Units of all members together."""
        return sum(self.widths)

    @property
    def units(self) -> tuple[slice, ...]:
        """Where each member's units stand among those of all."""
        ends = itertools.accumulate(self.widths)
        return tuple(slice(end - width, end) for end, width in zip(ends, self.widths, strict=True))

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """Back from `to_json`; KeyError, TypeError or ValueError for another object.

        Before members could differ one by one, `mix` was the factor of every second member.
        """
        widths, scales = tuple(map(int, content["widths"])), tuple(map(float, content["scales"]))
        factors = content["factors"] if "factors" in content else alternating(float(content["mix"]), len(widths))
        if not len(widths) == len(scales) == len(factors):
            raise ValueError(f"{len(widths)} widths, but {len(scales)} scales and {len(factors)} factors")
        return cls(widths, scales, tuple(map(float, factors)))


def alternating(mix: float, members: int) -> tuple[float, ...]:
    """Factors of so many members of which every second one counts `mix` times as much as the others."""
    return tuple(mix if order % 2 else 1.0 for order in range(members))
