"""What each user's list is made from: the items of the last session, or the last events, from the events themselves.

Nothing is filtered away here: a single click, a robot, an item that the model does not know are all context; who has
none that the model knows gets popular items downstream.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import date, timedelta
from typing import TYPE_CHECKING

from warehouse.config import ContextConfig
from warehouse.engine.duckdb_engine import ROW_GROUP, Engine
from warehouse.engine.statements import statement
from warehouse.layout import Layout, as_day, midnight
from warehouse.steps.clicks.stage import define_events, stage_clicks

if TYPE_CHECKING:
    import pyarrow as pa


def contexts(
    engine: Engine, layout: Layout, run_date: date | str, config: ContextConfig | None = None
) -> "pa.RecordBatchReader":
    """Batches of (user_id, item_id): one run of rows a user, users ascending, items in the order they were met.

    Every user with an event in the window is there, sessions still open too. Memory is the engine's limit and one
    batch. FileNotFoundError if the events of `run_date` are missing. Close the reader (or read it to its end) to free
    the engine.
    """
    import pyarrow as pa

    config = config or ContextConfig()
    run_date = as_day(run_date)
    with ExitStack() as stack:
        db = stack.enter_context(engine.open())
        window = define_events(db, layout, run_date, config)
        stage_clicks(db, config, window.users)
        db.define("clicks_of_window", statement("clicks_of_window", first=midnight(_first_day(run_date, config))))
        name = "contexts_session" if config.source == "session" else "contexts_events"
        reader = db.reader(statement(name, max_events=config.max_events), ROW_GROUP)
        opened = stack.pop_all()

    def batches() -> Iterator[pa.RecordBatch]:
        with opened:
            yield from reader

    return pa.RecordBatchReader.from_batches(reader.schema, batches())


def _first_day(run_date: date, config: ContextConfig) -> date:
    return run_date - timedelta(days=config.window_days - 1)
