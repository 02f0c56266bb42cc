"""A night that fails says why in one line, first and last."""

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from pipelines.__main__ import main
from pipelines.policy.console import plain_console
from pipelines.policy.failures import is_stated, reason
from pipelines.shell import night
from pipelines.shell.home import SETTINGS
from pipelines.tracking import store

ROOT = Path(__file__).resolve().parents[3]


def test_a_failed_night_says_why_first_and_last_and_nothing_of_dagster(
    house: Any, environment: Callable[[Path, Path], dict[str, str]], tmp_path: Path
) -> None:
    data, home = tmp_path / "data", tmp_path / "home"
    data.mkdir()
    shutil.copy(house.root / "pipeline.toml", data)
    done = subprocess.run(
        [sys.executable, "-m", "pipelines", "night", "--date", "2026-01-06"],
        cwd=ROOT,
        env=environment(data, home),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    lines = done.stderr.strip().splitlines()
    why = (
        f"the raw events folder {data / 'raw' / 'events' / '2026-01-06'} does not exist: deliver the day's events there"
    )
    assert lines[0].startswith(f"ingest_events failed: {why}")
    assert lines[-1].startswith(f"nightly failed: ingest_events: {why}")
    assert len(lines) <= 3, done.stderr
    assert (home / "dagster.yaml").read_text() == SETTINGS


def test_lists_alone_need_a_champion(
    house: Any, environment: Callable[[Path, Path], dict[str, str]], tmp_path: Path
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    shutil.copy(house.root / "pipeline.toml", data)
    command = [sys.executable, "-m", "pipelines", "night", "--date", "2026-01-06", "--lists-only"]
    own = environment(data, tmp_path / "home")
    done = subprocess.run(command, cwd=ROOT, env=own, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stdout == "Making the lists of 2026-01-06 with the champion ...\n"
    assert "recommendations: There is no champion model yet" in done.stderr.splitlines()[-1]
    assert not (data / "events").exists(), "nothing is read"


@dg.op
def breaks() -> None:
    raise ZeroDivisionError("nobody foresaw this\nsecond line")


@dg.op(ins={"before": dg.In(dg.Nothing)})
def never_runs() -> None: ...


@dg.job(logger_defs={"plain": plain_console})
def broken() -> None:
    never_runs(breaks())


def test_an_error_that_nobody_foresaw_is_one_line_too(capsys: pytest.CaptureFixture[str]) -> None:
    result = broken.execute_in_process(raise_on_error=False, run_config={"loggers": {"plain": {}}})
    [event] = [event for event in result.all_events if event.is_step_failure]
    assert reason(event) == "ZeroDivisionError: nobody foresaw this"
    assert not is_stated(event)
    said = capsys.readouterr().err
    assert said.count("  breaks failed: ZeroDivisionError: nobody foresaw this") == 1
    assert "Dependencies" not in said


def test_what_dagsters_database_says_of_a_full_disk_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    said = sqlite3.OperationalError("disk I/O error\n[SQL: PRAGMA main]")
    with pytest.raises(sqlite3.OperationalError), night._full_disk_said("nightly", "2026-01-06"):
        raise said
    monkeypatch.setattr(store, "LEAST", 2**62)  # no disk has so much free
    with (
        pytest.raises(ValueError, match="is full: free space") as found,
        night._full_disk_said("nightly", "2026-01-06"),
    ):
        raise said
    assert "\n" not in str(found.value)


@pytest.mark.parametrize("day", ["", " ", "yesterday", "2026-1-6", "x" * 1000])
def test_a_day_that_is_none_is_refused_in_a_short_sentence(day: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["night", "--date", day]) == 2
    said = capsys.readouterr().err
    assert "is no day of the pipeline; [partitions] has 2026-01-01 to 2026-01-08." in said
    assert len(said) < 200
