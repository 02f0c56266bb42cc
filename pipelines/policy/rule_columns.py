"""The columns of items that the rules of the shop name: missed before a night trains, not when it makes its lists."""

from datetime import date

from pipelines.settings.list_sections import Recommendations
from warehouse.layout import Layout


def require_rule_columns(layout: Layout, day: str, knobs: Recommendations) -> None:
    """Look for the columns of `caps` and `new_column` in the night's items; without a rule nothing is read.

    Raises:
        FileNotFoundError: the items of the night are missing.
        ValueError: they have no such column.
    """
    from warehouse.steps.contexts.traits import require_columns

    if columns := [*knobs.caps, *([knobs.new_column] if knobs.new_share else [])]:
        require_columns(layout, date.fromisoformat(day), columns)
