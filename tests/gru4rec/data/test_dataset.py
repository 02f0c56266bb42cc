"""One dataset from any frame; splits and held-out sessions keep to what a count by hand gives."""

import itertools
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gru4rec.config.auto import Statistics
from gru4rec.data.dataset import Dataset
from gru4rec.data.sessions import Sessions
from gru4rec.data.vocabulary import Vocabulary

NAMES = {"session": ("user", "start"), "item": "film", "time": "when", "weight": "stay"}
Rows = list[tuple]  # user, start, film, when, stay


def events(rows: Rows, text: bool = False, stamps: bool = False) -> pa.Table:
    """Rows as a table of the columns that NAMES names; ids as text and times as timestamps where asked for."""
    user, start, film, when, stay = (list(column) for column in zip(*rows, strict=True)) if rows else [[]] * 5
    word = pa.string() if text else pa.int64()
    return pa.table({
        "user": pa.array([f"u{value}" if text else value for value in user], word),
        "start": pa.array(start, pa.int32()),
        "film": pa.array([f"film {value}" if text else value for value in film], word),
        "when": pa.array(when, pa.int64()).cast(pa.timestamp("us", "UTC") if stamps else pa.int64()),
        "stay": pa.array(stay, pa.float32()),
    })  # fmt: skip


def a_file(table: pa.Table, folder: Path) -> Path:
    path = folder / "events.parquet"
    pq.write_table(table, path)
    return path


def a_folder(table: pa.Table, folder: Path) -> Path:
    parts = folder / "parts"
    parts.mkdir(exist_ok=True)
    for number in range(2):
        pq.write_table(table.take(list(range(number, table.num_rows, 2))), parts / f"{number}.parquet")
    return parts


def mixed_pandas(table: pa.Table) -> pd.DataFrame:
    """A pandas frame with a column that Arrow cannot hold, and that nobody asked for."""
    frame = table.to_pandas()
    frame["notes"] = [1, *["x"] * (len(frame) - 1)]
    return frame.sample(frac=1, random_state=1)


FRAMES: dict[str, Callable[[pa.Table, Path], object]] = {
    "reader": lambda table, folder: table.to_reader(max_chunksize=2),
    "chunks": lambda table, folder: pa.concat_tables([table.slice(0, 1), table.slice(1)]),
    "dictionaries": lambda table, folder: table.set_column(2, "film", table["film"].dictionary_encode()),
    "pandas": lambda table, folder: mixed_pandas(table),
    "pandas categories": lambda table, folder: table.to_pandas().astype({"film": "category"}),
    "polars": lambda table, folder: pl.DataFrame(table),
    "polars categories": lambda table, folder: pl.DataFrame(table).with_columns(pl.col(pl.String).cast(pl.Categorical)),
    "file": a_file,
    "path as text": lambda table, folder: str(a_file(table, folder)),
    "folder": a_folder,
}

ROWS = st.lists(
    st.tuples(
        st.integers(0, 3), st.integers(0, 2), st.integers(-4, 4), st.integers(0, 9), st.sampled_from([0.5, 1.0, 2.0])
    ),
    min_size=2,
    max_size=30,
    unique_by=lambda row: row[:4],  # with two weights for one event the order of the rows would count
)


def same(one: Dataset, other: Dataset) -> None:
    """Every array and table of two datasets is equal, types included."""
    assert one.vocabulary.ids.equals(other.vocabulary.ids)
    assert one.vocabulary.counts.tolist() == other.vocabulary.counts.tolist()
    same_sessions(one.sessions, other.sessions)


def same_sessions(one: Sessions, other: Sessions) -> None:
    for name in ("items", "offsets", "times", "weights"):
        mine, theirs = getattr(one, name), getattr(other, name)
        assert (mine is None) == (theirs is None), name
        assert mine is None or (mine.dtype == theirs.dtype and mine.tolist() == theirs.tolist()), name
    assert one.keys.equals(other.keys)
    assert (one.unknown, one.short, one.time_type) == (other.unknown, other.short, other.time_type)


def has_a_session(rows: Rows) -> bool:
    keys = [row[:2] for row in rows]
    return len(set(keys)) < len(keys)


