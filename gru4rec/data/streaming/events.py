"""The events of a log batch by batch, in plain columns of which sessions can be made.

Columns whose types say how each value is read (whole numbers, text ids, timestamps) come batch by batch. Where a column
can only be read as a whole, such as ids in floats or times in text, the log is read whole first.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from gru4rec.data.frames import ColumnNames, Frame, open_frame
from gru4rec.data.ids import as_ids, as_keys, in_column
from gru4rec.data.plain_types import plain, plain_type
from gru4rec.data.table_files import Rows
from gru4rec.data.times import as_times
from gru4rec.data.weights import as_weights

ITEM, WEIGHT = "item", "weight"


@dataclass
class EventStream:
    """A log that is read once, from its first event to its last.

    Batches have the columns key0, key1, .. (as `as_keys` reads them), item (as `as_ids`), clock0, clock1 (int64, as
    `as_times`), and weight (float32) where there are weights.

    Attributes:
        columns: what these are called in the log.
        source: the log as it comes.
        rows: how many events have been read so far.
        time_type: the Arrow type of the times, once a batch has been read.
    """

    columns: ColumnNames
    source: Rows
    rows: int = 0
    time_type: pa.DataType | None = None
    _nulls: Counter[str] = field(default_factory=Counter)

    @classmethod
    def open(cls, frame: Frame, columns: ColumnNames, item_type: pa.DataType | None = None) -> "EventStream":
        """Look at a frame's columns; no event is read yet. Arguments and faults are those of `read_frame`."""
        return cls(columns, open_frame(frame, columns.of_training, item=columns.item, item_type=item_type))

    @property
    def key_names(self) -> list[str]:
        """The columns of batches that together name a session."""
        return [f"key{number}" for number in range(len(self.columns.session))]

    @property
    def clock_names(self) -> list[str]:
        """The columns of batches that order the events of a session."""
        return [f"clock{number}" for number in range(len(self.columns.clocks))]

    def batches(self) -> Iterator[pa.RecordBatch]:
        """All events in their order.

        Raises:
            ValueError: after the last batch, when events lacked a value; what `as_ids`, `as_times` and `as_keys` raise;
                a file that breaks off.
        """
        schema = self.source.schema
        if all(_by_value(plain_type(schema.field(name).type), name, self.columns) for name in schema.names):
            for batch in self.source.batches:
                yield from self._of(self._complete(plain(pa.Table.from_batches([batch]))))
            self._check_nulls()
            return
        whole = self._complete(plain(pa.Table.from_batches(self.source.batches, schema)))
        self._check_nulls()
        yield from self._of(whole)

    def _complete(self, table: pa.Table) -> pa.Table:
        """The events that lack nothing; what others lack is counted."""
        self.rows += table.num_rows
        lacking = {name: table[name].null_count for name in table.column_names if table[name].null_count}
        self._nulls.update(lacking)
        return table.drop_null() if lacking else table

    def _check_nulls(self) -> None:
        item = self.columns.item
        if self._nulls[item]:
            raise ValueError(
                f"column {item}: {self._nulls[item]} of {self.rows} item ids are null; drop those rows first"
            )
        for name in self.columns.of_training:
            if self._nulls[name]:
                raise ValueError(f"column {name} has {self._nulls[name]} nulls; drop those rows first")

    def _of(self, table: pa.Table) -> Iterator[pa.RecordBatch]:
        """A table's events in the columns of this class."""
        if table.num_rows == 0:
            return
        columns: dict[str, Any] = {ITEM: in_column(self.columns.item, as_ids, table[self.columns.item])}
        for name, column in zip(self.clock_names, self.columns.clocks, strict=True):
            times = in_column(column, as_times, table[column])
            columns[name] = pa.array(times.values)
            if name == self.clock_names[0]:
                self.time_type = times.type
        for name, column in zip(self.key_names, self.columns.session, strict=True):
            columns[name] = in_column(column, as_keys, table[column])
        if self.columns.weight is not None:
            columns[WEIGHT] = in_column(self.columns.weight, as_weights, table[self.columns.weight])
        yield pa.RecordBatch.from_pydict(columns)


def _by_value(kind: pa.DataType, name: str, columns: ColumnNames) -> bool:
    """Whether a column's type alone says how its values are read, so that batches are read as the whole would be."""
    if name == columns.weight:
        return True
    whole = pa.types.is_integer(kind) and not pa.types.is_uint64(kind)
    when = pa.types.is_timestamp(kind) or pa.types.is_date(kind)
    may_be_text, may_be_time = name not in columns.clocks, name != columns.item
    return bool(whole or (may_be_text and pa.types.is_string(kind)) or (may_be_time and when))
