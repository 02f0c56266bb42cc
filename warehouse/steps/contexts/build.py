"""What each user's list is made from: the items of the last session, or the last events, from the events themselves.

Nothing is filtered here: a single click, a robot's clicks and items that the model does not know are all context. A
user without an item that the model knows gets popular items later.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import date
from typing import TYPE_CHECKING

from warehouse.config import ContextConfig
from warehouse.days import as_day, first_of_window, midnight
from warehouse.engine.protocol import Engine
from warehouse.engine.row_groups import ROW_GROUP
from warehouse.engine.statements import ColumnList, statement
from warehouse.layout import Layout
from warehouse.steps.clicks.cut import cut_clicks, define_events, in_order

if TYPE_CHECKING:
    import pyarrow as pa


def contexts(
    engine: Engine, layout: Layout, run_date: date | str, config: ContextConfig | None = None
) -> "pa.RecordBatchReader":
    """Batches of (user_id, item_id): users ascending, the items of each user in the order they were met.

    Every user with an event in the window is there, with sessions that are still open too. Memory is the engine's limit
    and one batch. Close the reader, or read it to its end, to free the engine.

    Raises:
        FileNotFoundError: the events of `run_date` are missing.
    """
    import pyarrow as pa

    config = config or ContextConfig()
    run_date = as_day(run_date)
    with ExitStack() as stack:
        db = stack.enter_context(engine.open())
        columns = cut_clicks(db, config, define_events(db, layout, run_date, config))
        db.define(
            "clicks_of_window",
            statement("clicks_of_window", first=midnight(first_of_window(run_date, config.window_days))),
        )
        name = "contexts_session" if config.source == "session" else "contexts_events"
        order = {
            "times": ColumnList(("timestamp", "sequence") if "sequence" in columns else ("timestamp",)),
            "latest_first": in_order(columns, "timestamp", "item_id", suffix="DESC NULLS FIRST"),
            "order": in_order(columns, "user_id", "timestamp", "item_id"),
        }
        reader = db.reader(statement(name, max_events=config.max_events, **order), ROW_GROUP)
        opened = stack.pop_all()

    def batches() -> Iterator[pa.RecordBatch]:
        with opened:
            yield from reader

    return pa.RecordBatchReader.from_batches(reader.schema, batches())
