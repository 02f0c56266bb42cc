"""The same moments in every type that tools write, by every way in."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pyarrow as pa
import pytest

from gru4rec.data.dataset import Dataset
from tests.tools import files, text_files, time_columns
from tests.ways_in.way import HALVES, MAPPING, NUMBERS, SECONDS, TIMES, Ids, Warehouse, Way, items_of, sampled


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    return Warehouse(tmp_path)


def moments(which: str, seed: str) -> Iterator[tuple[str, pa.Table, str]]:
    """A log of one user, latest row first, whose times are of a type; its name, and the unit where they are numbers."""
    columns = time_columns(SECONDS[::-1])
    for name in list(columns) if which == "all" else sampled(list(columns), seed):
        times, unit = columns[name]
        yield name, pa.table({"user_id": [1] * 6, "item_id": NUMBERS, "session_id": [1] * 6, "timestamp": times}), unit


@pytest.mark.parametrize("which", HALVES)
def test_times(warehouse: Warehouse, tmp_path: Path, which: str) -> None:
    """Raw days, imports and the library find the same moments in the same order."""
    ways = {name: Way(f"times of {name}") for name in ("raw days", "imports of parquet", "imports of text", "library")}
    expected = [str(time) for time in TIMES]
    latest_last: Ids = [str(item) for item in reversed(NUMBERS)]
    for name, table, unit in moments(which, "times"):
        told = f'timestamp_unit = "{unit}"\n' if unit else ""
        for tool, path in files(table, tmp_path / name):

            def delivered(path: Path = path, unit: str = unit) -> Ids:
                warehouse.day(path)
                return list(map(str, sorted(warehouse.rows(timestamp_unit=unit))))

            def imported(path: Path = path, told: str = told) -> Ids:
                warehouse.imported(path, MAPPING + told)
                return list(map(str, sorted(warehouse.rows())))

            ways["raw days"].judge((name, tool), expected, delivered, may_refuse=False)
            ways["imports of parquet"].judge((name, tool), expected, imported, may_refuse=False)
            order = partial(Dataset.from_table, path)
            ways["library"].judge((name, tool), latest_last, lambda read=order: items_of(read()), may_refuse=False)
        for tool, path in text_files(table, tmp_path / f"{name} as text"):
            form = "jsonl" if ".jsonl" in path.name else "csv"
            mapping = MAPPING + f'format = "{form}"\n' + ('delimiter = "\\t"\n' if path.suffix == ".tsv" else "")
            milliseconds = path.name == "pandas.jsonl" and not unit and name.startswith("timestamp")

            def written(path: Path = path, mapping: str = mapping, unit: str = "ms" if milliseconds else unit) -> Ids:
                warehouse.imported(path, mapping + (f'timestamp_unit = "{unit}"\n' if unit else ""))
                return list(map(str, sorted(warehouse.rows())))

            ways["imports of text"].judge((name, tool), expected, written, may_refuse=False)
    for way in ways.values():
        way.end()
