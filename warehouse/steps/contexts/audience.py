"""Who gets a list tonight, counted straight from the events.

The count does not come from the contexts, so that the audit of a night notices when a context got lost.
"""

from datetime import date, timedelta

from warehouse.days import as_day, days_between, first_of_window, midnight
from warehouse.engine.protocol import Engine
from warehouse.engine.statements import statement
from warehouse.layout import Layout


def audience(engine: Engine, layout: Layout, run_date: date | str, window_days: int) -> int:
    """How many users have an event in the `window_days` up to `run_date`: each gets a list.

    Raises:
        FileNotFoundError: the events of `run_date` are missing.
    """
    run_date = as_day(run_date)
    if not layout.files("events", run_date):
        raise FileNotFoundError(f"the events of {run_date} are missing: materialise events of that day first")
    first = first_of_window(run_date, window_days)
    files = [file for day in days_between(first, run_date) for file in layout.files("events", day)]
    with engine.open() as db:
        db.view("arrived", files)
        bounds = {"first": midnight(first), "end": midnight(run_date + timedelta(days=1))}
        return int(db.rows(statement("audience", **bounds))[0][0])
