"""An import is a unit: it replaces what it wrote itself, stands beside others, and is whole or not at all."""

import subprocess
import sys

import pytest

from warehouse.__main__ import main
from warehouse.engine.errors import DataError
from warehouse.sources.mapped import import_mapped
from warehouse.sources.public.rsc15 import import_rsc15
from warehouse.sources.raw.unit import finish_imports
from warehouse.sources.shop.generate import generate
from warehouse.whole_files import folder_lock

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


def test_a_corrected_import_names_the_days_whose_events_stay(tmp_path, engine, layout, shop, caplog):
    """They were counted beside those of the right day, without a word."""
    path = log(tmp_path / "in", "log.csv", "a,x,03/04/2026", "a,y,05/04/2026")
    run(engine, layout, path, 'timestamp_format = "%m/%d/%Y"\n')
    shop.ingest("2026-03-04", "2026-05-04")
    run(engine, layout, path, 'timestamp_format = "%m/%d/%Y"\n')
    assert not caplog.messages
    run(engine, layout, log(tmp_path / "in", "other.csv", "a,x,2026-05-04"))
    run(
        engine,
        layout,
        log(tmp_path / "in", "log.csv", "a,x,03/04/2026", "a,y,05/04/2026"),
        'timestamp_format = "%d/%m/%Y"\n',
    )
    [said] = caplog.messages
    assert said.startswith(
        "the import has no rows of 2026-03-04 any more, and the events that were read there before stay"
    )


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


HELD = """
import sys
from warehouse.__main__ import main
from warehouse.sources.raw import unit

put = unit._put_in_place
def held(*arguments):
    print("written", flush=True)
    sys.stdin.readline()
    put(*arguments)
unit._put_in_place = held
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize("second", ["the same", "another", "a shop"])
def test_an_import_beside_another_one_is_refused_and_leaves_it_alone(tmp_path, capsys, layout, second):
    """The first has written its files, which have not taken their places, when the second begins."""
    path, data = log(tmp_path / "in", "log.csv", "a,x,2024-03-01", "a,y,2024-03-02"), ["--data", str(layout.root)]
    (tmp_path / "m.toml").write_text(MAPPING)
    first = ["import", "log", str(path), "--mapping", str(tmp_path / "m.toml"), *data, "--quiet"]
    more = ["generate", *data] if second == "a shop" else [*first, *(["--name", "b"] if second == "another" else [])]
    with subprocess.Popen([sys.executable, "-c", HELD, *first], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as held:
        assert held.stdout.readline() == b"written\n"
        before = state(layout)
        assert main(more) == 2
        assert f"warehouse: another import (or generate) is writing below {layout.raw}: wait" in capsys.readouterr().err
        assert state(layout) == before
        held.communicate(b"\n")
    assert held.returncode == 0
    assert [str(day) for day in layout.raw_days()] == ["2024-03-01", "2024-03-02"]
    assert main(first) == 0


def test_an_import_from_python_beside_another_one_is_refused(tmp_path, engine, layout):
    """Only the command asked whether another one was at work."""
    path = log(tmp_path / "in", "log.csv", "a,x,2024-03-01")
    run(engine, layout, path)
    before = state(layout)
    with folder_lock(layout.raw):
        for begin in (lambda: run(engine, layout, path), lambda: generate(layout, 100)):
            with pytest.raises(DataError, match=r"another import \(or generate\) is writing below"):
                begin()
    assert state(layout) == before
    import_mapped(engine=engine, layout=layout, path=path, mapping=path.parent / "mapping.toml")
    assert state(layout) == before


KILLED = """
import os, sys
from pathlib import Path
from warehouse.__main__ import main

moves, replace = int(sys.argv[1]), os.replace
def stop(source, target):
    global moves
    if ".import-" in str(source) or ".ready-" in str(source):
        if moves == 0:
            os._exit(9)
        moves -= 1
    replace(source, target)
os.replace = stop
sys.exit(main(["import", "log", sys.argv[2], "--mapping", sys.argv[3], "--data", sys.argv[4], "--quiet"]))
"""


@pytest.mark.parametrize(
    ("moves", "next_run"),
    [
        pytest.param(moves, run, marks=[] if (moves, run) in {(1, "night"), (2, "import")} else pytest.mark.slow)
        for moves in range(4)
        for run in ("import", "night")
    ],
)
def test_an_import_that_is_killed_while_its_files_take_their_places(tmp_path, engine, layout, shop, moves, next_run):
    """Before the first move it never was; from then on all of it is there after the next run."""
    path = log(tmp_path / "in", "log.csv", "a,x,2024-03-01", "a,y,2024-03-02")
    run(engine, layout, path)
    other = log(tmp_path / "in", "other.csv", "z,z,2024-03-02")
    run(engine, layout, other)
    before = state(layout)
    log(tmp_path / "in", "log.csv", "b,x,2024-03-02", "b,y,2024-03-03", "b,z,2024-03-04")
    command = [sys.executable, "-c", KILLED, str(moves), str(path), str(path.parent / "mapping.toml"), str(layout.root)]
    code = subprocess.run(command, check=False).returncode
    assert code == 9
    if next_run == "import":
        run(engine, layout, other)
    else:
        finish_imports(layout)  # as a night begins
        shop.ingest("2024-03-02")
        assert {row[0] for row in shop.table("events", "2024-03-02")} == ({"a", "z"} if moves == 0 else {"b", "z"})
    if moves == 0:
        assert {path: data for path, data in state(layout).items() if ".import-" not in str(path)} == before
    else:
        assert [str(day) for day in layout.raw_days()] == ["2024-03-02", "2024-03-03", "2024-03-04"]
    assert not list(layout.raw.glob(".ready-*"))
