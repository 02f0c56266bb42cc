"""Every type of ids from every tool, by every way in: the same sessions, or one sentence."""

import itertools
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gru4rec.cli.files import read_events, read_items
from gru4rec.data.dataset import Dataset
from gru4rec.data.frames import ColumnNames
from tests.gru4rec.shell import refused
from tests.tools import as_text, files, frames, id_columns

SESSIONS = [1, 1, 1, 2, 2, 2]
ITEMS = [3, 4, 5, 4, 3, 4]
TIMES = [10, 20, 30, 5, 15, 25]


def tried(frame: Any, **columns: Any) -> list[tuple[str, ...]] | str:
    """The sessions as text, or the sentence that refuses them."""
    try:
        data = Dataset.from_table(frame, **columns)
        assert data.held_out(frame).sessions.items.tolist() == data.sessions.items.tolist()
    except ValueError as error:
        return str(error)
    items = [str(item) for item in data.vocabulary.decode(data.sessions.items).to_pylist()]
    ends = data.sessions.offsets
    return [tuple(items[begin:end]) for begin, end in itertools.pairwise(ends)]


@pytest.mark.slow
@pytest.mark.parametrize("role", ["item_id", "session_id"])
def test_the_same_ids_from_every_type_and_tool(role: str, tmp_path: Path) -> None:
    counts: Counter[str] = Counter()
    for name, column in id_columns(ITEMS if role == "item_id" else SESSIONS).items():
        table = pa.table({"session_id": SESSIONS, "item_id": ITEMS, "timestamp": TIMES})
        table = table.set_column(table.column_names.index(role), role, column)
        wanted = [(3, 4, 5), (4, 3, 4)] if role == "session_id" else None
        ids = as_text(column)
        if wanted is None and ids is not None:
            wanted = [tuple(ids[3:]), tuple(ids[:3])]
        sessions = None if ids is None else {tuple(map(str, session)) for session in wanted}
        for tool, frame in (*frames(table), *files(table, tmp_path / f"{role} {name}")):
            found = tried(frame)
            counts["read" if isinstance(found, list) else "refused"] += 1
            if isinstance(found, str):
                assert sessions is None or (name, tool) in UNKEPT, (name, tool, found)
                assert len(found) < 500
                assert "\n" not in found
            else:
                assert set(found) == sessions, (name, tool)
    print(f"{role}: {counts.total()} tried, {dict(counts)}")
    assert counts["read"] > 250
    assert counts["refused"] > 40


def folder_of(path: Path, *changes: dict[str, Any]) -> Path:
    """A folder of files that differ from each other in some columns; None takes one away."""
    path.mkdir()
    for number, change in enumerate(changes):
        columns = {"session_id": [number] * 3, "item_id": [3, 4, 5], "timestamp": [10, 20, 30], **change}
        kept = {name: column for name, column in columns.items() if column is not None}
        pq.write_table(pa.table(kept), path / f"{number}.parquet")
    return path


WIDE, HUGE = 2**40, 2**63 + 5
WIDTHS = [
    ({"item_id": pa.array([3, 4, 5], pa.int32())}, {"item_id": [WIDE, 4, 5]}, [WIDE, 4, 5]),
    ({"item_id": pa.array([3, 4, 5], pa.uint32())}, {"item_id": [-1, 4, 5]}, [-1, 4, 5]),
    ({"item_id": pa.array([3, 4, 5], pa.uint8())}, {"item_id": pa.array([HUGE, 4, 5], pa.uint64())}, [HUGE, 4, 5]),
    ({"item_id": [-3, 4, 5]}, {"item_id": pa.array([HUGE, 4, 5], pa.uint64())}, [HUGE, 4, 5]),
    ({"session_id": [-1] * 3}, {"session_id": pa.array([HUGE] * 3, pa.uint64())}, [3, 4, 5]),
    *(
        (
            {"timestamp": pa.array([10, 20, 30], pa.timestamp(unit))},
            {"timestamp": pa.array([3, 2, 1], pa.timestamp(finer))},
            [5, 4, 3],
        )
        for unit, finer in (("us", "ns"), ("s", "us"), ("s", "ns"))
    ),
]


@pytest.mark.parametrize(("narrow", "wide", "read"), WIDTHS)
@pytest.mark.parametrize("turned", [False, True])
def test_files_of_a_folder_may_differ_in_width(
    tmp_path: Path, narrow: dict[str, Any], wide: dict[str, Any], read: list[int], turned: bool
) -> None:
    path = folder_of(tmp_path / "f", *((wide, narrow) if turned else (narrow, wide)))
    found = tried(path)
    assert tuple(map(str, read)) in found
    assert len(found) == 2
    assert read_events(path, ColumnNames()).num_rows == 6


@pytest.mark.parametrize("lacking", [0, 1])
def test_a_file_of_a_folder_without_a_column_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture, lacking: int
) -> None:
    """Of events and of items; columns that nobody asked for may be lacking."""
    changes: list[dict[str, Any]] = [{"price": [1, 2, 3]}, {"price": [1, 2, 3]}]
    changes[lacking] = {"item_id": None}
    path = folder_of(tmp_path / "f", *changes)
    sentence = f"{path / str(lacking)}.parquet has no column item_id, but {path / str(1 - lacking)}.parquet has"
    assert sentence in tried(path)
    known = Dataset.from_table(path / f"{1 - lacking}.parquet").vocabulary
    with pytest.raises(ValueError, match=re.escape(sentence)):
        read_items(path, ColumnNames(), known)
    outs = ["--out-train", str(tmp_path / "a"), "--out-test", str(tmp_path / "b")]
    assert sentence in refused(["split", str(path), "--last", "0.5", *outs], capsys)
    changes[lacking] = {}
    items = read_items(folder_of(tmp_path / "g", *changes), ColumnNames(), known)
    assert items["price"].null_count == 3


def test_a_damaged_file_of_a_folder_is_named(tmp_path: Path) -> None:
    path = folder_of(tmp_path / "f", {}, {})
    whole = (path / "1.parquet").read_bytes()
    (path / "1.parquet").write_bytes(whole[:4] + bytes(100) + whole[104:])
    sentence = f"{path / '1.parquet'} cannot be read as parquet"
    assert sentence in tried(path)
    with pytest.raises(ValueError, match=re.escape(sentence)):
        read_events(path, ColumnNames())


# What a tool itself has lost, and must be said: these keep UUIDs as bytes of any length.
UNKEPT = {("uuid bytes", "duckdb"), *((name, tool) for name in ("uuid", "uuid bytes") for tool in ("pandas", "polars"))}
