"""The files that a night consists of: what every engine must find in them, and what the log says of each."""

import datetime as dt
import json

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable

from warehouse import recommendations as table
from warehouse.recommendations import parts


@pytest.fixture
def small_parts(monkeypatch):
    """Nights of 150 rows in four parts of five row groups of 8 rows, so that lists straddle both."""
    monkeypatch.setattr(parts, "ROW_GROUP", 8)
    monkeypatch.setattr(parts, "ROWS_A_PART", 40)


@pytest.mark.parametrize("text", [False, True])
def test_every_engine_reads_the_rows_that_were_given(nights, small_parts, text):
    nights.publish(0, nights.rows(seed=3, text=text))
    nights.publish(1, nights.rows(seed=5, text=text))
    nights.publish(1, nights.rows(seed=4, text=text))
    path, night = nights.layout.recommendations, nights.day(1)
    assert len(table.night(path, night).files) == 4
    given = nights.rows(seed=4, text=text).sort_by([("user_id", "ascending"), ("rank", "ascending")])
    rows = [tuple(row.values()) for row in given.select(["user_id", "rank", "item_id", "score"]).to_pylist()]
    names, key = ["user_id", "rank", "item_id", "score"], lambda row: row[:2]
    frame = pl.scan_delta(str(path)).filter(pl.col("run_date") == night).select(names)
    assert sorted(frame.collect().rows(), key=key) == rows
    frame = DeltaTable(path).to_pandas(filters=[("run_date", "=", night)])[names]
    assert sorted(frame.itertuples(index=False, name=None), key=key) == rows
    frame = DeltaTable(path).to_pyarrow_dataset().to_table(filter=pc.field("run_date") == night, columns=names)
    assert sorted(zip(*frame.to_pydict().values(), strict=True), key=key) == rows
    files = list(table.night(path, night).files)
    assert duckdb.read_parquet(files).project(", ".join(names)).fetchall() == rows, "in order of user and rank"
    assert table.night(path, night).to_arrow(names).to_pydict() == given.select(names).to_pydict()


def test_the_table_is_the_contracts_also_where_deltas_own_reader_looks(nights):
    nights.publish(0)
    read = DeltaTable(nights.layout.recommendations).to_pyarrow_table()
    expected = table.night(nights.layout, nights.day(0)).schema
    assert {field.name: field.type for field in read.schema} == {field.name: field.type for field in expected}


@pytest.mark.parametrize("text", [False, True])
def test_the_log_tells_the_bounds_of_every_part(nights, small_parts, text):
    nights.publish(0, nights.rows(text=text, users=range(10, 40)))
    path = nights.layout.recommendations
    actions = DeltaTable(path).get_add_actions(flatten=True)
    described = pa.table(actions).to_pylist()
    assert sum(row["num_records"] for row in described) == 150
    for row in described:
        rows = pq.read_table(path / row["path"], partitioning=None)
        assert row["num_records"] == rows.num_rows
        assert row["size_bytes"] == (path / row["path"]).stat().st_size
        for name in rows.schema.names:
            bounds = pc.min_max(rows[name]).as_py()
            assert row[f"null_count.{name}"] == 0
            if name != "generated_at":
                assert (row[f"min.{name}"], row[f"max.{name}"]) == (bounds["min"], bounds["max"])


def test_a_user_is_looked_for_in_the_files_that_can_hold_it(nights, small_parts):
    """Delta's readers skip a part by the log's bounds: with the others spoiled they still answer."""
    nights.publish(0)
    path = nights.layout.recommendations
    *others, last = table.night(path, nights.day(0)).files
    for file in others:
        with open(file, "r+b") as spoiled:
            spoiled.truncate(0)
    found = pl.scan_delta(str(path)).filter(pl.col("user_id") == 29).collect()
    assert found["rank"].sort().to_list() == [1, 2, 3, 4, 5]
    assert pq.read_table(last)["user_id"].to_pylist()[-1] == 29


def test_times_are_rounded_so_that_bounds_stay_bounds(nights, tmp_path):
    at = dt.datetime(2026, 1, 11, 2, 0, 0, 123_456, tzinfo=dt.UTC)
    nights.publish(0, facts=table.NightFacts(generated_at=at))
    [file] = table.night(nights.layout, nights.day(0)).files
    found = json.loads(parts.statistics_json(file))
    assert found["minValues"]["generated_at"] == "2026-01-11T02:00:00.123Z"
    assert found["maxValues"]["generated_at"] == "2026-01-11T02:00:00.124Z"
    assert (found["nullCount"]["model_version"], "model_version" in found["minValues"]) == (150, False)
