"""Every file below a raw folder is read, or refused by name."""

import os
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from warehouse.steps.items.ingest import ingest_items

DAY = date(2024, 3, 1)
READ = ["a.parquet", "hour=01/b.parquet", "hour=01/part/c.PARQUET", "B.Parq", "d.pq", "spark.parquet/part-0.parquet"]
LEFT = ["_SUCCESS", "_temporary/x.parquet", ".a.crc", ".hidden/x.parquet", "hour=01/.x.parquet", "hour=01/_metadata"]


def test_files_at_any_depth_and_of_any_spelling_are_read(shop, clock):
    for number, name in enumerate([*READ, *LEFT]):
        shop.rows(DAY, [(number, 1, clock("10:00"))], name=name)
    (report,) = shop.ingest(DAY)
    assert (report.files, report.rows) == (len(READ), len(READ))
    assert [row[0] for row in shop.table("events", DAY)] == list(range(len(READ)))


@pytest.mark.parametrize("name", ["b.csv", "hour=01/b.parquet.gz", "b", "notes/readme.txt", "b.parquet.tmp"])
def test_another_file_is_refused_by_name(shop, clock, name):
    shop.rows(DAY, [(1, 1, clock("10:00"))])
    path = shop.layout.raw_events(DAY) / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("user_id,item_id\n")
    with pytest.raises(ValueError, match=rf"{name} is no parquet file by its name and would not be read: import it"):
        shop.ingest(DAY)
    assert not shop.layout.files("events", DAY)


def test_a_link_to_a_folder_is_refused_by_name(shop, clock, tmp_path):
    shop.rows(DAY, [(1, 1, clock("10:00"))])
    (tmp_path / "elsewhere").mkdir()
    (shop.layout.raw_events(DAY) / "more").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ValueError, match="more is a link to a folder and would not be read"):
        shop.ingest(DAY)


@pytest.mark.parametrize("engine", ["duckdb"], indirect=True)
@pytest.mark.parametrize("start", ["b.parquet", "c.parquet"])
def test_links_in_a_circle_are_refused_by_name(shop, clock, start):
    shop.rows(DAY, [(1, 1, clock("10:00"))])
    folder = shop.layout.raw_events(DAY)
    (folder / "b.parquet").symlink_to(folder / start)
    (folder / "c.parquet").symlink_to(folder / "b.parquet")
    with pytest.raises(ValueError, match=r"b\.parquet is not a whole parquet file"):
        shop.ingest(DAY)
    assert not shop.layout.files("events", DAY)


OTHER_USER = """
import os, sys
from pathlib import Path
from warehouse.engine.parquet_files import files_of
if os.geteuid() == 0:
    os.seteuid(65534)
print([path.name for path in files_of(Path(sys.argv[1]) / "open")])
try:
    files_of(Path(sys.argv[1]))
except ValueError as error:
    print(error)
"""


def test_a_folder_that_may_not_be_listed_is_refused_by_name():
    with tempfile.TemporaryDirectory() as name:  # pytest's own is closed to other users
        root = Path(name)
        for folder in ("open", "open/_closed", "shut"):
            (root / folder).mkdir()
            (root / folder / "a.parquet").touch()
        for folder, rights in ((".", 0o755), ("open/_closed", 0), ("shut", 0)):
            (root / folder).chmod(rights)
        done = subprocess.run([sys.executable, "-c", OTHER_USER, name], capture_output=True, text=True, check=True)
        for folder in ("open/_closed", "shut"):
            (root / folder).chmod(0o755)
    found, said = done.stdout.splitlines()
    assert found == "['a.parquet']"
    assert said.startswith(f"the folder {root / 'shut'} cannot be listed (Permission denied), and what lies there")


@pytest.mark.parametrize("engine", ["duckdb"], indirect=True)
def test_a_pipe_and_a_name_of_no_text_are_refused(shop, clock):
    shop.rows(DAY, [(1, 1, clock("10:00"))])
    folder = shop.layout.raw_events(DAY)
    os.mkfifo(folder / "b.parquet")
    with pytest.raises(ValueError, match=r"b\.parquet is neither a file nor a folder and would not be read"):
        shop.ingest(DAY)
    (folder / "b.parquet").unlink()
    (folder / "part.parquet").rename(folder / os.fsdecode(b"\xff.parquet"))
    with pytest.raises(ValueError, match=r"udcff\.parquet is of a name that is no UTF-8 text"):
        shop.ingest(DAY)


@pytest.mark.parametrize("engine", ["duckdb"], indirect=True)
def test_links_to_files_are_read_and_names_mean_themselves(shop, clock, tmp_path):
    for number, name in enumerate(["a[1].parquet", "b*.parquet", "c?.parquet", "user_id=9/d.parquet", "linked"]):
        shop.rows(DAY, [(number, 1, clock("10:00"))], name=name)
    folder = shop.layout.raw_events(DAY)
    (folder / "linked").rename(tmp_path / "elsewhere")
    (folder / "e.parquet").symlink_to(tmp_path / "elsewhere")
    shop.ingest(DAY)
    assert [row[0] for row in shop.table("events", DAY)] == list(range(5))
    (tmp_path / "elsewhere").unlink()
    with pytest.raises(ValueError, match=r"e\.parquet is not a whole parquet file"):
        shop.ingest(DAY)


def test_the_catalogue_is_read_by_the_same_rule(shop):
    shop.layout.raw_items.mkdir(parents=True)
    (shop.layout.raw_items / "new").mkdir()
    for number, name in enumerate(["a.parquet", "new/B.PARQ", "_old.parquet"]):
        pq.write_table(pa.table({"item_id": [number]}), shop.layout.raw_items / name)
    assert ingest_items(shop.layout, DAY).rows == 2
    (shop.layout.raw_items / "more.csv").write_text("item_id\n3\n")
    with pytest.raises(ValueError, match=r"more\.csv is no parquet file by its name"):
        ingest_items(shop.layout, DAY)


@pytest.mark.parametrize("beside", [[True], ["x"], [[1]]])
def test_a_nan_names_no_session_whatever_other_files_have(shop, clock, beside):
    """Beside truth values all sessions were read as text, and those that were not known were one, "nan"."""
    for name, sessions in {"a": [1.0, float("nan"), float("nan")], "b": beside}.items():
        n = len(sessions)
        times = [clock("10:00")] * n
        shop.raw(
            DAY, {"user_id": range(n), "item_id": [1] * n, "timestamp": times, "session_id": sessions}, f"{name}.pq"
        )
    (report,) = shop.ingest(DAY)
    assert report.rows == 4
    assert [row[3] for row in shop.table("events", DAY)].count(None) == 2


def test_the_times_that_an_import_could_not_read_are_rejected_as_it_found_them(shop, clock):
    """Their column stands in the files of some days only, beside files that have none."""
    shop.rows(DAY, [(1, 1, clock("10:00"))], name="a.parquet")
    times = pa.array([None, None, clock("11:00")], pa.timestamp("us", "UTC"))
    found = {"timestamp": times, "timestamp_unread": pa.array(["31/31/2024", None, None])}
    shop.raw(DAY, {"user_id": [2, 3, 4], "item_id": [1, 1, 1], **found}, name="b.parquet")
    (report,) = shop.ingest(DAY)
    assert report.rejected_by_reason == {"timestamp is unreadable": 1, "timestamp is null": 1}
    assert {(row[0], row[2]) for row in shop.table("rejected_events", DAY)} == {("2", "31/31/2024"), ("3", None)}
    assert [row[0] for row in shop.table("events", DAY)] == [1, 4]
    assert len(shop.table("events", DAY)[0]) == 3
