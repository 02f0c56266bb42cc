"""Killed writers, rival writers, full disks: old nights stand, readers never err, nothing is left lying about."""

import contextlib
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
from deltalake import DeltaTable, write_deltalake

from warehouse import recommendations as table
from warehouse.recommendations.publishing import auditing, commit
from warehouse.recommendations.publishing import publish as publishing
from warehouse.recommendations.publishing.staging import staging_folder
from warehouse.recommendations.table import night_files

SCRIPT = Path(__file__).resolve().parents[4] / "benchmarks" / "nights" / "killed_writers.py"

spec = importlib.util.spec_from_file_location("killed_writers", SCRIPT)
writer = importlib.util.module_from_spec(spec)
spec.loader.exec_module(writer)


def killing(*words: object, **options: object) -> subprocess.Popen:
    command = [sys.executable, str(SCRIPT), *map(str, words)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options)


def check(kills: int, lists: str = "recommendations") -> None:
    process = killing("--kills", kills, "--users", 200, "--seed", kills, "--lists", lists)
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
@pytest.mark.parametrize("lists", ["recommendations", "similar_items"])
def test_many_killed_writers(lists):
    check(kills=30, lists=lists)


def test_two_runs_of_one_night_at_once_make_one_table_and_one_clear_error(nights, tmp_path):
    where = nights.layout.recommendations
    staged = staging_folder(where) / "2026-01-10.lock"
    first = killing("--table", where, "--write", "2026-01-10", "--users", 500, "--seed", 1, "--gate", tmp_path / "go")
    end = time.monotonic() + 60
    while not staged.exists() and time.monotonic() < end:
        time.sleep(0.01)
    second = killing("--table", where, "--write", "2026-01-10", "--users", 500, "--seed", 2)
    sentence = second.communicate(timeout=60)[1]
    assert second.returncode == 2
    assert sentence.startswith("another run is writing the night 2026-01-10")
    assert len(sentence.splitlines()) == 1
    (tmp_path / "go").touch()
    assert first.communicate(timeout=60)[1] == ""
    rows = table.night(nights.layout, nights.day(0)).to_arrow()
    assert rows.num_rows == 500 * 25
    assert set(rows["model_version"].to_pylist()) == {1}


def overwrite_with_five_rows(path: Path, night: dt.date) -> None:
    """What a rival on another machine, who does not see this one's lock, does to the table."""
    rows = DeltaTable(path).to_pyarrow_table().slice(0, 5)
    rows = rows.set_column(0, "run_date", pa.array([night] * 5))
    write_deltalake(path, rows, mode="overwrite", predicate=f"run_date = '{night}'")


@pytest.fixture
def between_look_and_commit(monkeypatch):
    """Have something happen in the short moment between looking at the table and writing its log's entry."""

    def happen(what) -> None:
        looks = []

        def looked(table, run_date):
            found = night_files(table, run_date)
            looks.append(run_date)
            if len(looks) == 2:  # the first look is that of the beginning of the run
                what()
            return found

        monkeypatch.setattr(commit, "night_files", looked)

    return happen


@pytest.mark.parametrize("first", [True, False], ids=["first publication", "again"])
@pytest.mark.parametrize("moment", ["while scoring", "at the commit"])
def test_a_rival_on_another_machine_wins_or_loses_as_a_whole(
    nights, content, monkeypatch, between_look_and_commit, moment, first
):
    """Two machines do not see each other's locks: one publication of a night wins, the other gets the sentence."""
    path, mine, night = nights.layout.recommendations, nights.rows(seed=9), nights.day(0)
    nights.publish(1 if first else 0)

    def scored():
        if moment == "while scoring":
            overwrite_with_five_rows(path, night)
        yield from mine.to_batches()

    if moment == "at the commit":
        between_look_and_commit(lambda: overwrite_with_five_rows(path, night))
    with pytest.raises(table.NightBusy, match="another run changed the night 2026-01-10"):
        table.publish(path, night, scored(), table.NightFacts(), table.Expected(n=5))
    assert len(content(nights.layout, night)) == 5
    monkeypatch.undo()
    limits = table.AuditLimits(min_overlap=None, max_user_drop=None)
    assert nights.publish(2, limits=limits).swept == (), "the loser has swept its own files"


