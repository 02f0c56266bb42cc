"""The column because_of: in nights that were asked for it, beside nights without, for every reader."""

import json

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from warehouse import recommendations as table
from warehouse.__main__ import main


def explained(nights, seed: int = 0, text: bool = False) -> pa.Table:
    """A night in which every second item follows from an event (item 40), and the others from none."""
    rows = nights.rows(seed=seed, text=text)
    event = "40" if text else 40
    events = pa.array([event if n % 2 else None for n in range(150)], rows["item_id"].type)
    return rows.append_column("because_of", events).sort_by([("user_id", "ascending"), ("rank", "ascending")])


@pytest.mark.parametrize("text", [False, True])
def test_a_table_learns_the_column_and_keeps_its_older_nights(nights, text):
    path, limits = nights.layout.recommendations, table.AuditLimits(min_overlap=None)
    nights.publish(0, nights.rows(text=text))
    nights.publish(1, explained(nights, 1, text), limits=limits)
    nights.publish(2, nights.rows(seed=2, text=text), limits=limits)
    asked = [table.night(path, nights.day(day)) for day in (0, 1, 2)]
    assert ["because_of" in night.schema.names for night in asked] == [False, True, False]
    read = asked[1].to_arrow()
    assert read["because_of"].to_pylist() == explained(nights, 1, text)["because_of"].to_pylist()
    assert read.schema.field("because_of").type == read.schema.field("item_id").type
    assert [night.to_arrow().num_rows for night in asked] == [150] * 3
    user = "7" if text else 7
    told = table.for_user(path, user, 2, run_date=nights.day(1), explain=True)
    first = read.filter(pa.compute.equal(read["user_id"], user)).to_pylist()[:2]
    assert [one["because_of"] for one in told] == [
        None if row["because_of"] is None else {"item_id": row["because_of"], "title": None} for row in first
    ]
    plain = table.for_user(path, user, 2, run_date=nights.day(1))
    assert plain == [{name: value for name, value in one.items() if name != "because_of"} for one in told]
    with pytest.raises(table.RecommendationsError, match=r"says of no item why .*explain = true"):
        table.for_user(path, user, explain=True)
    seen = pl.scan_delta(str(path)).group_by("run_date").agg(pl.col("because_of").count()).sort("run_date").collect()
    assert seen["because_of"].to_list() == [0, 75, 0]
    files = list(asked[1].files)
    assert duckdb.read_parquet(files).aggregate("count(because_of)").fetchall() == [(75,)]


def test_a_first_night_may_have_it(nights):
    nights.publish(0, explained(nights))
    assert table.latest(nights.layout).schema.names[-1] == "because_of"
    assert table.retain(nights.layout, 1, 0).kept == (nights.day(0),)
    nights.publish(0, nights.rows())
    assert table.latest(nights.layout).to_arrow().num_rows == 150


def test_the_shell_shows_the_event(nights, capsys):
    nights.publish(0, explained(nights))
    items = nights.layout.partition("items", nights.day(0))
    items.parent.mkdir(parents=True)
    pq.write_table(pa.table({"item_id": [40], "title": ["The Fortieth"]}), items)
    words = ["recommendations", "--data", str(nights.layout.root), "--user", "7", "--n", "2", "--explain"]
    assert main(words) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split()[-2:] == ["because", "of"]
    assert sum("The Fortieth" in line for line in lines) == 1
    assert main([*words, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {"item_id": 40, "title": "The Fortieth"} in [one["because_of"] for one in found]
    nights.publish(1)
    assert main(words) == 2
    assert "set explain = true in [recommendations]" in capsys.readouterr().err
