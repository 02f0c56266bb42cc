"""A log that is grouped on disk gives, to the bit, what it gives in memory; nothing of it is left anywhere."""

import os
import pickle
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gru4rec.data.dataset import Dataset
from gru4rec.data.frames import ColumnNames
from gru4rec.data.sessions import Sessions
from gru4rec.data.streaming.events import EventStream
from gru4rec.data.streaming.grouping import Sizes, grouped
from gru4rec.data.streaming.session_files import PIECE, FiledSessions, SessionFiles
from gru4rec.data.vocabulary import ItemCounter, Vocabulary
from gru4rec.training.held_out.added import hold_out

COLUMNS = ColumnNames(("user", "start"), "film", "when", "stay", "step")
TINY = Sizes(in_memory=3, buckets=4, stretch=2)

LOGS = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 2), st.integers(-4, 4), st.integers(0, 3), st.integers(0, 2)),
    min_size=1,
    max_size=60,
    unique_by=lambda row: row[:5],
)
KINDS = {
    "user": (pa.int64(), pa.int32(), pa.string(), pa.large_string()),
    "start": (pa.timestamp("us", "UTC"), pa.int16(), pa.date32(), pa.string()),
    "film": (pa.int64(), pa.uint8(), pa.string(), pa.dictionary(pa.int32(), pa.string())),
    "when": (pa.timestamp("s"), pa.int64(), pa.date32()),
    "step": (pa.int64(), pa.int8()),
}


def log(rows: list[tuple[int, ...]], kinds: dict[str, pa.DataType]) -> pa.Table:
    columns = {}
    for name, values in zip(KINDS, zip(*rows, strict=True), strict=True):
        kind = kinds[name]
        text = pa.types.is_dictionary(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind)
        moved = [value + 4 for value in values]
        if text:
            column = pa.array([f"w{value}" for value in moved])
        else:
            column = pa.array(moved, pa.int32() if pa.types.is_date(kind) else pa.int64())
        columns[name] = column.dictionary_encode() if pa.types.is_dictionary(kind) else column.cast(kind)
    columns["stay"] = pa.array(np.arange(len(rows)) % 7 + 0.5, pa.float64())
    return pa.table(columns)


def assert_same(found: Sessions, expected: Sessions) -> None:
    for name in ("items", "offsets", "times", "weights"):
        mine, theirs = getattr(found, name), getattr(expected, name)
        assert mine.dtype == theirs.dtype, name
        assert mine.tolist() == theirs.tolist(), name
    assert found.keys.equals(expected.keys)
    assert (found.unknown, found.short, found.time_type) == (expected.unknown, expected.short, expected.time_type)


@given(rows=LOGS, kinds=st.fixed_dictionaries({name: st.sampled_from(types) for name, types in KINDS.items()}),
       chunk=st.integers(1, 9), min_length=st.integers(1, 3), recount=st.booleans())  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_on_disk_and_in_memory_are_equal(
    rows: list[tuple[int, ...]], kinds: dict[str, pa.DataType], chunk: int, min_length: int, recount: bool
) -> None:
    table = log(rows, kinds)

    def read(sizes: Sizes, vocabulary: Vocabulary | None = None) -> tuple[Sessions, Vocabulary]:
        events = EventStream.open(table.to_reader(max_chunksize=chunk), COLUMNS)
        return grouped(events, min_length, vocabulary=vocabulary, recount=recount and vocabulary is None, sizes=sizes)

    (expected, vocabulary), (found, own) = read(Sizes()), read(TINY)
    assert isinstance(found, FiledSessions) == (len(rows) > TINY.in_memory)
    assert_same(found, expected)
    assert own.ids.equals(vocabulary.ids)
    assert own.counts.tolist() == vocabulary.counts.tolist()
    some = Vocabulary(vocabulary.ids[::2], vocabulary.counts[::2])
    if len(some):
        direct = Sessions.from_table(
            table.cast(pa.schema([field.with_type(pa.string()) if pa.types.is_dictionary(field.type) else field
                                  for field in table.schema])),
            some, session=COLUMNS.session, item="film", time=COLUMNS.clocks, weight="stay", min_length=min_length,
        )  # fmt: skip
        assert_same(read(TINY, some)[0], direct)


