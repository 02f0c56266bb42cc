"""The columns of items that the rules of the shop name: missed before a night trains, not when it makes its lists."""

from datetime import date

import dagster as dg

from pipelines.policy.failures import STOPS_LISTS
from pipelines.settings.list_sections import Recommendations
from warehouse.layout import Layout


def require_rule_columns(layout: Layout, day: str, knobs: Recommendations) -> None:
    """Look for the columns of `caps` and `new_column` in the night's items; without a rule nothing is read.

    Raises:
        dagster.Failure: the items of the night are missing, or have no such column. It is marked as one that stops the
            lists too, so that no night tries them and says the same again.
    """
    from warehouse.steps.contexts.traits import require_columns

    if columns := [*knobs.caps, *([knobs.new_column] if knobs.new_share else [])]:
        try:
            require_columns(layout, date.fromisoformat(day), columns)
        except (ValueError, FileNotFoundError) as error:
            raise dg.Failure(description=str(error), metadata={STOPS_LISTS: True}, allow_retries=False) from error
