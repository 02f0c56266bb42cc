"""Spark's engine: what it promises beside the steps, and each mistake is one sentence that changes nothing."""

import json
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.spark import SMALL, small_spark
from warehouse.engine.choice import engine_of
from warehouse.engine.errors import DataError, StatementRefused
from warehouse.engine.spark import executors
from warehouse.engine.spark.spark_engine import SparkEngine
from warehouse.engine.statements import ColumnList


def refusal(engine: SparkEngine, folder: Path) -> str:
    """The sentence with which it does not open; nothing stands in the folder."""
    with pytest.raises(DataError) as caught, engine.open():
        pass
    assert not [path for path in folder.rglob("*") if path.is_file()]
    assert len(str(caught.value)) < 500
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.spark
def test_a_missing_java_is_a_sentence_with_the_spark_engine(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    said = refusal(SparkEngine("local[3]", tmp_path, SMALL), tmp_path)
    assert "Java 17" in said
    assert "apt-get install" in said


def test_a_missing_pyspark_is_a_sentence_with_the_spark_engine(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyspark.sql", None)
    assert "pip install 'gru4rec-nightly[spark]'" in refusal(SparkEngine("local[3]", tmp_path), tmp_path)


@pytest.mark.spark
@pytest.mark.parametrize("url", ["spark://127.0.0.1:1", "spark://no.such.host.invalid:7077", "spark://:x"])
def test_a_master_that_does_not_answer_is_a_sentence_with_the_spark_engine(tmp_path, url):
    assert f"no master of Spark answers at {url}" in refusal(SparkEngine(url, tmp_path), tmp_path)


@pytest.mark.spark
def test_a_master_without_executors_is_a_sentence_after_a_while_with_the_spark_engine(tmp_path, monkeypatch):
    monkeypatch.setattr(executors, "WAIT_SECONDS", 2.0)
    engine = SparkEngine("local-cluster[0,1,1024]", tmp_path, SMALL)
    said = refusal(engine, tmp_path)
    assert "no executor of Spark came in 2 s at local-cluster[0,1,1024]: start workers" in said
    assert "spark.executor.memory" in said


@pytest.mark.spark
def test_storage_that_only_the_driver_sees_is_a_sentence_with_the_spark_engine(tmp_path, monkeypatch):
    with small_spark(tmp_path / "shared").open():
        pass
    monkeypatch.chdir(tmp_path)  # so that this path is another folder here than in Spark's process
    engine = small_spark(Path("/proc/self/cwd/own"))
    with pytest.raises(DataError, match="do not see /proc/self/cwd/own as this machine does"), engine.open():
        pass


def test_settings_that_would_change_the_meaning_of_sql_are_refused_by_the_spark_engine(tmp_path):
    for name in ("spark.sql.session.timeZone", "spark.sql.ansi.enabled", "spark.master"):
        with pytest.raises(ValueError, match=f"{name} cannot be set in"):
            SparkEngine("local[2]", tmp_path, {name: "x"})
    with pytest.raises(ValueError, match="url is empty"):
        SparkEngine("", tmp_path)


def test_an_engine_is_chosen_by_its_kind_and_a_kind_that_is_none_is_a_sentence(tmp_path):
    limits = {"memory_limit": "1GB", "threads": 0}
    assert isinstance(engine_of("spark", tmp_path, url="local[2]", **limits), SparkEngine)
    assert type(engine_of("duckdb", tmp_path, **limits)).__name__ == "DuckDBEngine"
    with pytest.raises(ValueError, match="kind is 'sqlite': choose one of 'duckdb', 'spark'"):
        engine_of("sqlite", tmp_path, **limits)
    with pytest.raises(ValueError, match='are for kind = "spark"'):
        engine_of("duckdb", tmp_path, url="local[2]", **limits)


@pytest.mark.spark
def test_rows_are_written_in_order_counted_and_bounded_by_the_spark_engine(tmp_path):
    with small_spark(tmp_path / "scratch").open() as db:
        many = "SELECT (id * 7919) % 1000 AS user_id, id AS item_id FROM range(1000)"
        written = db.write([many, many], tmp_path / "out", ColumnList(("user_id",), "NULLS LAST"))
        assert written.rows == 2000
        users = pa.concat_tables([pq.read_table(file) for file in written.files])["user_id"].to_pylist()
        assert users == [*range(1000), *range(1000)]
        assert [file.name for file in written.files] == [f"part-{n:05d}.parquet" for n in range(len(written.files))]
        assert {file.name for file in (tmp_path / "out").iterdir()} == {file.name for file in written.files}
        assert (written.bounds[0][0], written.bounds[-1][1]) == (0, 999)
        nothing = db.write("SELECT 1 AS user_id WHERE false", tmp_path / "none", ColumnList(("user_id",)))
        assert (nothing.rows, nothing.bounds, len(nothing.files)) == (0, (), 1)
        assert pq.read_schema(nothing.files[0]).names == ["user_id"]
        reader = db.reader("SELECT id FROM range(100) ORDER BY id DESC NULLS LAST", 30)
        assert [batch.num_rows for batch in reader] == [30, 30, 30, 10]
        with pytest.raises(StatementRefused):
            db.rows("SELECT nothing FROM nowhere")
    assert not list((tmp_path / "scratch").rglob("*.parquet"))
    assert not Path("spark-warehouse").exists()  # what Spark makes in the working directory where nobody stops it


@pytest.mark.spark
def test_groups_are_ranges_in_order_and_each_has_its_result_once_with_the_spark_engine(tmp_path):
    from pyspark import cloudpickle

    cloudpickle.register_pickle_by_value(sys.modules[__name__])  # its workers cannot import this file
    (tmp_path / "luggage").mkdir()
    (tmp_path / "luggage" / "factor").write_text("3")
    with small_spark(tmp_path / "scratch").open() as db:
        sql = "SELECT id % 100 AS user_id, id AS item_id FROM range(1000)"
        order = ColumnList(("user_id", "item_id"), "NULLS LAST")
        found = list(map(json.loads, db.map_groups(sql, "user_id", order, tripled, tmp_path / "luggage")))
    assert len(found) > 1
    assert [tuple(one) for group in found for one in group] == [
        (user, 3 * (user + 100 * n)) for user in range(100) for n in range(10)
    ]
    users = [{user for user, _ in group} for group in found]
    assert sum(map(len, users)) == 100, "no user in two groups"


def tripled(batches, luggage):
    factor = int((luggage / "factor").read_text())
    return json.dumps([(row["user_id"], factor * row["item_id"]) for batch in batches for row in batch.to_pylist()])


@pytest.mark.spark
@pytest.mark.slow
def test_executors_without_the_package_are_a_sentence_with_the_spark_engine(tmp_path):
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "bare"], check=True)
    code = f"""
from pathlib import Path
from warehouse.engine.errors import DataError
from warehouse.engine.spark import executors
from warehouse.engine.spark.spark_engine import SparkEngine
from warehouse.engine.statements import ColumnList
import tests.spark
settings = tests.spark.SMALL | {{"spark.pyspark.python": {str(tmp_path / "bare" / "bin" / "python")!r}}}
luggage = Path({str(tmp_path)!r}, "luggage"); luggage.mkdir()
with SparkEngine("local[2]", Path({str(tmp_path)!r}, "scratch"), settings).open() as db:
    try:
        db.map_groups("SELECT id FROM range(9)", "id", ColumnList(("id",)), print, luggage)
    except DataError as error:
        print(error)
"""
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout
    assert "an executor of Spark has no Python package" in printed
    assert "spark.pyspark.python" in printed
