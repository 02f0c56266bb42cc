"""Ranges of users: every user in exactly one, whatever the ids, and no trace of them in what is written."""

from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from warehouse.config import SessionsConfig
from warehouse.days import midnight
from warehouse.engine import duckdb_database, ranges
from warehouse.engine.duckdb_engine import DuckDBEngine
from warehouse.layout import Layout
from warehouse.steps.sessions.build import build_sessions

DAYS = [date(2024, 2, 29), date(2024, 3, 1)]


def write(path, users, rows=50):
    """A file sorted by user_id in row groups of 50 rows, with an item and a time for each row."""
    users = sorted(users)
    rng = np.random.default_rng(len(users))
    start = int(midnight(date.fromisoformat(path.stem) if "-" in path.stem else DAYS[0]).timestamp()) * 1_000_000
    times = start + rng.integers(0, 86_400, len(users)) * 1_000_000
    table = pa.table(
        {
            "user_id": users,
            "item_id": rng.integers(0, 20, len(users)),
            "timestamp": pa.array(times).cast(pa.timestamp("us", "UTC")),
        }
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path, row_group_size=rows)
    return path


@pytest.mark.parametrize("name", [lambda n: n - 500, lambda n: f"ü{n:04d}"], ids=["numbers", "text"])
def test_every_user_is_in_exactly_one_range_of_about_the_size_asked_for(tmp_path, name):
    users = [name(n % 1000) for n in range(5000)]
    path = write(tmp_path / "events.parquet", users)
    found = ranges.user_ranges([path], rows=1000)
    assert len(found) == 5
    sizes = [sum((low is None or u >= low) and (high is None or u < high) for u in users) for low, high in found]
    assert sum(sizes) == 5000
    assert all(900 <= size <= 1100 for size in sizes)
    assert [low for low, _ in found[1:]] == [high for _, high in found[:-1]] == sorted(high for _, high in found[:-1])


def test_a_user_larger_than_a_range_is_whole(tmp_path):
    path = write(tmp_path / "events.parquet", [1] * 10 + [5] * 2000 + [9] * 10)
    found = ranges.user_ranges([path], rows=100)
    assert found[0].low is found[-1].high is None
    assert len({low for low, _ in found}) == len(found) <= 3


def test_a_small_window_and_ids_without_bounds_are_one_range(tmp_path):
    path = write(tmp_path / "events.parquet", range(1000))
    assert ranges.user_ranges([path]) == [ranges.Users()]
    table = pq.read_table(path)
    pq.write_table(table, path, row_group_size=50, write_statistics=False)
    assert ranges.user_ranges([path], rows=100) == [ranges.Users()]
    write(path, ["a\0b"] * 100 + ["c"] * 100)
    assert all("\0" not in str(user) for users in ranges.user_ranges([path], rows=50) for user in users)


NUMBERS, TEXT = (lambda n: n - 150), (lambda n: f"it's {n:03d}")


@pytest.mark.parametrize(
    ("name", "config"),
    [(NUMBERS, {}), (TEXT, {"dwell": "repeat"}), (NUMBERS, {"dwell": "weight"})],
    ids=["plain", "repeat", "weight"],
)
def test_sessions_are_the_same_bytes_in_one_range_or_many(tmp_path, monkeypatch, name, config):
    layout = Layout(tmp_path)
    rng = np.random.default_rng(3)
    for day in DAYS:
        write(layout.partition("events", day), [name(n) for n in rng.zipf(1.5, 3000) % 300])
    written, numbers = [], []
    for rows, threads in ((ranges.RANGE_ROWS, 1), (1000, 2)):

        def cut(files, rows=rows):
            found = ranges.user_ranges(files, rows)
            numbers.append(len(found))
            return found

        monkeypatch.setattr(duckdb_database, "user_ranges", cut)
        engine = DuckDBEngine(memory_limit="500MB", threads=threads)
        report = build_sessions(engine, layout, DAYS[1], SessionsConfig(min_item_support=3, **config))
        written.append((report, layout.partition("sessions", DAYS[1]).read_bytes()))
    assert numbers[0] == 1 < 3 < numbers[1]
    assert written[0] == written[1]
