"""A night's rows by part, and as sessions of a vocabulary."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gru4rec.data.vocabulary import Vocabulary
from pipelines.policy import parts

SPLITS = pa.table(
    {
        "user_id": [1, 1, 1, 2, 2, 2],
        "session_start": [10, 10, 30, 20, 20, 40],
        "item_id": [7, 8, 8, 8, 7, 9],
        "timestamp": [10, 11, 30, 20, 21, 40],
        "split": ["train", "train", "validation", "train", "train", "test"],
        "weight": pa.array([1, 2, 3, 4, 5, 6], pa.float32()),
    }
)


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """A partition in two files."""
    for number in range(2):
        pq.write_table(SPLITS.slice(3 * number, 3), tmp_path / f"{number}.parquet", row_group_size=2)
    return [tmp_path / "0.parquet", tmp_path / "1.parquet"]


def test_every_row_is_either_trained_on_or_held_out(files: list[Path]) -> None:
    assert parts.stream(files).read_all() == SPLITS
    trained = parts.stream(files, "train").read_all()
    held_out = parts.stream(files, "validation", "test").read_all()
    assert pa.concat_tables([trained, held_out]).sort_by("weight") == SPLITS.sort_by("weight")
    assert set(trained["split"].to_pylist()) == {"train"}
    assert parts.stream(files, "test").read_all()["item_id"].to_pylist() == [9]


def test_a_session_is_a_user_and_a_start_and_weights_are_read_only_where_wanted(files: list[Path]) -> None:
    trained = parts.stream(files, "train").read_all()
    vocabulary = Vocabulary.build(trained["item_id"])
    weighted = parts.encode(trained.to_reader(), vocabulary, weighted=True)
    assert weighted.offsets.tolist() == [0, 2, 4]
    assert weighted.weights is not None
    assert sorted(weighted.weights.tolist()) == [1, 2, 4, 5]
    assert parts.encode(trained.to_reader(), vocabulary).weights is None
    assert parts.encode(trained.drop_columns(["weight"]).to_reader(), vocabulary, weighted=True).weights is None


def test_a_sequence_orders_events_of_one_time() -> None:
    rows = pa.table(
        {
            "user_id": [1] * 4,
            "session_start": [10] * 4,
            "item_id": [5, 2, 7, 9],
            "timestamp": [10] * 4,
            "sequence": [3, 1, 2, 0],
        }
    )
    made = parts.dataset(rows.to_reader())
    assert made.vocabulary.decode(made.sessions.items).to_pylist() == [9, 2, 7, 5]
    assert parts.encode(rows.to_reader(), made.vocabulary).items.tolist() == made.sessions.items.tolist()
    held_out = made.held_out(rows.take([2, 0, 1, 3]))
    assert held_out.sessions.items.tolist() == made.sessions.items.tolist()
