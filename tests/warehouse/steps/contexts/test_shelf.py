"""Who gets a list, and what may stand in it."""

from datetime import date, timedelta
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from warehouse.engine.duckdb_engine import DuckDBEngine
from warehouse.engine.errors import DataError
from warehouse.layout import Layout
from warehouse.steps.contexts.shelf import Shelf, judge_list, shelf

DAY = date(2026, 1, 10)


@pytest.fixture
def layout(tmp_path):
    layout = Layout(tmp_path)
    for folder in ("events", "items"):
        layout.partition(folder, DAY).parent.mkdir()
    items = {"item_id": [1, 2, 3, 4], "title": ["a", "b", "c", None], "in_stock": [True, False, True, None]}
    pq.write_table(pa.table(items), layout.partition("items", DAY))
    return layout


@pytest.fixture
def engine(tmp_path):
    return DuckDBEngine(memory_limit="200MB", threads=1, temp_directory=tmp_path)


def test_no_selection_lets_everything_stand(layout, engine):
    assert shelf(engine, layout, DAY) == Shelf(None, None)
    assert Shelf().of(pa.array([3, 1])).to_pylist() == [3, 1]


def test_predicates_on_items(layout, engine):
    chosen = shelf(engine, layout, DAY, allow="in_stock", deny="title = 'c' -- gone")
    assert chosen.of(pa.array([4, 3, 2, 1, 9])).to_pylist() == [1], "unknown stock and unknown items are not in stock"
    assert shelf(engine, layout, DAY, deny="NOT in_stock").of(pa.array([4, 3, 2, 1, 9])).to_pylist() == [4, 3, 1, 9]


def test_a_catalogue_of_other_ids_than_the_models_is_one_sentence(layout, engine):
    pq.write_table(pa.table({"item_id": ["1", "I2"], "in_stock": [True, True]}), layout.partition("items", DAY))
    for name in ("allow", "deny"):
        chosen = shelf(engine, layout, DAY, **{name: "in_stock"})
        with pytest.raises(
            ValueError, match=rf"{name} names the item 'I2', and the model knows items by whole numbers"
        ):
            chosen.of(pa.array([1, 2]))


def test_lists_in_a_parquet_file(layout, engine):
    pq.write_table(pa.table({"item_id": pa.array([2, 3, None], pa.int32())}), layout.root / "banned.parquet")
    assert shelf(engine, layout, DAY, deny="banned.parquet").of(pa.array([1, 2, 3])).to_pylist() == [1]
    assert shelf(engine, layout, DAY, allow=str(layout.root / "banned.parquet")).of(
        pa.array([1, 2, 3])
    ).to_pylist() == [2, 3]


@pytest.mark.parametrize(
    ("selection", "error", "sentence"),
    [
        ({"allow": "in_stok"}, ValueError, r"allow \(in_stok\) is not a predicate on items .*columns .*in_stock"),
        ({"deny": "title ="}, ValueError, r"deny \(title =\) is not a predicate on items \(it stops before its end\)"),
        ({"deny": " "}, ValueError, r"deny \( \) is not a predicate on items \(it is blank\)"),
        ({"deny": "-- all"}, ValueError, r"deny \(-- all\) is not a predicate on items"),
        ({"allow": "item_id"}, ValueError, r"allow \(item_id\) .* gives int64, not true or false"),
        ({"deny": "none.parquet"}, ValueError, r'deny: .*none.parquet names no item: .* set deny to ""'),
        ({"allow": "item_id > 99"}, ValueError, "leaves no item that may be recommended"),
        ({"deny": "nowhere.parquet"}, FileNotFoundError, "deny needs .*nowhere.parquet, which does not exist"),
    ],
)
def test_a_selection_that_cannot_be_is_one_sentence(layout, engine, selection, error, sentence):
    pq.write_table(pa.table({"item_id": pa.array([None], pa.int64())}), layout.root / "none.parquet")
    with pytest.raises(error, match=sentence):
        shelf(engine, layout, DAY, **selection)


def test_a_predicate_needs_the_items_of_the_night(layout, engine):
    with pytest.raises(FileNotFoundError, match=r"allow needs .*items/2026-01-11.parquet.*materialise items"):
        shelf(engine, layout, DAY + timedelta(days=1), allow="in_stock")


