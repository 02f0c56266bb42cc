"""The table below folders of any name: written, read by every documented query and by the package, rolled back."""

import re
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable

from warehouse import recommendations as table
from warehouse.days import midnight
from warehouse.realised.band import curve
from warehouse.realised.score import score_day
from warehouse.recommendations.kinds import RECOMMENDED
from warehouse.recommendations.table import commits
from warehouse.serve.history import latest_events
from warehouse.serve.list_file import ListFile, write_lists

DOCS = Path(__file__).resolve().parents[4] / "docs" / "recommendations.md"
BLOCKS = dict(re.findall(r"```python\n# (\w+)\n(.*?)```", DOCS.read_text(encoding="utf-8"), flags=re.DOTALL))
README = (DOCS.parents[1] / "README.md").read_text(encoding="utf-8")
[OF_README] = re.findall(r"```python\n(from urllib.parse import unquote\n.*?)```", README, flags=re.DOTALL)
BLOCKS["readme"] = OF_README.replace('"demo/', '"data/')
NAMES = [
    "with blank", "Müller ü", "a#b", "100%", "50%2", "a?b=c&d", "it's", "*", "a+b", "{x}", "~", "a:b", 'say "hi"',
    "run_date=2026-01-01", "_hidden",
]  # fmt: skip
MORE_NAMES = [
    "%zz", "a;b,c", "$HOME", "日本", "🙂", "..dots.", "-dash", " lead", "trail ", "`x`", "<x>", "&amp;", "#", "%",
    "e\u0301", "n" * 200, "user_id=9", "\u202etxt", "s3:",
]  # fmt: skip
UNUSABLE = [
    "per%20cent",
    "%41",
    "a%25b",
    "back\\slash",
    "[x]",
    "a]",
    "a\tb",
    "a\nb",
    "a\x7fb",
    "a|b",
    "a^b",
    "_delta_log",
]


@pytest.fixture(params=[*NAMES, *(pytest.param(n, marks=pytest.mark.slow) for n in MORE_NAMES)], scope="module")
def there(request, nights_below, tmp_path_factory):
    """A folder of that name with two nights below data/; user 7 has a list. The last test changes it."""
    nights = nights_below(tmp_path_factory.mktemp("names") / request.param / "data")
    nights.layout.root.parent.mkdir()
    for day in (0, 1):
        nights.publish(day)
    return nights


def items_of(name):
    found = {}
    exec(BLOCKS[name].replace("42", "7"), found)
    top = found["top"]
    if name == "pandas":
        return top["item_id"].tolist()
    return [row[2] for row in top.fetchall()] if name in ("duckdb", "readme") else top["item_id"].to_list()


def test_every_documented_query_and_the_package_read_the_same_list(there, monkeypatch):
    monkeypatch.chdir(there.layout.root.parent)
    expected = [row["item_id"] for row in table.for_user(there.layout, 7)]
    assert len(expected) == 5
    found, errors = {}, {}
    for name in ("duckdb", "readme", "pandas", "polars"):
        try:
            found[name] = items_of(name)
        except Exception as error:
            errors[name] = f"{type(error).__name__}: {str(error)[:150]}"
    assert not errors
    assert found == dict.fromkeys(found, expected)
    assert table.latest(there.layout).run_date == there.day(1)


def test_the_package_writes_rolls_back_and_sweeps_there(there, monkeypatch):
    monkeypatch.chdir(there.layout.root.parent)
    assert table.rollback(there.layout, to_night=there.day(0)).newest == there.day(0)
    there.publish(2)
    assert table.retain(there.layout, keep_nights=1, vacuum_hours=0).kept == (there.day(2),)
    assert table.latest(there.layout).to_arrow().num_rows == 150
    with table.Reader(there.layout) as reader:
        assert len(reader.for_user(7, 5)) == 5


@pytest.mark.parametrize("name", UNUSABLE)
def test_a_name_that_the_delta_library_cannot_use_is_refused_before_anything_is_written(nights, tmp_path, name):
    folder = tmp_path / name / "data"
    with pytest.raises(ValueError, match="rename that folder"):
        table.for_user(folder / "recommendations", 7)
    object.__setattr__(nights.layout, "root", folder)
    with pytest.raises(ValueError, match="rename that folder"):
        nights.publish(0)
    assert not folder.parent.exists()


def test_a_link_to_such_a_folder_is_refused_too(tmp_path):
    (tmp_path / "per%20cent").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "per%20cent")
    with pytest.raises(ValueError, match="%20"):
        table.for_user(tmp_path / "link" / "recommendations", 7)


def test_the_commits_are_those_of_the_delta_library(nights):
    for day in (0, 1, 1):
        nights.publish(day)
    table.rollback(nights.layout, to_night=nights.day(0))
    opened = DeltaTable(nights.layout.recommendations)
    assert list(commits(opened)) == opened.history()
    assert list(commits(opened, 2)) == opened.history(2)


def test_a_damaged_entry_of_the_log_is_a_sentence(nights):
    nights.publish(0)
    opened = DeltaTable(nights.layout.recommendations)
    entry = nights.layout.recommendations / "_delta_log" / f"{opened.version():020d}.json"
    entry.write_bytes(entry.read_bytes()[: entry.stat().st_size // 2])
    with pytest.raises(ValueError, match=r"json is damaged .* run a night"):
        list(commits(opened))


COLUMNS = "user_id=9/item_id=x/rank=1/model=popularity/k=5/timestamp=2020-01-01/title=no"


def test_figures_below_folders_that_are_called_like_values_of_columns(nights_below, duckdb_engine, tmp_path):
    """As Hive names the folders of partitions: readers of parquet take them for columns where nobody says otherwise."""
    found = []
    for folder in ("plain", COLUMNS):
        nights = nights_below(tmp_path / folder / "data")
        layout, seven = nights.layout, range(7)
        nights.publish(0, nights.rows().take(list(reversed(range(150)))))  # in no order, so it is sorted
        nights.publish(1)
        for name, day, columns in (
            ("items", 0, {"item_id": list(range(60)), "title": [f"film {item}" for item in range(60)]}),
            ("events", 0, {"user_id": [7] * 7, "item_id": seven, "timestamp": [midnight(nights.day(0))] * 7}),
            ("events", 1, {"user_id": seven, "item_id": seven, "timestamp": [midnight(nights.day(1))] * 7}),
        ):
            path = layout.partition(name, nights.day(day))
            path.parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(pa.table(columns), path)
        other = layout.root / "other.parquet"  # in no order, as another writer leaves it
        pq.write_table(nights.rows().take(list(reversed(range(150)))), other)
        lists = layout.root / "lists.arrow"
        found.append(
            {
                "compared": table.compare(layout, nights.day(0), nights.day(1)).to_pylist(),
                "history": latest_events(layout, nights.day(1), 7, 5),
                "realised": score_day(duckdb_engine, layout, nights.day(1)).drop("version").to_pylist(),
                "curve": [row["recall"] for row in curve(layout, nights.day(1), 5)],
                "list": table.for_user(layout, 7, 3, run_date=nights.day(0)),
                "laid out": ListFile(lists, write_lists([str(other)], RECOMMENDED, lists)).best(7, 3),
            }
        )
    assert found[1] == found[0]
