"""A frame of events as the contexts that `stream` reads: a session's items side by side, oldest first."""

from collections.abc import Iterator
from functools import partial

import pyarrow as pa

from gru4rec.data.frames import ColumnNames, Frame, read_frame
from gru4rec.data.ids import as_ids, as_keys, in_column
from gru4rec.data.times import as_times
from gru4rec.data.vocabulary import Vocabulary

BATCH = 1 << 16  # rows handed on at a time


def contexts_of(frame: Frame, columns: ColumnNames, vocabulary: Vocabulary) -> Iterator[pa.RecordBatch]:
    """Batches with `user_id` (the session's id) and `item_id`, sessions in order of their ids, events in order of time.

    Args:
        frame: the events, as `Dataset.from_table` takes them, in any order.
        columns: one session column, the item and the time.
        vocabulary: the model's; the ids must be of its type.

    Raises:
        FileNotFoundError: there is no file at a path.
        ValueError: more than one column names a session, a column is missing or has nulls, or the times cannot be
            ordered.
    """
    if len(columns.session) != 1:
        raise ValueError(f"lists need one column that names a session, got {', '.join(columns.session)}")
    events = read_frame(frame, columns.of_events, item=columns.item, item_type=vocabulary.id_type)
    for name in columns.of_events:
        if events[name].null_count:
            raise ValueError(f"column {name} has {events[name].null_count} nulls; drop those rows first")
    users = in_column(columns.session[0], as_keys, events[columns.session[0]])
    clocks = [in_column(name, as_times, events[name]).values for name in columns.clocks]
    items = in_column(columns.item, partial(as_ids, like=vocabulary.id_type), events[columns.item])
    in_column(columns.item, vocabulary.encode, items.slice(0, 1))  # raises for ids of another type
    rows = pa.table([users, *clocks, items], ["user_id", *map(str, range(len(clocks))), "item_id"])
    ordered = rows.sort_by([(name, "ascending") for name in rows.column_names]).select(["user_id", "item_id"])
    return iter(ordered.to_batches(max_chunksize=BATCH))
