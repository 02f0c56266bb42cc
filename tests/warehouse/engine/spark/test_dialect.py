"""What a literal, a name and a time mean is the same on both engines."""

from collections.abc import Iterator
from contextlib import ExitStack
from itertools import product
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.spark import small_spark
from warehouse.engine.duckdb_engine import DuckDBEngine
from warehouse.engine.protocol import Database, FileColumn
from warehouse.engine.statements import literal

pytestmark = pytest.mark.spark
Both = tuple[Database, Database]
SPECIAL = ["'", '"', "\\", "\n", "\r", "\t", "`", "%", "${spark.master}", ":x", "?", "--", "/*", "\\'", "\\u0041", "日"]


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    folder = tmp_path_factory.mktemp("engines")
    with ExitStack() as stack:
        local = stack.enter_context(DuckDBEngine(threads=1, temp_directory=folder).open())
        yield local, stack.enter_context(small_spark(folder).open())


def texts() -> st.SearchStrategy[str]:
    plain = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=5)
    return st.lists(st.one_of(st.sampled_from(SPECIAL), plain), max_size=6).map("".join)


@settings(max_examples=3, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(texts(), min_size=60, max_size=60))
def test_any_text_is_data_on_both_spark_and_duckdb(both: Both, found: list[str]) -> None:
    found += SPECIAL
    for db in both:
        for start in range(0, len(found), 40):
            some = found[start : start + 40]
            assert db.rows(f"SELECT {', '.join(f'{literal(one)} AS c{n}' for n, one in enumerate(some))}") == [
                tuple(some)
            ]
        assert db.rows(f"SELECT {literal(found[-1])} IN {literal(tuple(found))}") == [(True,)]


DATES = ["2024-03-01", "2024-3-1", "2024-02-29", "2023-02-29", "1970-01-01", "0001-01-01", "2024"]
CLOCKS = ["10:00", "1:2:3", "23:59:59", "10:00:00.25", "10:00:00.1234567", "10:00:60", "25:00", "12", ""]
ZONES = ["", "Z", " UTC", "+01", "-05:30", "+0100", "+1", "X"]
REFUSED = ["12:30", "2024", "2024-03", "now", "today", "20240301", "2024-03-01 10", "10:00:00Z", "", " ", "x"]


def test_a_time_in_text_is_the_same_time_on_spark_or_none_on_both(both: Both, tmp_path: Path) -> None:
    texts = [*REFUSED, *DATES, *map("".join, product(DATES, " T", CLOCKS, ZONES))]
    path = tmp_path / "times.parquet"
    pq.write_table(pa.table({"number": range(len(texts)), "text": texts}), path)
    read = []
    for db in both:
        db.view("times", [path], {"number": FileColumn("number"), "time": FileColumn("text", "time")})
        read.append(dict(db.rows("SELECT number, time FROM times")))
    differ = [(text, read[0][n], read[1][n]) for n, text in enumerate(texts) if read[0][n] != read[1][n]]
    assert not differ
    assert {read[0][number] for number in range(len(REFUSED))} == {None}
    assert sum(time is not None for time in read[0].values()) > 300


@pytest.mark.parametrize(
    ("unit", "values"),
    [
        ("s", pa.array([0, 1_709_287_200, -5, 2**62])),
        ("s", pa.array([1_709_287_200.25, -0.5, float("nan"), 1e30])),
        ("ms", pa.array([1_709_287_200_123, -1, 2**63 - 1])),
        ("ms", pa.array([1.5, 2.5, -1.5])),
        ("us", pa.array([1_709_287_200_123_456, -(2**63)])),
        ("ns", pa.array([1_709_287_200_123_456_789, -1_500, 1_500])),
        ("ms", pa.array(["1709287200123", "1.5", "2024-03-01 10:00", "12:30", "x", None])),
    ],
)
def test_a_number_is_the_same_time_on_spark(both: Both, tmp_path: Path, unit: str, values: pa.Array) -> None:
    pq.write_table(pa.table({"number": range(len(values)), "value": values}), tmp_path / "times.parquet")
    columns = {"number": FileColumn("number", "id"), "time": FileColumn("value", "time", unit)}
    read = []
    for db in both:
        db.view("numbers", [tmp_path / "times.parquet"], columns)
        read.append(db.rows("SELECT number, time FROM numbers ORDER BY number NULLS LAST"))
    assert read[0] == read[1]


def test_a_path_of_any_characters_is_a_path_on_spark(both: Both, tmp_path: Path) -> None:
    files = [tmp_path / f"it's {mark} {number}.parquet" for number, mark in enumerate("*?[]{}%20+#\\$~:")]
    for number, path in enumerate(files):
        pq.write_table(pa.table({"a": [number]}), path)
    for db in both:
        db.view("files", files, filename="file")
        found = dict(db.rows("SELECT file, a FROM files"))
        assert found == {str(path): number for number, path in enumerate(files)}
