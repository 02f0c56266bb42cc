"""One parquet file from a stream of batches, in the stream's order, encoded while the query makes the next batches.

DuckDB 2.0's own COPY keeps the order and fills the row groups only right after an ORDER BY. Behind filters, the sizes
of row groups depend on the number of threads, and a union of filters written by one thread had rows in the wrong place.
Here every row group is full and each of its columns is one chunk, so the bytes follow from the rows alone.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from warehouse.engine.errors import disk_sentences

if TYPE_CHECKING:
    import pyarrow as pa

ROW_GROUP = 122_880  # the parquet row group that was fastest to read and write (rows)
WAITING = 24  # row groups (about 100 MB) that may wait to be encoded while the next statement sorts


def write_batches(path: Path, schema: "pa.Schema", batches: Iterable["pa.RecordBatch"]) -> int:
    """Write the rows of all batches to one file; returns how many. DataError where the disk is full."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rows = 0
    with disk_sentences(), pq.ParquetWriter(path, schema, **_encoding(schema)) as file, ThreadPoolExecutor(1) as pool:
        waiting: deque[Future[None]] = deque()
        try:
            for held in regrouped(batches, ROW_GROUP):
                group = pa.Table.from_batches(held, schema).combine_chunks()
                if len(waiting) >= WAITING:
                    waiting.popleft().result()
                waiting.append(pool.submit(file.write_table, group, ROW_GROUP))
                rows += len(group)
            for writing in waiting:
                writing.result()
        finally:
            pool.shutdown(cancel_futures=True)
    return rows


def regrouped(batches: Iterable["pa.RecordBatch"], size: int) -> Iterator[list["pa.RecordBatch"]]:
    """Lists of batches, sliced so that each list holds `size` rows; the last list holds what is left."""
    held: list[pa.RecordBatch] = []
    missing = size
    for batch in batches:
        rest = batch
        while rest.num_rows >= missing:
            yield [*held, rest.slice(0, missing)]
            rest = rest.slice(missing)
            held, missing = [], size
        if rest.num_rows:
            held.append(rest)
            missing -= rest.num_rows
    if held:
        yield held


def _encoding(schema: "pa.Schema") -> dict[str, Any]:
    """Dictionaries for text; for whole numbers and times differences, which are smaller and twice as fast."""
    import pyarrow.types as t

    text = [field.name for field in schema if t.is_string(field.type)]
    numbers = [field.name for field in schema if t.is_integer(field.type) or t.is_timestamp(field.type)]
    return {
        "compression": "zstd",
        "compression_level": 1,
        "write_page_checksum": True,
        "use_dictionary": text,
        "column_encoding": dict.fromkeys(numbers, "DELTA_BINARY_PACKED"),
    }
