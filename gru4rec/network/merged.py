"""What merging makes of several members, beside the weights: it is found by training and is no option."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True)
class Merged:
    """State of a model that was merged of members; saved beside the weights.

    widths: units of each member. scales: s of each member's cosines once multiplied by its factor; 0 for products.
    mix: the factor of every second member's scores.
    """

    widths: tuple[int, ...]
    scales: tuple[float, ...]
    mix: float = 1.0

    @property
    def width(self) -> int:
        """Units of all members together."""
        return sum(self.widths)

    @property
    def factors(self) -> list[float]:
        """What each member's scores are multiplied by."""
        return [self.mix if order % 2 else 1.0 for order in range(len(self.widths))]

    def to_json(self) -> dict[str, Any]:
        """As a JSON object."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> Self:
        """Back from `to_json`; KeyError, TypeError or ValueError for another object."""
        widths, scales = tuple(map(int, content["widths"])), tuple(map(float, content["scales"]))
        if len(widths) != len(scales):
            raise ValueError(f"{len(widths)} widths, but {len(scales)} scales")
        return cls(widths, scales, float(content["mix"]))