def test_another_night_that_is_published_at_the_same_moment_hinders_nobody(nights, content, between_look_and_commit):
    nights.publish(0)
    between_look_and_commit(lambda: nights.publish(2))
    done = nights.publish(1)
    assert done.version == DeltaTable(nights.layout.recommendations).version()
    assert [len(content(nights.layout, nights.day(day))) for day in (0, 1, 2)] == [150] * 3
    assert table.history(nights.layout, 1).to_pylist()[0]["run_date"] == nights.day(1)


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
    full_disk(killing("--table", where, "--write", "2026-01-11", "--users", 5000, preexec_fn=limited), where)
    assert content(nights.layout, nights.day(0)) == before
    assert nights.files() == files


def mounted(folder: Path, size: str) -> None:
    """Put a file system of this size there, where this user may mount one."""
    folder.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting a small tmpfs needs root")


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 1 MB."""
    folder = tmp_path / "disk"
    mounted(folder, "1m")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture
def table_on_a_disk_of_its_own(nights):
    mounted(nights.layout.recommendations, "10m")
    yield nights
    subprocess.run(["umount", str(nights.layout.recommendations)], check=True)


def fill(disk: Path) -> Path:
    """Leave no byte free."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as sink, contextlib.suppress(OSError):
        while True:
            sink.write(bytes(4096))
    return filler


@pytest.mark.parametrize("moment", ["staging", "commit"])
def test_a_full_disk_is_a_clear_error_and_old_nights_stand(small_disk, monkeypatch, moment):
    """Full while the night is staged, and full when all is staged and audited and only the log's entry is missing."""
    where = small_disk / "recommendations"
    writer.write(where, writer.FIRST, 1, users=100)
    before = table.latest(where).to_arrow()
    files = {file for file in small_disk.rglob("*") if file.is_file()}

    def judged_and_full(*words, **options):
        report = auditing.judge(*words, **options)
        fill(small_disk)
        return report

    if moment == "commit":
        monkeypatch.setattr(publishing, "judge", judged_and_full)
    full = small_disk / ("recommendations" if moment == "commit" else "recommendations_staging")
    with pytest.raises(table.WriteFailed, match=rf"could not be written to {full}[ /].*space"):
        writer.write(where, writer.FIRST + dt.timedelta(days=1), 2, users=100 if moment == "commit" else 12_000)
    monkeypatch.undo()
    (small_disk / "filler").unlink(missing_ok=True)
    assert table.latest(where).to_arrow() == before
    assert {file for file in small_disk.rglob("*") if file.is_file()} == files
    writer.write(where, writer.FIRST + dt.timedelta(days=1), 3, users=100)
    assert table.latest(where).run_date == writer.FIRST + dt.timedelta(days=1)


def test_a_table_on_another_disk_than_the_staged_nights(table_on_a_disk_of_its_own, content):
    nights = table_on_a_disk_of_its_own
    nights.publish(0)
    nights.publish(0, nights.rows(seed=4))
    assert [row[2] for row in content(nights.layout, nights.day(0))] == nights.rows(seed=4)["item_id"].to_pylist()
    assert list(staging_folder(nights.layout.recommendations).glob("*")) == []


def test_an_entry_that_stands_is_a_publication_whatever_fails_after_it(nights, content, monkeypatch):
    """A checkpoint of the log that cannot be written must not have the night called unpublished."""

    def commits_and_fails(self, *words, **options):
        write(self, *words, **options)
        raise OSError("no space left for the checkpoint")

    nights.publish(0)
    write = DeltaTable.create_write_transaction
    monkeypatch.setattr(DeltaTable, "create_write_transaction", commits_and_fails)
    assert nights.publish(1).version == 3
    assert len(content(nights.layout, nights.day(1))) == 150
