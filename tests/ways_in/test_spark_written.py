"""Parquet as Spark writes it with its own settings: the same ids, times and sessions, or one sentence."""

import json
import os
import shutil
import subprocess
import sys
from itertools import product
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests.ways_in.way import DAY, NUMBERS, TIMES, Warehouse
from warehouse.config import SessionsConfig
from warehouse.engine.errors import DataError
from warehouse.sources.mapped import import_mapped
from warehouse.steps.sessions.build import build_sessions

pytestmark = pytest.mark.spark
KINDS = ["tinyint", "int", "bigint", "float", "double", "decimal(38,0)", "decimal(20,2)", "string", "binary"]
CLOCKS = ["INT96", "TIMESTAMP_MICROS", "TIMESTAMP_MILLIS"]
CODECS = ["snappy", "gzip", "zstd", "uncompressed", "lz4_raw"]

# Run beside the tests: a process has one session of Spark, and this one has none of the house's settings.
WRITE = """
import json, sys
from datetime import datetime
from decimal import Decimal
from pyspark.sql import SparkSession

given = json.loads(sys.argv[1])
spark = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false").getOrCreate()
times = [datetime.fromisoformat(at) for at in given["times"]]
values = {"string": lambda n: f"u{n}", "binary": lambda n: f"u{n}".encode(), "float": float, "double": float,
          "array<int>": lambda n: [n], "decimal(38,0)": Decimal, "decimal(20,2)": Decimal}
for folder, kind, clock, codec, by in given["logs"]:
    value = values.get(kind, int)
    rows = [(value(n), value(n), at, n, {"a": 1}, [1.5], Decimal("1.10"), None)
            for n, at in zip(given["numbers"], times, strict=True)]
    schema = (f"user_id {kind}, item_id {kind}, timestamp timestamp, page int, extra map<string,int>, "
              "prices array<double>, price decimal(10,2), nothing string")
    spark.conf.set("spark.sql.parquet.outputTimestampType", clock)
    frame = spark.createDataFrame(rows, schema).selectExpr("*", "struct(page, price) as nested").repartition(3)
    writer = frame.write.option("compression", codec)
    (writer.partitionBy(by) if by else writer).parquet(folder)
"""


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folders of logs: one of each kind of id and time, "by page", "lists"; each with _SUCCESS and check sums."""
    top = tmp_path_factory.mktemp("logs")
    asked = [
        (f"{kind} {clock}", kind, clock, CODECS[number % len(CODECS)], "")
        for number, (kind, clock) in enumerate(product(KINDS, CLOCKS))
    ]
    asked += [("by page", "bigint", "INT96", "snappy", "page"), ("lists", "array<int>", "INT96", "snappy", "")]
    given = {"logs": [(str(top / name), *rest) for name, *rest in asked]}
    given |= {"numbers": NUMBERS, "times": [at.isoformat() for at in TIMES]}
    environment = {**os.environ, "TZ": "UTC", "PYSPARK_PYTHON": sys.executable}
    command = [sys.executable, "-c", WRITE, json.dumps(given)]
    done = subprocess.run(command, env=environment, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    for name, *_ in asked:
        assert (top / name / "_SUCCESS").exists()
        assert list((top / name).rglob(".*.crc"))
    return top


def day(tmp_path: Path, log: Path) -> Warehouse:
    """A warehouse whose one raw day is the folder as Spark left it."""
    warehouse = Warehouse(tmp_path)
    shutil.copytree(log, warehouse.layout.raw_events(DAY))
    return warehouse


def ids(warehouse: Warehouse) -> list[tuple[str, str]]:
    rows = warehouse.rows()
    assert sorted(rows) == TIMES
    return [(str(rows[at]["user_id"]), str(rows[at]["item_id"])) for at in TIMES]


def expected(kind: str) -> list[tuple[str, str]]:
    texts = [f"u{number}" if kind in ("string", "binary") else str(number) for number in NUMBERS]
    return list(zip(texts, texts, strict=True))


@pytest.mark.parametrize("clock", CLOCKS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_raw_day_that_spark_wrote(tmp_path: Path, logs: Path, kind: str, clock: str) -> None:
    assert ids(day(tmp_path, logs / f"{kind} {clock}")) == expected(kind)


@pytest.mark.parametrize("kind", ["bigint", "decimal(38,0)", "string", "binary"])
@pytest.mark.parametrize("clock", CLOCKS)
def test_an_import_of_a_folder_that_spark_wrote(tmp_path: Path, logs: Path, kind: str, clock: str) -> None:
    warehouse = Warehouse(tmp_path)
    (tmp_path / "m.toml").write_text('[events]\nuser_id = "user_id"\nitem_id = "item_id"\ntimestamp = "timestamp"\n')
    import_mapped(warehouse.engine, warehouse.layout, logs / f"{kind} {clock}", mapping=tmp_path / "m.toml")
    assert ids(warehouse) == expected(kind)


def test_a_partitioned_write_is_one_day_with_the_sessions_of_one_file(tmp_path: Path, logs: Path) -> None:
    found = []
    for name in ("by page", "bigint INT96"):
        warehouse = day(tmp_path / name, logs / name)
        assert ids(warehouse) == expected("bigint")
        build_sessions(
            warehouse.engine, warehouse.layout, DAY, SessionsConfig(min_session_length=1, min_item_support=1)
        )
        found.append(pq.read_table(warehouse.layout.files("sessions", DAY)).to_pylist())
    assert found[0]
    assert found[0] == found[1]


def test_what_spark_can_write_and_no_id_can_be_is_a_sentence(tmp_path: Path, logs: Path) -> None:
    with pytest.raises(DataError, match="user_id"):
        day(tmp_path, logs / "lists").rows()


def test_a_write_that_was_killed_is_no_delivery(tmp_path: Path, logs: Path) -> None:
    warehouse = day(tmp_path, logs / "int INT96")
    folder = warehouse.layout.raw_events(DAY)
    unfinished = folder / "_temporary" / "0"
    unfinished.mkdir(parents=True)
    for part in folder.glob("*.parquet"):
        part.rename(unfinished / part.name)
    (folder / "_SUCCESS").unlink()
    with pytest.raises(FileNotFoundError, match=DAY.isoformat()):
        warehouse.rows()
