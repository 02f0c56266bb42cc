"""The catalogue of a log put on disk as raw items: one parquet file."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from warehouse.engine.errors import disk_sentences
from warehouse.engine.protocol import LocalEngine
from warehouse.engine.statements import statement
from warehouse.layout import Layout
from warehouse.sources.raw.log import LogFiles, form_of, require_columns
from warehouse.whole_files import replacing

if TYPE_CHECKING:
    import pyarrow as pa


def items_of(engine: LocalEngine, views: Mapping[str, LogFiles], name: str) -> "pa.Table":
    """The catalogue that statement `name` makes of some views."""
    with engine.open() as db:
        for view, log in views.items():
            require_columns(log)
            db.view(view, list(log.files), log.columns, form=form_of(log))
        return db.reader(statement(name)).read_all()


def rows_of(engine: LocalEngine, log: LogFiles) -> "pa.Table":
    """The rows of a log as they are: a catalogue that needs no statement of its own."""
    require_columns(log)
    with engine.open() as db:
        db.view("log", list(log.files), log.columns, form=form_of(log))
        return db.reader(statement("log_rows")).read_all()


def write_items(layout: Layout, table: "pa.Table") -> int:
    """Write raw/items/items.parquet, sorted by item_id; returns the number of items."""
    import pyarrow.parquet as pq

    with replacing(layout.raw_items / "items.parquet") as path, disk_sentences():
        pq.write_table(table.sort_by("item_id"), path, compression="zstd")
    return len(table)
