"""Ids of a log in parquet, by a mapping: a missing one is null in every type, and no file changes those of another."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from warehouse.sources.mapped import import_mapped

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