STACKED = "true); COPY (SELECT 'x') TO '{target}'; SELECT item_id FROM items WHERE (true"
ATTACKS = [
    STACKED,
    "true; COPY (SELECT 'x') TO '{target}'; SELECT item_id, true",
    "true AS chosen FROM items; COPY (SELECT 'x') TO '{target}'; SELECT item_id, true",
    "true AS chosen FROM items UNION ALL SELECT item_id, true",
    "true -- \n AS chosen FROM items; ATTACH '{target}' AS other; SELECT 1, true",
    "EXISTS (SELECT 1 FROM read_text('{secret}') WHERE content LIKE 's%')",
    "title IN (FROM '{secret}')",
    "item_id IN (SELECT item_id FROM read_csv('{secret}'))",
    "getenv('HOME') = '/root'",
    "current_setting('temp_directory') LIKE '/%'",
    "write_log('{target}') IS NULL",
    "sleep_ms(1) IS NULL",
    "true) UNION SELECT 9, true FROM items WHERE (true",
    "EXISTS (SELECT 1 FROM sniff_csv('{secret}'))",
    "EXISTS (FROM read_blob('{secret}'))",
    "EXISTS (FROM glob('/*'))",
    "EXISTS (FROM query('COPY (SELECT 1) TO ''{target}'''))",
    "EXISTS (FROM query_table('items'))",
    "EXISTS (FROM json_execute_serialized_sql('{{}}'))",
    "EXISTS (FROM duckdb_secrets())",
    "EXISTS (FROM duckdb_settings())",
    "(SELECT count(*) FROM range(100000000) a, range(100000000) b) > 0",
    "error('boom')",
    "item_id = $1",
    "true ORDER BY 1",
    "COLUMNS(*)",
]


@pytest.mark.parametrize("predicate", ["repeat('x', 10000000000) = ''", "CAST(item_id + 300 AS TINYINT) > 0"])
def test_a_predicate_that_reckons_too_far_is_a_sentence(layout, engine, predicate):
    with pytest.raises(ValueError, match=r"(?s)allow \(.* is not a predicate on items \(.*"):
        shelf(engine, layout, DAY, allow=predicate)


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("knob", ["allow", "deny"])
def test_a_predicate_runs_no_other_statement_and_reaches_no_file(layout, engine, tmp_path, knob, attack):
    secret, target = tmp_path / "secret.csv", tmp_path / "written"
    secret.write_text("item_id\n1\n")
    with pytest.raises(ValueError, match=rf"(?s){knob} \(.* is not a predicate on items"):
        shelf(engine, layout, DAY, **{knob: attack.format(secret=secret, target=target)})
    assert not target.exists()
    with pytest.raises(ValueError, match="one true-or-false SQL expression on items"):
        judge_list(attack.format(secret=secret, target=target))


def test_a_confined_database_reaches_no_file(layout, engine, tmp_path):
    """The second wall, should the parser's judgement ever miss something."""
    items, target = layout.partition("items", DAY), tmp_path / "written"
    (tmp_path / "secret.csv").write_text("item_id\n1\n")
    before = items.read_bytes()
    with engine.open() as db:
        db.view("items_file", [items])
        db.table("items", "SELECT * FROM items_file")
        db.confine()
        assert db.rows("SELECT count(*) FROM items") == [(4,)]
        for statement in (
            f"COPY (SELECT 'x') TO '{target}'",
            f"COPY (SELECT 1 AS item_id) TO '{items}'",
            "FROM items_file",
            f"FROM read_text('{tmp_path / 'secret.csv'}')",
            f"ATTACH '{target}'",
            "SET enable_external_access = true",
            "SET allowed_paths = ['/']",
        ):
            with pytest.raises((duckdb.Error, DataError), match=r"[Pp]ermission|Cannot"):
                db.rows(statement)
    assert not target.exists()
    assert items.read_bytes() == before


@pytest.mark.parametrize("folder", ["it's [a] shop*", "plain"])
def test_the_items_are_read_from_any_folder_by_any_path(layout, engine, tmp_path, monkeypatch, folder):
    there = Layout(tmp_path / folder / "items" / "x").partition("items", DAY)
    there.parent.mkdir(parents=True)
    there.write_bytes(layout.partition("items", DAY).read_bytes())
    monkeypatch.chdir(tmp_path / folder)
    (tmp_path / folder / "link").symlink_to(tmp_path / folder / "items", target_is_directory=True)
    for root in (Path("items/x"), tmp_path / folder / "items" / "x", Path("link/x"), Path("../") / folder / "items/x"):
        assert shelf(engine, Layout(root), DAY, allow="in_stock").allow.to_pylist() == [1, 3]


@pytest.mark.parametrize(
    "predicate",
    [
        "in_stock AND title <> 'x; DROP TABLE items'",
        "(in_stock) OR (title IN ('a', 'b'))",
        "lower(title) LIKE 'a%' AND item_id BETWEEN 1 AND 3 AND NOT coalesce(in_stock, false) IS NULL",
        "CASE WHEN in_stock THEN true ELSE item_id % 2 = 0 END AND CAST(item_id AS DOUBLE) > 0.5",
        "len(list_filter([title], lambda t: t = 'a')) = 1 AND current_date > DATE '2020-01-01'",
    ],
)
def test_what_a_shop_may_ask_for(layout, engine, predicate):
    judge_list(predicate)
    assert 1 in shelf(engine, layout, DAY, allow=predicate).allow.to_pylist()
