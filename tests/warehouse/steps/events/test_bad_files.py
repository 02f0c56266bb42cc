"""Files that are not what they should be: a clear sentence that names the file, and nothing changed."""

from datetime import date, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from warehouse.config import SplitsConfig
from warehouse.engine.duckdb_engine import DuckDBEngine
from warehouse.steps.splits.build import build_splits

DAY = date(2024, 3, 1)


@pytest.fixture
def standing(shop, clock):
    """A day that is already there, so that a failure can be seen to leave it alone."""
    shop.rows(DAY, [(1, 1, clock("10:00"))])
    shop.ingest(DAY)
    return shop


def refused(shop, sentence, **config):
    before = shop.bytes("events", DAY)
    with pytest.raises(ValueError, match=sentence):
        shop.ingest(DAY, **config)
    assert shop.bytes("events", DAY) == before
    assert not [path for path in shop.layout.root.rglob(".*") if path.is_file() and path.suffix != ".sum"]


def test_a_parquet_file_cut_short_at_its_end(standing):
    path = standing.layout.raw_events(DAY) / "part.parquet"
    path.write_bytes(path.read_bytes()[:-20])
    refused(standing, r"part.parquet is not a whole parquet file")


def test_a_parquet_file_with_a_whole_footer_and_broken_pages(standing):
    path = standing.layout.raw_events(DAY) / "part.parquet"
    times = pa.array([datetime(2024, 3, 1, 10) + timedelta(seconds=n) for n in range(5000)])
    table = pa.table({"user_id": np.arange(5000), "item_id": np.arange(5000), "timestamp": times})
    pq.write_table(table, path, compression="zstd", use_dictionary=False)
    data = bytearray(path.read_bytes())
    data[4 : len(data) // 2] = b"\xff" * (len(data) // 2 - 4)
    path.write_bytes(data)
    refused(standing, "part.parquet is not a whole parquet file .*nothing was changed")


def test_an_empty_file_and_text_called_parquet(standing):
    path = standing.layout.raw_events(DAY) / "other.parquet"
    for data in (b"", b"user_id,item_id\n1,2\n"):
        path.write_bytes(data)
        refused(standing, r"other.parquet is not a whole parquet file")


def test_a_folder_called_like_a_file(standing):
    (standing.layout.raw_events(DAY) / "b.parquet").mkdir()
    refused(standing, r"b.parquet is a folder")


@pytest.mark.parametrize("missing", ["user_id", "item_id", "timestamp"])
def test_a_missing_column(standing, clock, missing):
    columns = {"user_id": [1], "item_id": [1], "timestamp": [clock("10:00")]}
    del columns[missing]
    standing.raw(DAY, columns, name="b.parquet")
    refused(standing, rf"b.parquet has no column '{missing}' \(it has ")


@pytest.mark.parametrize(
    ("column", "values", "sentence"),
    [
        ("user_id", [True], "column 'user_id' of .*b.parquet is bool: a whole number or text is expected"),
        ("item_id", [[1]], "column 'item_id' of .*b.parquet is list"),
        ("item_id", pa.array([1], pa.decimal256(76, 0)), "column 'item_id' of .*b.parquet is decimal256"),
        ("timestamp", [True], "column 'timestamp' of .*b.parquet is bool"),
        ("timestamp", [5], "is a number: set timestamp_unit to s, ms, us or ns"),
    ],
)
def test_a_column_of_the_wrong_type(shop, clock, column, values, sentence):
    shop.raw(DAY, {"user_id": [1], "item_id": [1], "timestamp": [clock("10:00")]} | {column: values}, name="b.parquet")
    with pytest.raises(ValueError, match=sentence):
        shop.ingest(DAY)
    assert not shop.layout.files("events", DAY)


def test_two_files_that_disagree(standing, clock):
    standing.raw(DAY, {"user_id": ["1"], "item_id": [1], "timestamp": [clock("10:00")]}, name="b.parquet")
    refused(standing, "column 'user_id' is a whole number in part.parquet and text in b.parquet")
    standing.raw(DAY, {"user_id": [1], "item_id": [1], "timestamp": ["2024-03-01"]}, name="b.parquet")
    refused(standing, "column 'timestamp' is string in one file and timestamp in another")


def test_they_may_disagree_where_the_configuration_decides(standing, clock):
    standing.raw(DAY, {"user_id": ["x"], "item_id": [1], "timestamp": [clock("10:00")]}, name="b.parquet")
    (report,) = standing.ingest(DAY, user_id_type="string")
    assert report.rows == 2


@pytest.mark.parametrize("engine", ["duckdb"], indirect=True)  # it alone has a limit of memory and spills
def test_one_user_with_a_history_larger_than_the_memory_limit(tmp_path, shop):
    """Four hundred thousand events of one user at 50 MB: spilled, and right."""
    n = 400_000
    times = np.datetime64("2024-03-01", "us") + np.sort(np.random.default_rng(0).integers(0, 86_400_000_000, n))
    items = np.arange(n) % 1009
    shop.raw(DAY, pa.table({"user_id": np.ones(n, np.int64), "item_id": items, "timestamp": times}))
    shop.engine = DuckDBEngine(memory_limit="50MB", threads=1, temp_directory=tmp_path / "spill")
    (ingested,) = shop.ingest(DAY)
    report = shop.sessions(DAY, max_session_length=0)
    assert (ingested.rows, report.rows, report.sessions, report.items) == (n, n, 1, 1009)
    assert shop.sessions(DAY, max_session_length=0, min_item_support=397).items == 436  # the rest have 396 events
    assert build_splits(shop.engine, shop.layout, DAY, SplitsConfig(0, 0)).rows == 436 * 397
    (left,) = (tmp_path / "spill").iterdir()
    assert not list(left.iterdir())


@pytest.mark.parametrize("engine", ["duckdb"], indirect=True)
def test_types_that_do_not_go_together_are_no_broken_file(standing, clock):
    """The advice was to put the file back from a copy."""
    rows = {"user_id": [1], "item_id": [1], "timestamp": [clock("10:00")]}
    standing.raw(DAY, {**rows, "event_type": ["view"]}, name="a.parquet")
    standing.raw(DAY, {**rows, "event_type": [["view"]]}, name="b.parquet")
    refused(standing, "a column has types in its files that do not go together: convert one of them; .*event_type")
