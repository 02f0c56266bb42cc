"""Row groups: full, in order, and the same bytes however the rows come; the splits are written so."""

from datetime import UTC, date, datetime

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from warehouse.engine.duckdb_engine import DuckDBEngine
from warehouse.engine.errors import DataError
from warehouse.engine.row_groups import ROW_GROUP, write_batches
from warehouse.layout import Layout
from warehouse.steps.splits.build import build_splits

NIGHT = date(2026, 1, 10)


def test_the_bytes_follow_from_the_rows_not_from_the_batches(tmp_path):
    n = 2 * ROW_GROUP + 1000
    rng = np.random.default_rng(0)
    words = pa.array(["ü", "a", None]).take(pa.array(rng.integers(0, 3, n)))
    table = pa.table({"number": rng.integers(-(2**60), 2**60, n), "word": words, "share": rng.random(n)})
    written = []
    for size in (n, ROW_GROUP, 2048, 100_003):
        path = tmp_path / f"{size}.parquet"
        assert write_batches(path, table.schema, table.to_batches(size)) == n
        written.append(path.read_bytes())
    assert len(set(written)) == 1
    assert pq.read_table(path).equals(table)
    footer = pq.read_metadata(path)
    assert [footer.row_group(g).num_rows for g in range(footer.num_row_groups)] == [ROW_GROUP, ROW_GROUP, 1000]


def test_no_rows_are_a_file_with_its_columns(tmp_path):
    schema = pa.schema([("user_id", pa.string())])
    assert write_batches(tmp_path / "none.parquet", schema, []) == 0
    assert pq.read_table(tmp_path / "none.parquet").schema.names == ["user_id"]


@pytest.fixture(scope="module")
def sessions(tmp_path_factory):
    """Three row groups of sessions, one event in ten cut off at a boundary, so that no vector stays whole."""
    layout = Layout(tmp_path_factory.mktemp("sessions"))
    users, length = 30_000, 10
    first = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000
    starts = first + np.random.default_rng(1).integers(0, 10 * 86_400_000_000 - 1, users)
    times = np.repeat(starts, length) + np.tile(np.arange(length) * 600_000_000, users)
    moment = pa.timestamp("us", "UTC")
    table = pa.table(
        {
            "user_id": np.repeat(np.arange(users), length),
            "session_start": pa.array(np.repeat(starts, length)).cast(moment),
            "item_id": np.tile(np.arange(length), users),
            "timestamp": pa.array(times).cast(moment),
        }
    )
    layout.partition("sessions", NIGHT).parent.mkdir()
    pq.write_table(table, layout.partition("sessions", NIGHT), row_group_size=ROW_GROUP)
    return layout


def test_splits_of_many_row_groups_are_in_order_and_the_same_bytes_for_any_thread_count(sessions):
    written = set()
    for threads in (1, 2, 4):
        build_splits(DuckDBEngine(memory_limit="500MB", threads=threads), sessions, NIGHT)
        written.add(sessions.partition("splits", NIGHT).read_bytes())
    assert len(written) == 1
    table = pq.read_table(sessions.partition("splits", NIGHT))
    assert len(table) > 2 * ROW_GROUP
    part = pa.compute.index_in(table["split"], pa.array(["train", "validation", "test"])).to_numpy()
    order = np.lexsort([table["timestamp"].cast(pa.int64()).to_numpy(), table["user_id"].to_numpy(), part])
    assert (order == np.arange(len(table))).all()


def test_a_page_found_broken_while_rows_are_streamed_is_a_sentence_and_the_old_splits_stay(sessions, tmp_path):
    layout = Layout(tmp_path)
    data = bytearray(sessions.partition("sessions", NIGHT).read_bytes())
    column = pq.read_metadata(sessions.partition("sessions", NIGHT)).row_group(2).column(0)
    start = column.dictionary_page_offset or column.data_page_offset
    data[start : start + column.total_compressed_size] = b"\xff" * column.total_compressed_size
    for name, content in (("sessions", data), ("splits", b"old")):
        layout.partition(name, NIGHT).parent.mkdir()
        layout.partition(name, NIGHT).write_bytes(content)
    with pytest.raises(DataError, match="nothing was changed"):
        build_splits(DuckDBEngine(memory_limit="500MB", threads=1), layout, NIGHT)
    assert layout.partition("splits", NIGHT).read_bytes() == b"old"
    assert [path.name for path in layout.partition("splits", NIGHT).parent.iterdir()] == ["2026-01-10.parquet"]
