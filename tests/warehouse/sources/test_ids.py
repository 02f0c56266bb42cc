"""Ids of a log in parquet, by a mapping: a missing one is null in every type, and no file changes those of another."""

from uuid import UUID

import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest

from warehouse.sources.mapped import import_mapped
from warehouse.steps.items.ingest import ingest_items

DAY = "2024-03-01"
NAN = float("nan")
EVENTS = '[events]\nuser_id = "u"\nitem_id = "i"\ntimestamp = "t"\n'


def run(engine, layout, folder, mapping, **tables):
    folder.mkdir(exist_ok=True)
    for name, columns in tables.items():
        n = len(next(iter(columns.values())))
        pq.write_table(pa.table({"u": [1] * n, "i": [7] * n, "t": [DAY] * n, **columns}), folder / f"{name}.parquet")
    (folder.parent / "m.toml").write_text(mapping)
    return import_mapped(engine, layout, folder, mapping=folder.parent / "m.toml")


FLOATS = [1.0, NAN, 2.0, NAN]


@pytest.mark.parametrize("role", ["user_id", "item_id"])
@pytest.mark.parametrize(
    ("asked", "beside", "kept"),
    [
        ("", None, {1, 2}),
        ("string", None, {"1", "2"}),
        ("int64", None, {1, 2}),
        ("", [2**53 + 1], {1, 2, 2**53 + 1}),
        ("", ["x"], {"1", "2", "x"}),
        ("string", [7], {"1", "2", "7"}),
    ],
)
def test_a_nan_is_a_null_id_however_ids_are_read(tmp_path, layout, engine, shop, role, asked, beside, kept):
    """It became the user "nan" where its column was read as text."""
    column = {"user_id": "u", "item_id": "i"}[role]
    files = {"a": {column: FLOATS}} | ({"b": {column: beside}} if beside else {})
    run(engine, layout, tmp_path / "in", EVENTS + (f'{role}_type = "{asked}"\n' if asked else ""), **files)
    (report,) = shop.ingest(DAY)
    assert report.rejected_by_reason == {f"{role} is null": 2}
    assert {row[role == "item_id"] for row in shop.table("events", DAY)} == kept


def test_a_nan_names_no_session_beside_sessions_of_text(tmp_path, layout, engine, shop):
    """It joined the events of everybody whose session was not known."""
    run(engine, layout, tmp_path / "in", EVENTS + 'session_id = "s"\n', a={"s": FLOATS}, b={"s": ["x"]})
    shop.ingest(DAY)
    assert {row[3] for row in shop.table("events", DAY)} == {"1", "2", "x", None}


@pytest.mark.parametrize("small", [pa.uint32(), pa.int8(), pa.float64()], ids=str)
def test_whole_numbers_of_several_types_stay_whole_numbers(tmp_path, layout, engine, shop, small):
    """Those of uint32 beside int64 became text."""
    run(engine, layout, tmp_path / "in", EVENTS, a={"u": pa.array([5], small)}, b={"u": [2**53 + 1]})
    shop.ingest(DAY)
    assert {row[0] for row in shop.table("events", DAY)} == {5, 2**53 + 1}


def test_what_orders_events_is_not_rounded_by_another_file(tmp_path, layout, engine, shop):
    """Beside floats, two numbers of nanoseconds became one, and could not be read after that."""
    orders = [2**60 + 1, 2**60]
    run(engine, layout, tmp_path / "in", EVENTS + 'sequence = "s"\n', a={"s": orders, "i": [1, 2]}, b={"s": [1.0]})
    (report,) = shop.ingest(DAY, sequence_column="sequence")
    assert (report.rows, report.rejected) == (3, 0)
    assert [row[1] for row in shop.table("events", DAY)] == [7, 2, 1]


ITEMS = '[items]\nfiles = ["p*.parquet"]\nitem_id = "sku"\ntitle = "name"\n'
CATALOGUE = f'{EVENTS}files = ["a.parquet"]\n{ITEMS}'


@pytest.mark.parametrize(
    ("one", "other", "kept"),
    [
        ([2**53 + 1, 3], [4.0, NAN], [3, 4, 2**53 + 1]),
        ([4.0, NAN], ["x", "4"], ["4", "x"]),
        (pa.array([UUID(int=2**127).bytes] * 2, pa.binary(16)), None, [str(UUID(int=2**127))]),
    ],
)
def test_the_ids_of_a_catalogue_are_read_as_those_of_events(tmp_path, layout, engine, shop, one, other, kept):
    """They were rounded, or called 4.0 and nan, which no event is; sixteen bytes stopped every night."""
    tables = {"p1": {"sku": one, "name": ["a", "b"]}} | ({"p2": {"sku": other, "name": ["c", "d"]}} if other else {})
    run(engine, layout, tmp_path / "in", CATALOGUE, a={"u": [1]}, **tables)
    ingest_items(layout, DAY)
    assert [row[0] for row in shop.table("items", DAY)] == kept


@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_the_last_file_of_a_catalogue_counts_whatever_the_shapes_of_the_others(tmp_path, layout, engine, shop, form):
    """Files of one shape were read together, so the second file stood after the third."""
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "log.csv").write_text("u,i,t\n1,7,2024-03-01\n")
    tables = [{"sku": [7], "name": ["old"]}, {"sku": [7.0], "name": ["newer"], "x": [1]}, {"sku": [7], "name": ["new"]}]
    for number, table in enumerate(map(pa.table, tables)):
        write = pq.write_table if form == "parquet" else pacsv.write_csv
        write(table, folder / f"p{number}.{form}")
    log, items = f'format = "csv"\nfiles = ["log.csv"]\n{ITEMS}', f'files = ["p*.{form}"]\nformat = "{form}"'
    mapping = EVENTS + log.replace('files = ["p*.parquet"]', items)
    (tmp_path / "m.toml").write_text(mapping)
    import_mapped(engine, layout, folder, mapping=tmp_path / "m.toml")
    ingest_items(layout, DAY)
    assert shop.table("items", DAY) == [(7 if form == "parquet" else "7", "new")]


def test_a_missing_title_among_numbers_is_none(tmp_path, layout, engine, shop):
    run(engine, layout, tmp_path / "in", CATALOGUE, a={"u": [1]}, p={"sku": [1, 2], "name": [NAN, 1984.0]})
    ingest_items(layout, DAY)
    assert shop.table("items", DAY) == [(1, None), (2, "1984")]
