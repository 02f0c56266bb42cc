"""What each user's list is made from: the items of the last session, or the last events, from the events themselves.

Nothing is filtered here: a single click, a robot's clicks and items that the model does not know are all context. A
user without an item that the model knows gets popular items later.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from warehouse.config import ContextConfig
from warehouse.days import as_day, first_of_window, midnight
from warehouse.engine.protocol import Database, Engine, Task
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

    with ExitStack() as stack:
        db, sql, order = stack.enter_context(_defined(engine, layout, as_day(run_date), config or ContextConfig()))
        reader = db.reader(f"SELECT user_id, item_id FROM ({sql}) AS latest ORDER BY {order}", ROW_GROUP)  # noqa: S608
        opened = stack.pop_all()

    def batches() -> Iterator[pa.RecordBatch]:
        with opened:
            yield from reader

    return pa.RecordBatchReader.from_batches(reader.schema, batches())


def map_contexts(
    engine: Engine,
    layout: Layout,
    run_date: date | str,
    config: ContextConfig,
    task: Task,
    luggage: Path,
) -> list[str]:
    """Hand every user's context to a task, in groups of users, on the machines of the engine; see Database.map_groups.

    Args:
        task: gets batches of user_id, item_id and what orders them, ordered as in `contexts`, and the luggage.
        luggage: a folder of which each machine gets a copy.

    Returns:
        What the task made of each group, users ascending.

    Raises:
        FileNotFoundError: the events of `run_date` are missing.
    """
    with _defined(engine, layout, as_day(run_date), config) as (db, sql, order):
        return db.map_groups(sql, "user_id", order, task, luggage)


@contextmanager
def _defined(
    engine: Engine, layout: Layout, run_date: date, config: ContextConfig
) -> Iterator[tuple[Database, str, ColumnList]]:
    """An open database, the statement of all contexts (user_id, item_id and what orders them), and their order."""
    with engine.open() as db:
        columns = cut_clicks(db, config, define_events(db, layout, run_date, config))
        first = midnight(first_of_window(run_date, config.window_days))
        db.define("clicks_of_window", statement("clicks_of_window", first=first))
        name = "contexts_session" if config.source == "session" else "contexts_events"
        times = ColumnList(("timestamp", "sequence") if "sequence" in columns else ("timestamp",))
        latest_first = in_order(columns, "timestamp", "item_id", suffix="DESC NULLS FIRST")
        sql = statement(name, max_events=config.max_events, times=times, latest_first=latest_first)
        yield db, sql, in_order(columns, "user_id", "timestamp", "item_id")
