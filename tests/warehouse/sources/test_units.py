"""An import is a unit: it replaces what it wrote itself, stands beside others, and is whole or not at all."""

import pytest

from warehouse.sources.mapped import import_mapped
from warehouse.sources.public.rsc15 import import_rsc15

MAPPING = '[events]\nformat = "csv"\nuser_id = "u"\nitem_id = "i"\ntimestamp = "t"\n'
ITEMS = '[items]\nformat = "csv"\nfiles = ["{}"]\nitem_id = "sku"\n'


def log(folder, name, *rows):
    folder.mkdir(exist_ok=True)
    (folder / name).write_text("\n".join(["u,i,t", *rows, ""]))
    return folder / name


def run(engine, layout, path, more="", **options):
    mapping = path.parent / "mapping.toml"
    mapping.write_text(MAPPING + more)
    return import_mapped(engine, layout, path, mapping=mapping, **options)


def state(layout):
    return {path: path.read_bytes() for path in layout.raw.rglob("*") if path.is_file()}


def test_a_corrected_import_takes_the_wrong_day_away(tmp_path, engine, layout):
    path = log(tmp_path / "in", "log.csv", "a,x,03/04/2026", "a,y,05/04/2026")
    run(engine, layout, path, 'timestamp_format = "%m/%d/%Y"\n')
    assert [str(day) for day in (layout.raw_days()[0], layout.raw_days()[-1])] == ["2026-03-04", "2026-05-04"]
    run(engine, layout, path, 'timestamp_format = "%d/%m/%Y"\n')
    assert [str(day) for day in layout.raw_days()] == ["2026-04-03", "2026-04-04", "2026-04-05"]


def test_two_imports_of_one_day_stand_side_by_side(tmp_path, engine, layout, shop):
    for name, user in (("one.csv", "a"), ("two.csv", "b"), ("two.csv", "c")):
        run(engine, layout, log(tmp_path / "in", name, f"{user},x,2024-03-01"))
    (report,) = shop.ingest("2024-03-01")
    assert (report.files, report.rows) == (2, 2)
    assert [row[0] for row in shop.table("events", "2024-03-01")] == ["a", "c"]


def test_files_of_one_name_that_are_told_apart_stay_both(tmp_path, engine, layout, shop):
    """A daily export that overwrites its own file."""
    for day in ("2024-03-01", "2024-03-02"):
        run(engine, layout, log(tmp_path / "in", "export.csv", f"a,x,{day}"), unit=day)
    assert [str(day) for day in layout.raw_days()] == ["2024-03-01", "2024-03-02"]
    with pytest.raises(ValueError, match=r"the name '\.\./x' cannot name an import: use at most 64 letters"):
        run(engine, layout, tmp_path / "in" / "export.csv", unit="../x")


@pytest.mark.parametrize("catalogue", ["", "id\n1\n", "sku\n1\n1,2\n"])
def test_a_broken_catalogue_leaves_the_events_as_they_were(tmp_path, engine, layout, catalogue):
    path = log(tmp_path / "in", "log.csv", "a,x,2024-03-01")
    run(engine, layout, path)
    before = state(layout)
    log(tmp_path / "in", "log.csv", "b,y,2024-03-01")
    (tmp_path / "in" / "items.txt").write_text(catalogue)
    with pytest.raises(ValueError, match=r"items\.txt"):
        folder_import(engine, layout, tmp_path / "in")
    assert state(layout) == before


def folder_import(engine, layout, folder):
    (folder / "mapping.toml").write_text(MAPPING + 'files = ["log.csv"]\n' + ITEMS.format("items.txt"))
    return import_mapped(engine, layout, folder, mapping=folder / "mapping.toml")


def test_a_log_that_breaks_off_leaves_all_as_it_was(tmp_path, engine, layout):
    path = log(tmp_path / "in", "log.csv", "a,x,2024-03-01")
    run(engine, layout, path)
    before = state(layout)
    log(tmp_path / "in", "log.csv", "b,y,2024-03-01", "b,y,2024-03-02", 'b,"y')
    with pytest.raises(ValueError, match=r"log\.csv"):
        run(engine, layout, path)
    assert state(layout) == before
    assert not list(layout.raw.glob(".import-*"))


def test_buys_without_their_columns_leave_no_clicks(tmp_path, engine, layout):
    (tmp_path / "yoochoose-clicks.dat").write_text("1,2014-04-07T10:51:09.277Z,10,0\n")
    (tmp_path / "yoochoose-buys.dat").write_text("1,2014-04-07T10:51:09.277Z\n")
    with pytest.raises(ValueError, match=r"yoochoose-buys\.dat has 2 field"):
        import_rsc15(engine, layout, tmp_path)
    assert not layout.raw.exists()