@pytest.mark.parametrize("kind", FRAMES)
@given(rows=ROWS.filter(has_a_session), text=st.booleans(), stamps=st.booleans())
@settings(max_examples=12, deadline=None)
def test_the_same_events_from_any_frame_give_the_same_dataset(
    tmp_path_factory: pytest.TempPathFactory, kind: str, rows: Rows, text: bool, stamps: bool
) -> None:
    table = events(rows, text, stamps)
    frame = FRAMES[kind](table, tmp_path_factory.mktemp("frame"))
    expected = Dataset.from_table(table, **NAMES)
    found = Dataset.from_table(frame, **NAMES)
    same(found, expected)
    assert found.vocabulary.id_type == (pa.string() if text else pa.int64())
    again = FRAMES[kind](table, tmp_path_factory.mktemp("frame"))
    same(found.held_out(again), expected.held_out(table))


@given(rows=ROWS.filter(has_a_session))
@settings(max_examples=30, deadline=None)
def test_training_sessions_by_hand(rows: Rows) -> None:
    """Sessions of two events or more; the vocabulary is exactly of their items, with how often each stands there."""
    by_session: dict[tuple, list[tuple]] = {}
    for user, start, film, when, _ in rows:
        by_session.setdefault((user, start), []).append((when, film))
    long = sorted((min(own)[0], key, [film for _, film in sorted(own)]) for key, own in by_session.items() if own[1:])
    films = sorted(film for _, _, own in long for film in own)
    data = Dataset.from_table(events(rows), **NAMES)
    assert data.vocabulary.ids.to_pylist() == sorted(set(films))
    assert np.repeat(data.vocabulary.ids.to_numpy(), data.vocabulary.counts).tolist() == films
    ids = data.vocabulary.decode(data.sessions.items).to_pylist()
    assert [ids[begin:end] for begin, end in itertools.pairwise(data.sessions.offsets)] == [own for _, _, own in long]
    assert data.sessions.short == len(by_session) - len(long)
    predictions = sum(len(own) - 1 for _, _, own in long)
    assert data.statistics() == Statistics(len(long), len(films), predictions, len(set(films)), len(films) / len(long))


@given(rows=ROWS.filter(has_a_session), others=ROWS)
@settings(max_examples=50, deadline=None)
def test_held_out_sessions_are_those_of_the_table_in_the_vocabulary(rows: Rows, others: Rows) -> None:
    train = Dataset.from_table(events(rows), **NAMES)
    test = train.held_out(events(others))
    expected = Sessions.from_table(events(others), train.vocabulary, session=NAMES["session"], item="film", time="when")
    same_sessions(test.sessions, expected)
    assert test.vocabulary is train.vocabulary
    alone = Dataset.from_held_out(events(others), train.vocabulary, session=NAMES["session"], item="film", time="when")
    same_sessions(alone.sessions, expected)


@given(rows=ROWS.filter(has_a_session), cut=st.integers(0, 10), share=st.floats(0.01, 0.99))
@settings(max_examples=60, deadline=None)
def test_a_split_is_what_two_tables_would_give(rows: Rows, cut: int, share: float) -> None:
    """Whole sessions by their first event; either part as if its rows had come alone."""
    whole = Dataset.from_table(events(rows), **NAMES)
    starts = whole.sessions.times[whole.sessions.offsets[:-1]]
    ways = [({"at": cut}, starts >= cut)]
    ways.append(({"last": share}, np.arange(len(starts)) >= len(starts) - max(1, round(share * len(starts)))))
    for way, late in ways:
        if late.all() or not late.any():
            with pytest.raises(ValueError, match="part would have none of the"):
                whole.split(**way)
            continue
        keys = {number: list(whole.sessions.select(late == bool(number)).keys.to_pylist()) for number in (0, 1)}
        parts = [[row for row in rows if {"user": row[0], "start": row[1]} in keys[number]] for number in (0, 1)]
        train, test = whole.split(**way)
        expected = Dataset.from_table(events(parts[0]), **NAMES)
        same(train, expected)
        held_out = Sessions.from_table(
            events(parts[1]), expected.vocabulary, session=NAMES["session"], item="film", time="when", weight="stay"
        )
        same_sessions(test.sessions, held_out)
        assert test.vocabulary is train.vocabulary


