from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gru4rec.storage.files import whole_file, write_parquet

SCHEMA = pa.schema([("item_id", pa.int64())])


def batches(*columns: list[int]) -> Iterator[pa.RecordBatch]:
    for column in columns:
        yield pa.record_batch({"item_id": column})


def test_a_file_appears_at_the_end_and_in_the_older_ones_place(tmp_path: Path) -> None:
    path = tmp_path / "note.txt"
    path.write_text("old")
    with whole_file(path) as beside:
        beside.write_text("new")
        assert path.read_text() == "old"
        assert beside.parent == tmp_path
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_parquet_that_breaks_off_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "lists.parquet"
    assert write_parquet(path, SCHEMA, batches([1, 2], [3])) == 3

    def breaking() -> Iterator[pa.RecordBatch]:
        yield from batches([4])
        raise ValueError("the scores are spoiled")

    with pytest.raises(ValueError, match="spoiled"):
        write_parquet(path, SCHEMA, breaking())
    assert pq.read_table(path)["item_id"].to_pylist() == [1, 2, 3]
    assert list(tmp_path.iterdir()) == [path]
