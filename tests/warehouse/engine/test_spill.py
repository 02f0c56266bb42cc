"""The folder to spill to: this user's own, and nothing in it or beside it is deleted that the engine did not make."""

import os
import subprocess
import sys

import pytest

from warehouse.engine.duckdb_engine import DuckDBEngine
from warehouse.engine.errors import DataError
from warehouse.engine.spill import spill_folder, unused_folder

HOME = f"warehouse-spill-{os.getuid()}"


@pytest.fixture
def gone():
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_a_link_in_the_temporary_folder_is_refused_and_what_it_leads_to_stays(tmp_path, monkeypatch, gone):
    elsewhere, temporary = tmp_path / "elsewhere", tmp_path / "tmp"
    (elsewhere / f"{gone}-0123abcd").mkdir(parents=True)
    precious = elsewhere / f"{gone}-0123abcd" / "t-0.parquet"
    precious.write_text("precious")
    temporary.mkdir()
    (temporary / HOME).symlink_to(elsewhere, target_is_directory=True)
    monkeypatch.setattr("tempfile.tempdir", str(temporary))
    with pytest.raises(DataError, match=f"{HOME} is no folder of this user's own: remove it"), DuckDBEngine().open():
        pass
    with pytest.raises(DataError, match="name another temp_directory"):
        DuckDBEngine().connect()
    assert precious.read_text() == "precious"


def test_a_file_in_its_place_is_refused(tmp_path):
    (tmp_path / HOME).write_text("mine")
    with pytest.raises(DataError, match="is no folder of this user's own"):
        unused_folder(tmp_path)
    assert (tmp_path / HOME).read_text() == "mine"


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a folder to another user")
def test_another_users_folder_is_refused(tmp_path):
    (tmp_path / HOME).mkdir()
    os.chown(tmp_path / HOME, 12345, 12345)
    with pytest.raises(DataError, match="is no folder of this user's own"):
        unused_folder(tmp_path)


def test_nobody_else_may_look_into_it(tmp_path):
    (tmp_path / HOME).mkdir(mode=0o755)
    with spill_folder(tmp_path) as folder:
        assert [path.stat().st_mode & 0o777 for path in (folder, folder.parent)] == [0o700, 0o700]


def test_leftovers_of_a_killed_process_go_and_nothing_else(tmp_path, gone):
    home, outside = tmp_path / HOME, tmp_path / "outside"
    outside.mkdir()
    (outside / "clicks-0.parquet").write_text("precious")
    stale, mixed, living = (home / f"{pid}-0123abc{digit}" for pid, digit in ((gone, 1), (gone, 2), (os.getpid(), 3)))
    alike = [home / name for name in (f"{gone}-notes", f"{gone}-0123abcd9", f"0{gone}-0123abcd", "models")]
    for folder in (stale, mixed, living, *alike):
        folder.mkdir(parents=True)
        (folder / "clicks-0.parquet").touch()
        (folder / "duckdb_temp_storage_DEFAULT-0.tmp").touch()
    (mixed / "thesis.parquet").write_text("precious")
    (mixed / "folder-0.parquet").mkdir()
    (home / f"{gone}-0123abc4").symlink_to(outside, target_is_directory=True)
    (home / f"{gone}-0123abc5").write_text("a file")
    with spill_folder(tmp_path):
        assert not stale.exists()
        assert sorted(path.name for path in mixed.iterdir()) == ["folder-0.parquet", "thesis.parquet"]
        for folder in (living, *alike):
            assert len(list(folder.iterdir())) == 2
    assert (outside / "clicks-0.parquet").read_text() == "precious"
    assert (home / f"{gone}-0123abc4").is_symlink()
    assert (home / f"{gone}-0123abc5").read_text() == "a file"


def test_what_a_killed_engine_spilled_is_known_by_its_names(tmp_path):
    """A process is killed while its engine spills; the next one removes every file that it left."""
    code = f"""
import os, signal
from warehouse.engine.duckdb_engine import DuckDBEngine
with DuckDBEngine(memory_limit="60MB", threads=1, temp_directory={str(tmp_path)!r}).open() as db:
    db.spool("clicks", "SELECT range AS x FROM range(1000)")
    db.table("t", "SELECT hash(range) AS h, hash(range + 1) AS g FROM range(5000000)")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -9
    (left,) = (tmp_path / HOME).iterdir()
    assert {path.suffix for path in left.iterdir()} >= {".parquet", ".tmp"}
    unused_folder(tmp_path)
    assert not list((tmp_path / HOME).iterdir())
