"""Killed writers, rival writers, full disks: old nights stand, readers never err, nothing is left lying about."""

import datetime as dt
import importlib.util
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from warehouse import recommendations as table
from warehouse.recommendations import publishing
from warehouse.recommendations.staging import staging_folder

TORTURE = Path(__file__).resolve().parents[3] / "benchmarks" / "torture.py"

spec = importlib.util.spec_from_file_location("torture", TORTURE)
writer = importlib.util.module_from_spec(spec)
spec.loader.exec_module(writer)


def torture(*words: object, **options: object) -> subprocess.Popen:
    command = [sys.executable, str(TORTURE), *map(str, words)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


def check(kills: int) -> None:
    process = torture("--kills", kills, "--users", 200, "--seed", kills)
    out, errors = process.communicate(timeout=300)
    assert process.returncode == 0, out + errors
    found = json.loads(out)
    assert found["killed"] == kills
    assert found["litter"] == []
    assert [reader["wrong"] for reader in found["readers"]] == [0, 0]
    assert all(reader["looks"] > 0 for reader in found["readers"])


def test_a_few_killed_writers():
    check(kills=2)


@pytest.mark.slow
def test_many_killed_writers():
    check(kills=30)


def test_two_runs_of_one_night_at_once_make_one_table_and_one_clear_error(nights, tmp_path):
    where = nights.layout.recommendations
    staged = staging_folder(where) / "2026-01-10.writing.parquet"
    first = torture("--table", where, "--write", "2026-01-10", "--users", 500, "--seed", 1, "--gate", tmp_path / "go")
    end = time.monotonic() + 60
    while not staged.exists() and time.monotonic() < end:
        time.sleep(0.01)
    second = torture("--table", where, "--write", "2026-01-10", "--users", 500, "--seed", 2)
    sentence = second.communicate(timeout=60)[1]
    assert second.returncode == 2
    assert sentence.startswith("another run is writing the night 2026-01-10")
    assert len(sentence.splitlines()) == 1
    (tmp_path / "go").touch()
    assert first.communicate(timeout=60)[1] == ""
    rows = table.night(nights.layout, nights.day(0)).to_arrow()
    assert rows.num_rows == 500 * 25
    assert set(rows["model_version"].to_pylist()) == {1}


RIVAL = """
import sys
from deltalake import DeltaTable, write_deltalake
path, night = sys.argv[1:]
write_deltalake(path, DeltaTable(path).to_pyarrow_table().slice(0, 5), mode="overwrite", predicate=night)
"""


def test_a_rival_on_another_machine_meets_the_commit_protocol(nights, content, monkeypatch):
    """Two machines do not see each other's locks: Delta lets one commit of a night win, the other gets the sentence."""
    nights.publish(0)
    mine = nights.rows(seed=9)

    def with_a_rival(path, rows, **options):
        def first_the_rival():
            subprocess.run([sys.executable, "-c", RIVAL, str(path), options["predicate"]], check=True)
            yield from rows

        write_deltalake(path, pa.RecordBatchReader.from_batches(rows.schema, first_the_rival()), **options)

    monkeypatch.setattr(publishing, "write_deltalake", with_a_rival)
    with pytest.raises(table.NightBusy, match="another run published the night 2026-01-10"):
        nights.publish(0, mine)
    assert len(content(nights.layout, nights.day(0))) == 5
    monkeypatch.undo()
    assert nights.publish(1).swept == (), "the loser has swept its own files"


def full_disk(process: subprocess.Popen, where: Path) -> None:
    out, sentence = process.communicate(timeout=60)
    assert process.returncode == 2, out + sentence
    assert "could not be written to" in sentence
    assert "nothing was published and earlier nights stand; free space" in sentence
    assert len(sentence.splitlines()) == 1
    assert not list(staging_folder(where).glob("*"))


def test_a_file_that_may_not_grow_is_a_clear_error_and_old_nights_stand(nights, content):
    """A quota met while the staged file is written."""
    nights.publish(0)
    before, files = content(nights.layout, nights.day(0)), nights.files()

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    where = nights.layout.recommendations
    full_disk(torture("--table", where, "--write", "2026-01-11", "--users", 5000, preexec_fn=limited), where)
    assert content(nights.layout, nights.day(0)) == before
    assert nights.files() == files


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 1 MB, where this user may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting a small tmpfs needs root")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize(("users", "full"), [(5000, "recommendations"), (12_000, "recommendations_staging")])
def test_a_full_disk_is_a_clear_error_and_old_nights_stand(small_disk, users, full):
    """Full while the table is written (the staged file just fits), and full while the staged file is."""
    where = small_disk / "recommendations"
    writer.write(where, writer.FIRST, 1, users=100)
    before = table.latest(where).to_arrow()
    files = {file for file in small_disk.rglob("*") if file.is_file()}
    with pytest.raises(table.WriteFailed, match=rf"could not be written to {small_disk / full}[ /].*space"):
        writer.write(where, writer.FIRST + dt.timedelta(days=1), 2, users)
    assert table.latest(where).to_arrow() == before
    assert {file for file in small_disk.rglob("*") if file.is_file()} == files
    writer.write(where, writer.FIRST + dt.timedelta(days=1), 3, users=100)
    assert table.latest(where).run_date == writer.FIRST + dt.timedelta(days=1)
