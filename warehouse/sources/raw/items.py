"""The catalogue of a log put on disk as raw items: one parquet file."""

import logging
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from warehouse.engine.errors import disk_sentences
from warehouse.engine.protocol import LocalEngine
from warehouse.engine.statements import statement
from warehouse.layout import Layout
from warehouse.sources.raw.log import LogFiles, view_log
from warehouse.whole_files import replacing

if TYPE_CHECKING:
    import pyarrow as pa

_log = logging.getLogger(__name__)


def items_of(engine: LocalEngine, views: Mapping[str, LogFiles], name: str) -> "pa.Table":
    """The catalogue that statement `name` makes of some views."""
    with engine.open() as db:
        for view, log in views.items():
            view_log(db, view, log)
        return db.reader(statement(name)).read_all()


def rows_of(engine: LocalEngine, log: LogFiles) -> "pa.Table":
    """The rows of a log as they are: a catalogue that needs no statement of its own."""
    with engine.open() as db:
        view_log(db, "log", log)
        return db.reader(statement("log_rows")).read_all()


def write_items(layout: Layout, table: "pa.Table") -> int:
    """Write raw/items/items.parquet, sorted by item_id; returns the number of items.

    There is one catalogue, the last one: a log line says how many items of the one before it lacks, another one how
    many rows have no id that can be kept.
    """
    import pyarrow.parquet as pq

    file = layout.raw_items / "items.parquet"
    lacking = _lacking(file, table)
    with replacing(file) as path, disk_sentences():
        pq.write_table(table.sort_by("item_id"), path, compression="zstd")
    if lacking:
        _log.warning("the catalogue %s was replaced by one that lacks %d of its items", file, lacking)
    if nameless := table["item_id"].null_count:
        _log.warning("%d rows of the catalogue have no item id that can be kept: no night takes them in", nameless)
    return len(table)


def _lacking(file: Path, table: "pa.Table") -> int:
    """How many items of a file a catalogue lacks; 0 where there is no such file that can be read and names them so."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    with suppress(OSError, KeyError, pa.ArrowException):
        before = pc.cast(pq.read_table(file, columns=["item_id"])["item_id"], pa.string())
        now = pc.cast(table["item_id"], pa.string())
        return int(pc.sum(pc.invert(pc.is_in(before, value_set=now.combine_chunks()))).as_py() or 0)
    return 0