@pytest.mark.parametrize("name", ["film", "user", "stay"])
def test_nulls_are_counted_over_the_whole_log(name: str) -> None:
    table = log([(1, 0, n, n % 4, 0) for n in range(-4, 5)], {name: kinds[0] for name, kinds in KINDS.items()})
    at = table.column_names.index(name)
    holes = pa.array([None if row % 4 == 0 else value for row, value in enumerate(table[name].to_pylist())])
    table = table.set_column(at, name, holes.cast(table.schema.field(name).type))
    said = {"film": "column film: 3 of 9 item ids are null", "user": "column user has 3 nulls",
            "stay": "column stay has 3 nulls"}  # fmt: skip
    with pytest.raises(ValueError, match=said[name]):
        grouped(EventStream.open(table.to_reader(max_chunksize=2), COLUMNS), 1, sizes=TINY)


def test_files_have_no_name_and_sessions_outlive_them(tmp_path: Path) -> None:
    table = log(
        [(n % 5, 0, n % 7 - 3, n % 4, n) for n in range(200)], {name: kinds[0] for name, kinds in KINDS.items()}
    )
    path = tmp_path / "events.parquet"
    pq.write_table(table, path, row_group_size=50)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    sessions, _ = grouped(EventStream.open(path, COLUMNS), 1, folder=scratch, sizes=TINY)
    assert os.listdir(scratch) == []
    assert len(sessions.items) == 200
    broken = table.set_column(0, "user", pa.array([None, *range(199)]))
    with pytest.raises(ValueError, match="column user has 1 nulls"):
        grouped(EventStream.open(broken, COLUMNS), 1, folder=scratch, sizes=TINY)
    assert os.listdir(scratch) == []


def test_what_is_selected_of_many_filed_sessions_is_filed_too() -> None:
    rng = np.random.default_rng(0)
    lengths = rng.integers(0, 9, PIECE // 3)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    keys = pa.table({"session_id": np.arange(len(lengths))})
    items = rng.integers(0, 9, offsets[-1]).astype(np.int32)
    plain = Sessions(items, offsets, np.arange(offsets[-1]), keys, time_type=pa.int64())
    files = SessionFiles(None)
    files.append(plain.part(0, 1000))
    files.append(plain.part(1000, len(plain)))
    filed = files.read()
    for found, expected in zip(hold_out(filed), hold_out(plain), strict=True):
        assert isinstance(found, FiledSessions) == (len(expected.items) > PIECE)
        for name in ("items", "offsets", "times"):
            np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
        assert found.keys.equals(expected.keys)
    filed.forget()
    copied = pickle.loads(pickle.dumps(filed))  # noqa: S301 (as multiprocessing hands it on)
    assert type(copied) is Sessions
    np.testing.assert_array_equal(copied.items, filed.items)


def test_ids_counted_in_parts_are_those_counted_at_once() -> None:
    counter, ids = ItemCounter(), pa.array(["b", "a", "c", "a", "", "b", "a"])
    for begin in range(0, len(ids), 2):
        counter.add(ids.slice(begin, 2))
    expected = Vocabulary.build(ids)
    assert counter.vocabulary().ids.equals(expected.ids)
    assert counter.vocabulary().counts.tolist() == expected.counts.tolist()


def test_a_long_log_of_unread_types_is_read_whole() -> None:
    """Ids in floats and times in text are read as a column, whatever their batches would say alone."""
    table = pa.table({"session_id": [1, 1, 2, 2], "item_id": [1.0, 2.0, 2.0, 1.0], "timestamp": ["1", "2.5", "3", "4"]})
    sessions = Dataset.from_table(table.to_reader(max_chunksize=1)).sessions
    assert sessions.times.tolist() == [1_000_000_000, 2_500_000_000, 3_000_000_000, 4_000_000_000]
