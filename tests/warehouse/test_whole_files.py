"""Nothing half-written: a full disk, a killed run, a crash in the middle leave the old table and no litter."""

import os
import signal
import subprocess
import sys
import time
from datetime import date

import pytest

from warehouse.partitions import check
from warehouse.whole_files import replacing

DAY = date(2026, 1, 3)
PRELUDE = """
import resource, sys
from pathlib import Path
from warehouse.config import SessionsConfig, SplitsConfig
from warehouse.engine.duckdb_engine import DuckDBEngine
from warehouse.steps.events.ingest import ingest_day
from warehouse.steps.items.ingest import ingest_items
from warehouse.layout import Layout
from warehouse.steps.sessions.build import build_sessions
from warehouse.sources.shop.generate import write_shop
from warehouse.sources.shop.process import Shop
from warehouse.steps.splits.build import build_splits
layout = Layout(Path(sys.argv[1]))
engine = DuckDBEngine(memory_limit="500MB", threads=1, temp_directory=layout.root / "spill")
night = "2026-01-03"
def step(name):
    if name == "events":
        ingest_day(engine, layout, night)
    elif name == "sessions":
        build_sessions(engine, layout, night, SessionsConfig(min_item_support=1))
    elif name == "splits":
        build_splits(engine, layout, night)
    elif name == "items":
        ingest_items(layout, night)
    elif name == "shop":
        write_shop(Shop(n_items=100, days=3, seed=9), layout, 60_000)
"""


def child(root, body):
    """Run some lines in a process of their own; returns (exit status, the error's last line)."""
    command = [sys.executable, "-c", PRELUDE + body, str(root)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    return done.returncode, (done.stderr.strip().splitlines() or [""])[-1]


def fingerprint(root):
    """Every file below a folder but what is being spilled."""
    files = (path for path in root.rglob("*") if path.is_file() and "spill" not in path.parts)
    return {path.relative_to(root): path.read_bytes() for path in files}


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    root = tmp_path_factory.mktemp("built")
    status, error = child(root, "step('shop')\nfor day in layout.raw_days(): ingest_day(engine, layout, day)\n"
                                "step('items'); step('sessions'); step('splits')")  # fmt: skip
    assert status == 0, error
    return root


FULL = """
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
for name in sys.argv[2:]:
    try:
        step(name)
        print(name, "passed", flush=True)
    except Exception as error:
        print(name, type(error).__name__, error, flush=True)
    sys.stdin.readline()
"""


def test_a_full_disk_is_a_sentence_and_the_old_table_stays(built):
    before, steps = fingerprint(built), ["events", "sessions", "splits", "items", "shop"]
    command = [sys.executable, "-c", PRELUDE + FULL, str(built), *steps]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        for name in steps:
            said = process.stdout.readline()
            full = "the disk is full: free some space and run again; nothing was changed"
            assert said.startswith(f"{name} DataError {full}"), said
            assert fingerprint(built) == before, name
            process.stdin.write("\n")
            process.stdin.flush()
    assert process.returncode == 0


def test_no_room_to_spill_is_a_sentence(built, tmp_path):
    before = fingerprint(built)
    small = "engine = DuckDBEngine(memory_limit='20MB', threads=1, temp_directory=layout.root / 'spill')\n"
    limit = "resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, resource.RLIM_INFINITY))\n"
    status, error = child(built, f"{small}{limit}step('sessions')")
    assert status == 1
    assert "DataError" in error
    assert "nothing was changed" in error
    assert fingerprint(built) == before


SLOW = pytest.mark.slow


@pytest.mark.parametrize("delay", [0.5, *(pytest.param(delay, marks=SLOW) for delay in (0.2, 0.35, 0.7, 1.0))])
def test_a_killed_run_leaves_the_old_table_and_the_next_run_sweeps(built, delay):
    before = fingerprint(built)
    body = "while True:\n    step('events'); step('sessions'); step('splits')\n"
    victim = subprocess.Popen([sys.executable, "-c", PRELUDE + body, str(built)], start_new_session=True)
    time.sleep(1 + delay)
    os.kill(victim.pid, signal.SIGKILL)
    victim.wait()
    visible = {path: data for path, data in fingerprint(built).items() if not path.name.startswith(".")}
    assert visible == {path: data for path, data in before.items() if not path.name.startswith(".")}
    for path in visible:
        check(built / path)
    status, error = child(built, "step('events'); step('sessions'); step('splits')")
    assert status == 0, error
    assert fingerprint(built) == before
    (spill,) = (built / "spill").iterdir()
    assert not list(spill.iterdir())


def test_an_error_while_writing_leaves_the_old_file_and_no_litter(tmp_path):
    path = tmp_path / "table" / "2024-03-01.parquet"
    with replacing(path) as temporary:
        temporary.write_text("old")

    def fail():
        with replacing(path) as temporary:
            temporary.write_text("new, but ha")
            raise RuntimeError("half")

    with pytest.raises(RuntimeError, match="half"):
        fail()
    assert path.read_text() == "old"
    assert list(path.parent.iterdir()) == [path]


def test_what_a_killed_writer_left_is_swept_by_the_next_of_the_same_file_only(tmp_path):
    mine, other = tmp_path / ".a.parquet.1234abcd.tmp", tmp_path / ".b.parquet.1234abcd.tmp"
    mine.write_text("half")
    other.write_text("somebody else's")
    with replacing(tmp_path / "a.parquet") as temporary:
        temporary.write_text("whole")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".b.parquet.1234abcd.tmp", "a.parquet"]
