"""The parquet files that a night consists of: how rows become parts, and what the table's log says of each part.

Notable: a part is written once. It is staged, audited and then moved into the table as it is. So its columns are the
table's own, without the partition's date, which Delta keeps in the log. Its statistics go into the log, where engines
look before they open a file.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from warehouse.engine.row_groups import regrouped
from warehouse.recommendations.errors import RecommendationsError
from warehouse.recommendations.kinds import Kind
from warehouse.whole_files import to_disk

# Rows. With half as many, one user's list is read in half the time and files grow by 5 percent (docs/benchmarks.md).
ROW_GROUP = 61_440
ROWS_A_PART = 200 * ROW_GROUP  # about 120 MB: one user's file is found without reading a large footer
# A dictionary pays where values come again in no order. These columns, and whose list it is, are runs, or hold hardly
# any value twice.
PLAIN = ("rank", "score", "probability")


class PartsWriter:
    """Writes tables of rows as `part-00000.parquet`, `part-00001.parquet`, ... into `folder`.

    Every call of `write` makes one row group. A full part is flushed to disk.
    """

    def __init__(self, folder: Path, schema: pa.Schema, owner: str) -> None:
        self.folder = folder
        self.files: list[Path] = []
        self._schema = schema
        self._plain = (owner, *PLAIN)
        self._writer: pq.ParquetWriter | None = None
        self._rows = 0  # in the part that is open

    def write(self, group: pa.Table) -> None:
        """Append one row group; OSError when the disk refuses."""
        if self._writer is None:
            self.files.append(self.folder / f"part-{len(self.files):05d}.parquet")
            self._writer = pq.ParquetWriter(
                self.files[-1], self._schema, compression="zstd", compression_level=1, store_schema=False,
                write_page_checksum=True,
                use_dictionary=[name for name in self._schema.names if name not in self._plain],
            )  # fmt: skip
        self._writer.write_table(group, row_group_size=max(group.num_rows, 1))
        self._rows += group.num_rows
        if self._rows >= ROWS_A_PART:
            self.close()

    def close(self) -> None:
        """Finish the open part and flush it to disk, for Delta's log will promise that it is there."""
        if self._writer is None:
            return
        writer, self._writer, self._rows = self._writer, None, 0
        writer.close()
        to_disk(self.files[-1])

    def abandon(self) -> None:
        """Close the open part after an error, which stays the one to report: the part is about to be removed."""
        if self._writer is not None:
            with suppress(OSError):
                self._writer.close()
            self._writer = None


def part_schema(table: pa.Schema) -> pa.Schema:
    """The columns of a part: the table's, without the partition's date."""
    return table.remove(table.get_field_index("run_date"))


def row_groups(
    batches: Iterable[pa.RecordBatch], schema: pa.Schema, constants: Mapping[str, object], kind: Kind
) -> Iterator[pa.Table]:
    """Regroup batches of any size into tables of ROW_GROUP rows; the last one holds what is left.

    Args:
        batches: with the kind's staged columns.
        schema: the columns of the tables: those of the batches and the constants.
        constants: name and value of the columns that are the same on every row.
        kind: of the table.
    """
    names = [name for name in kind.staged.names if name in schema.names]
    staged = pa.schema([schema.field(name).with_nullable(name in kind.optional) for name in names])
    repeated = {name: pa.repeat(pa.scalar(value, schema.field(name).type), ROW_GROUP)
                for name, value in constants.items()}  # fmt: skip
    for rows in regrouped(batches, ROW_GROUP):
        cast = _cast(rows, staged)
        columns = [repeated[n].slice(0, len(cast)) if n in repeated else cast[n] for n in schema.names]
        yield pa.table(columns, schema=schema)


def _cast(batches: list[pa.RecordBatch], schema: pa.Schema) -> pa.Table:
    try:
        return pa.Table.from_batches(batches).select(schema.names).cast(schema)
    except (pa.ArrowInvalid, pa.ArrowTypeError, KeyError, ValueError) as error:
        raise RecommendationsError(
            f"the recommendations do not fit the table's columns ({str(error).splitlines()[0]}): nothing was published"
        ) from error


def schema_of(staged: pa.Schema, kind: Kind) -> pa.Schema:
    """The table's columns with the types of ids that were staged; `RecommendationsError` for what does not fit."""
    missing = [name for name in kind.staged.required if name not in staged.names]
    if missing:
        raise RecommendationsError(
            f"the recommendations lack the column(s) {', '.join(missing)}: nothing was published"
        )
    types = {name: _id_type(name, staged.field(name).type) for name in kind.ids}
    if types.pop("similar_item_id", types["item_id"]) != types["item_id"]:
        raise RecommendationsError("similar_item_id must be of the type of item_id: nothing was published")
    return kind.table.schema(**types, optional=set(kind.optional) & set(staged.names))


def _id_type(name: str, kind: pa.DataType) -> pa.DataType:
    if pa.types.is_integer(kind):
        return pa.int64()
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return pa.string()
    raise RecommendationsError(f"{name} must be an integer or a string, not {kind}: nothing was published")


def statistics(part: Path) -> dict[str, object]:
    """What Delta's log says of a part (Delta protocol, "Per-file Statistics"), from the file's own footer.

    The number of rows, and of each column the least and the greatest value and the number of nulls. A column without
    bounds in the footer has none in the log.
    """
    meta = pq.read_metadata(part)
    groups = [meta.row_group(i) for i in range(meta.num_row_groups)]
    low: dict[str, object] = {}
    high: dict[str, object] = {}
    nulls: dict[str, int] = {}
    for number, name in enumerate(meta.schema.names):
        found = [group.column(number).statistics for group in groups]
        nulls[name] = sum(s.null_count for s in found)
        bounded = [s for s, group in zip(found, groups, strict=True) if s.null_count < group.num_rows]
        if bounded and all(s.has_min_max for s in bounded):
            low[name] = _json(min(s.min for s in bounded), up=False)
            high[name] = _json(max(s.max for s in bounded), up=True)
    return {"numRecords": meta.num_rows, "minValues": low, "maxValues": high, "nullCount": nulls}


def _json(value: object, *, up: bool) -> object:
    """A bound as the log writes it: times to the millisecond, rounded so that the bound stays one."""
    if not isinstance(value, dt.datetime):
        return value
    late = value.astimezone(dt.UTC) + dt.timedelta(microseconds=999 if up else 0)
    return f"{late:%Y-%m-%dT%H:%M:%S}.{late.microsecond // 1000:03d}Z"


def statistics_json(part: Path) -> str:
    """The statistics of a part as the log holds them: JSON within JSON."""
    return json.dumps(statistics(part), allow_nan=False)