def days(n: int) -> pa.Table:
    """A session of two events a day from 1 January 2026 on, noon (UTC)."""
    noon = [datetime(2026, 1, 1, 12, tzinfo=UTC) + timedelta(days=day // 2, minutes=day % 2) for day in range(2 * n)]
    return pa.table({
        "session_id": np.arange(2 * n) // 2, "item_id": np.arange(2 * n) % 3, "timestamp": pa.array(noon),
    })  # fmt: skip


@pytest.mark.parametrize(
    ("way", "held_out"),
    [
        ({"last": 0.1}, 1),
        ({"last": 0.26}, 3),
        ({"last": timedelta(days=4)}, 4),
        ({"at": date(2026, 1, 8)}, 3),
        ({"at": datetime(2026, 1, 8, 12)}, 3),  # without a zone it is UTC
        ({"at": datetime(2026, 1, 8, 12, 1)}, 2),
        ({"at": datetime(2026, 1, 8, 14, tzinfo=UTC) - timedelta(hours=2)}, 3),
        ({"at": int(datetime(2026, 1, 9, tzinfo=UTC).timestamp() * 10**6)}, 2),
    ],
)
@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
def test_a_split_by_calendar(way: dict, held_out: int, unit: str) -> None:
    table = days(10)
    table = table.set_column(2, "timestamp", table["timestamp"].cast(pa.timestamp(unit, "UTC")))
    if isinstance(way.get("at"), int):
        way = {"at": {"ms": way["at"] // 1000, "us": way["at"], "ns": way["at"] * 1000}[unit]}
    train, test = Dataset.from_table(table).split(**way)
    assert (len(train.sessions), len(test.sessions)) == (10 - held_out, held_out)


@pytest.mark.parametrize(
    ("way", "sentence"),
    [
        ({}, "needs either last or at"),
        ({"last": 0.1, "at": 3}, "needs either last or at"),
        ({"last": 1}, "last is 1; give a share between 0 and 1, or a timedelta"),
        ({"last": 0.0}, "last is 0.0"),
        ({"last": timedelta(days=100)}, "the training part would have none of the 10 sessions"),
        ({"at": date(2027, 1, 1)}, "the held-out part would have none of the 10 sessions"),
    ],
)
def test_a_split_that_cannot_be_is_refused(way: dict, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Dataset.from_table(days(10)).split(**way)


def test_times_that_are_numbers_have_no_calendar() -> None:
    table = days(10)
    numbers = Dataset.from_table(table.set_column(2, "timestamp", table["timestamp"].cast(pa.int64())))
    for way in ({"last": timedelta(days=1)}, {"at": date(2026, 1, 3)}):
        with pytest.raises(ValueError, match=r"the times of the sessions are int64, so .* give a number"):
            numbers.split(**way)
    with pytest.raises(ValueError, match="without times"):
        Dataset(Sessions.from_lists([[0, 1]]), Vocabulary.build([1, 2])).split(last=0.5)


def test_names_and_paths_stand_in_the_sentences(tmp_path: Path) -> None:
    table, films = days(2), pa.table({"item_id": [1], "genre": ["a"], "year": [1990.0]})
    path = a_file(table.slice(0, 1), tmp_path)
    twice = pa.Table.from_arrays([*table.columns, table["item_id"]], names=[*table.column_names, "item_id"])
    faults = [
        (path, {}, rf"{path}: there is no session of two events or more \(1 of one\)"),
        (path, {"item": "film"}, rf"{path}: no column film in the events; there are session_id, item_id, timestamp"),
        (table.slice(0, 0), {}, "there are no events; training needs at least one session"),
        (table.to_pandas(), {"session": ("user", "day")}, "no column user, day in the events"),
        (twice, {}, "the column item_id stands twice in the events"),
        (pd.DataFrame({"session_id": [1, 1], "item_id": [1, "a"], "timestamp": [0, 1]}), {}, "cannot be read as Arrow"),
        (pl.DataFrame({"session_id": [1, 1], "item_id": [1, None], "timestamp": [0, 1]}), {}, "1 of 2 item ids are"),
        ([1, 2], {}, "the events came as a list; give an Arrow table"),
        (table, {"items": films.drop(["item_id"])}, "no column item_id in the items table; there are genre, year"),
        (table.rename_columns({"item_id": "film"}), {"item": "film", "items": films.append_column("film", films[0])},
         "the column item_id stands twice in the items table, where film is to be called so"),
    ]  # fmt: skip
    for frame, names, sentence in faults:
        with pytest.raises(ValueError, match=sentence):
            Dataset.from_table(frame, **names)
    with pytest.raises(FileNotFoundError, match="there is no file"):
        Dataset.from_table(tmp_path / "absent.parquet")


def test_held_out_ids_of_another_type_are_refused_and_no_events_are_no_sessions() -> None:
    train = Dataset.from_table(days(2))
    text = pa.table({"session_id": [1, 1], "item_id": ["1", "2"], "timestamp": [0, 1]})
    with pytest.raises(ValueError, match="column item_id: item ids are string here, but the vocabulary was built from"):
        train.held_out(text)
    assert len(train.held_out(text.slice(0, 0)).sessions) == 0
