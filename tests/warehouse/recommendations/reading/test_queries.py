"""The queries of docs/recommendations.md, run as they stand there, from a folder that holds data/recommendations."""

import datetime as dt
import re
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from warehouse import recommendations as table
from warehouse.tables import columns_markdown

DOCS = Path(__file__).resolve().parents[4] / "docs" / "recommendations.md"
README = DOCS.parents[1] / "README.md"
BLOCKS = dict(re.findall(r"```python\n# (\w+)\n(.*?)```", DOCS.read_text(encoding="utf-8"), flags=re.DOTALL))


@pytest.fixture
def here(nights, monkeypatch):
    """A working directory with two nights below data/; user 42 has a list, the older night another one."""
    for day in (0, 1):
        nights.publish(day, nights.rows(users=range(40, 50), seed=day))
    monkeypatch.chdir(nights.layout.root.parent)
    return nights


@pytest.mark.parametrize("name", ["duckdb", "pandas", "polars"])
def test_the_query_finds_the_newest_nights_list(here, name):
    found = {}
    exec(BLOCKS[name], found)
    top = found["top"]
    items = top["item_id"].tolist() if name == "pandas" else [row[2 if name == "duckdb" else 1] for row in rows_of(top)]
    assert items == [row["item_id"] for row in table.for_user(here.layout, 42)]
    assert len(items) == 5


@pytest.mark.parametrize("user", ["u42", "42", "O'Brien", 'ü "7"'])
def test_the_queries_answer_for_text_ids(nights, monkeypatch, user):
    """Nothing is changed in them but the user; one that looks like a number is text too."""
    rows = nights.rows(users=["007", "42", "O'Brien", "u42", 'ü "7"', "zoe"], text=True)
    items = pa.array([f"item {item}" for item in rows["item_id"].to_pylist()])
    rows = rows.set_column(rows.column_names.index("item_id"), "item_id", items)
    nights.publish(0, rows, expected=table.Expected(n=5, users=6))
    monkeypatch.chdir(nights.layout.root.parent)
    wanted = [item for owner, item in zip(rows["user_id"].to_pylist(), items.to_pylist(), strict=True) if owner == user]
    for name in ("duckdb", "pandas", "polars", "package"):
        found = {}
        exec(re.sub(r"^user = 42$", lambda _: f"user = {user!r}", BLOCKS[name], flags=re.M), found)
        top = found["top"]
        if name == "duckdb":
            listed = [row[0] for row in top.project("item_id").fetchall()]
        else:
            listed = [row["item_id"] for row in top] if name == "package" else list(top["item_id"])
        assert listed == wanted, name


@pytest.mark.parametrize("user", [42, 43])
def test_the_query_of_the_readme_runs(here, user):
    """It reads the demo's folder, which has the same shape."""
    [query] = re.findall(
        r"```python\n(from urllib.parse import unquote\n.*?)```", README.read_text(encoding="utf-8"), flags=re.DOTALL
    )
    found = {}
    exec(query.replace('"demo/', '"data/').replace("user = 42", f"user = {user}"), found)
    items = [row[0] for row in found["top"].project("item_id").fetchall()]
    assert items == [row["item_id"] for row in table.for_user(here.layout, user)]


def rows_of(top):
    return top.fetchall() if hasattr(top, "fetchall") else top.rows()


def test_the_first_query_needs_nothing_but_duckdb_and_deltalake(here):
    """Anything else that a bare environment has not got is made to fail on import."""
    missing = (
        "import sys\nfor name in ('pyarrow', 'pandas', 'numpy', 'polars', 'warehouse'): sys.modules[name] = None\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", missing + BLOCKS["duckdb"]], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    for row in table.for_user(here.layout, 42):
        assert re.search(rf"│\s+{row['item_id']} │", done.stdout)


def test_the_package_lines_run(here):
    found = {}
    exec(BLOCKS["package"], found)
    assert found["newest"].run_date == here.day(1)
    assert [row["item_id"] for row in found["top"]] == [row["item_id"] for row in table.for_user(here.layout, 42)]


def test_spark_is_shown_and_the_columns_are_the_contracts():
    text = DOCS.read_text(encoding="utf-8")
    assert "spark" in BLOCKS
    in_docs = re.findall(r"^\| (\w+) \| ", text.split("## What readers")[0], flags=re.MULTILINE)[1:]
    assert in_docs == re.findall(r"^\| (\w+) \| ", columns_markdown("recommendations"), flags=re.MULTILINE)[1:]


def test_a_night_the_day_after_is_fresh(here):
    assert table.latest(here.layout, today=here.day(1) + dt.timedelta(days=1), max_age_days=1).age_days == 1
