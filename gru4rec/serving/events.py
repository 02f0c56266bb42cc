"""A frame of events as the contexts that `stream` reads: a session's items side by side, oldest first."""

from collections.abc import Iterator

import pyarrow as pa

from gru4rec.data.frames import ColumnNames, Frame, read_frame
from gru4rec.data.sessions import as_times, in_column

BATCH = 1 << 16  # rows handed on at a time


def contexts_of(frame: Frame, columns: ColumnNames) -> Iterator[pa.RecordBatch]:
    """Batches with `user_id` (the session's id) and `item_id`, sessions in order of their ids, events in order of time.

    Args:
        frame: the events, as `Dataset.from_table` takes them, in any order.
        columns: one session column, the item and the time.

    Raises:
        FileNotFoundError: there is no file at a path.
        ValueError: more than one column names a session, a column is missing or has nulls, or the times cannot be
            ordered.
    """
    if len(columns.session) != 1:
        raise ValueError(f"lists need one column that names a session, got {', '.join(columns.session)}")
    events = read_frame(frame, columns.of_events)
    for name in columns.of_events:
        if events[name].null_count:
            raise ValueError(f"column {name} has {events[name].null_count} nulls; drop those rows first")
    times = in_column(columns.time, as_times, events[columns.time])
    rows = pa.table({"user_id": events[columns.session[0]], "time": times, "item_id": events[columns.item]})
    ordered = rows.sort_by([(name, "ascending") for name in rows.column_names]).select(["user_id", "item_id"])
    return iter(ordered.to_batches(max_chunksize=BATCH))
