"""Rules of the shop that the night's items cannot keep: missed before a night trains, not when it makes its lists."""

from datetime import date

import dagster as dg

from pipelines.policy.failures import STOPS_LISTS
from pipelines.policy.resources import Warehouse
from pipelines.settings.list_sections import Recommendations


def require_rules(warehouse: Warehouse, day: str, knobs: Recommendations) -> None:
    """Look for the columns of `caps` and `new_column` in the night's items, and read `allow` and `deny`.

    Without a rule nothing is read.

    Raises:
        dagster.Failure: the items of the night are missing, have no such column, or a list cannot be read or leaves no
            item. It is marked as one that stops the lists too, so that no night tries them and says the same again.
    """
    from warehouse.steps.contexts.shelf import shelf
    from warehouse.steps.contexts.traits import require_columns

    layout = warehouse.layout
    try:
        if columns := [*knobs.caps, *([knobs.new_column] if knobs.new_share else [])]:
            require_columns(layout, date.fromisoformat(day), columns)
        if knobs.allow or knobs.deny:
            shelf(warehouse.local_engine(), layout, day, knobs.allow, knobs.deny)
    except (ValueError, FileNotFoundError) as error:
        raise dg.Failure(description=str(error), metadata={STOPS_LISTS: True}, allow_retries=False) from error
