"""What the tests of the ways in share: forms of ids, a data folder that is read again, and what came of it."""

import random
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gru4rec.data.dataset import Dataset
from tests.tools import id_columns
from warehouse.config import EventsConfig
from warehouse.engine.duckdb_engine import DuckDBEngine
from warehouse.layout import Layout
from warehouse.sources.mapped import import_mapped
from warehouse.steps.events.ingest import ingest_day

DAY = date(2024, 3, 1)
NUMBERS = [3, 4, 5, 4, 3, 4]
SECONDS = [1709287200 + 60 * minute for minute in range(len(NUMBERS))]
TIMES = [datetime.fromtimestamp(second, UTC).replace(tzinfo=None) for second in SECONDS]
MAPPING = '[events]\nuser_id = "user_id"\nitem_id = "item_id"\ntimestamp = "timestamp"\nsession_id = "session_id"\n'
SAMPLE = 1  # forms of each fast test; the slow ones take all
Ids = list[str | None]
# What a tool itself has lost: these keep UUIDs as bytes of any length, which are no text.
UNKEPT = {("uuid bytes", "duckdb"), *((name, tool) for name in ("uuid", "uuid bytes") for tool in ("pandas", "polars"))}
TOO_WIDE = "decimal256(76, 0)"  # the engine would read it as a double


def sampled(names: list[str], seed: str) -> list[str]:
    """Some of the forms, the same ones in every run of a test."""
    return random.Random(seed).sample(names, SAMPLE)


def forms(which: str, seed: str) -> Iterator[tuple[str, pa.Array, pa.Table]]:
    """A column of ids by its name, and a log in which it is the users, the items and the sessions."""
    columns = id_columns(NUMBERS)
    for name in list(columns) if which == "all" else sampled(list(columns), seed):
        column = columns[name]
        ids = dict.fromkeys(("user_id", "item_id", "session_id"), column)
        yield name, column, pa.table({**ids, "timestamp": TIMES})


HALVES = [pytest.param("sample", id="sample"), pytest.param("all", id="all", marks=pytest.mark.slow)]


def is_whole(text: str) -> bool:
    """Whether text is a whole number of 64 bits that reads back as the same text."""
    return re.fullmatch("0|-?[1-9][0-9]*", text) is not None and -(2**63) <= int(text) < 2**63


class Way:
    """What came of every form by one way in."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.counts: Counter[str] = Counter()
        self.wrong: list[tuple[Any, Any]] = []

    def judge(self, what: Any, expected: Ids, read: Callable[[], Ids], *, may_refuse: bool) -> None:
        """Count an outcome: every row its own id or none, or one sentence about the whole file where that may be."""
        try:
            found = read()
        except (ValueError, FileNotFoundError) as error:
            said = str(error)
            if not may_refuse or not 20 < len(said) < 500 or "\n" in said:
                self.wrong.append((what, said))
            self.counts["refused"] += 1
            return
        if found != expected:
            self.wrong.append((what, (found, expected)))
        self.counts["read" if None not in expected else "rows refused"] += 1

    def end(self) -> None:
        """Show the counts; all must have been right, and most of them read."""
        told = ", ".join(f"{number} {what}" for what, number in sorted(self.counts.items()))
        print(f"{self.name}: {self.counts.total()} tried, {told}, {len(self.wrong)} wrong")
        assert not self.wrong, "\n".join(map(str, self.wrong[:20]))
        assert self.counts["read"] > self.counts.total() / 3


class Warehouse:
    """A data folder whose one day is delivered and read again and again."""

    def __init__(self, folder: Path) -> None:
        self.layout, self.folder = Layout(folder / "data"), folder
        self.engine = DuckDBEngine(memory_limit="500MB", threads=1, temp_directory=folder / "spill")

    def day(self, path: Path) -> None:
        """Deliver a parquet file, and nothing beside it."""
        self.clear()
        target = self.layout.raw_events(DAY) / "part.parquet"
        target.parent.mkdir(parents=True)
        target.write_bytes(path.read_bytes())

    def clear(self) -> None:
        """Take the raw files away."""
        shutil.rmtree(self.layout.raw_events(DAY), ignore_errors=True)

    def imported(self, path: Path, mapping: str) -> None:
        """Import a log by a mapping, and nothing beside it."""
        self.clear()
        (self.folder / "mapping.toml").write_text(mapping)
        import_mapped(self.engine, self.layout, path, mapping=self.folder / "mapping.toml")

    def ids(self, role: str = "user_id") -> Ids:
        """Every row's id in the order of time, None for a rejected row; users, items and sessions have the same."""
        rows = self.rows()
        other = {"user_id": ("item_id",), "session_id": ()}[role]
        assert all(row[role] == row[name] for row in rows.values() for name in other), rows
        return [str(rows[time][role]) if time in rows else None for time in TIMES]

    def rows(self, **config: Any) -> dict[datetime, dict[str, Any]]:
        """The day's events by their time; whatever is missing there is among the rejected rows, with its text."""
        report = ingest_day(self.engine, self.layout, DAY, EventsConfig(max_rejected_share=1.0, **config))
        events = pq.read_table(self.layout.files("events", DAY)).to_pylist()
        rejected = pq.read_table(self.layout.files("rejected_events", DAY)).to_pylist()
        assert len(events) + len(rejected) == report.raw_rows == len(TIMES)
        assert all(row["reason"] for row in rejected)
        return {row["timestamp"].replace(tzinfo=None): row for row in events}


def of_two_sessions(items: pa.Array) -> pa.Table:
    """A log of two sessions of three events with these items."""
    return pa.table({"session_id": [1, 1, 1, 2, 2, 2], "item_id": items, "timestamp": SECONDS})


def items_of(data: Dataset) -> Ids:
    """The items of a dataset as text, session by session."""
    return [str(item) for item in data.vocabulary.decode(data.sessions.items).to_pylist()]
