"""A night that fails says why in one line, first and last."""

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from pipelines.__main__ import main
from pipelines.policy.console import plain_console
from pipelines.policy.failures import is_stated, reason
from pipelines.shell import night
from pipelines.shell.home import SETTINGS
from pipelines.shell.night import REPOSITORY, REPOSITORY_TAG
from pipelines.tracking import store
from tests.pipelines.webhook import Hook

ROOT = Path(__file__).resolve().parents[3]


@dataclass
class Failed:
    """What a night did that could not read its events: its data folder, Dagster's home, its output, what people got."""

    data: Path
    home: Path
    done: subprocess.CompletedProcess[str]
    hook: Hook


def _night(own: dict[str, str], *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pipelines", "night", "--date", "2026-01-06", *options]
    return subprocess.run(command, cwd=ROOT, env=own, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def failed(
    house: Any,
    environment: Callable[[Path, Path], dict[str, str]],
    fresh_mlflow: Callable[[Path], None],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Failed]:
    folder, hook = tmp_path_factory.mktemp("failed"), Hook()
    data, home = folder / "data", folder / "home"
    fresh_mlflow(data)
    shutil.copy(house.root / "pipeline.toml", data)
    with (data / "pipeline.toml").open("a") as file:
        file.write(f'\n[alerts]\nurl = "{hook.url}"\n')
    yield Failed(data, home, _night(environment(data, home)), hook)
    hook.end()


def test_a_failed_night_says_why_first_and_last_and_nothing_of_dagster(failed: Failed) -> None:
    assert failed.done.returncode == 1
    lines = failed.done.stderr.strip().splitlines()
    raw = failed.data / "raw" / "events" / "2026-01-06"
    why = f"the raw events folder {raw} does not exist: deliver the day's events there"
    assert lines[0].startswith(f"ingest_events failed: {why}")
    assert lines[-1].startswith(f"nightly failed: ingest_events: {why}")
    assert len(lines) <= 3, failed.done.stderr
    assert (failed.home / "dagster.yaml").read_text() == SETTINGS


def test_a_failed_night_of_the_shell_tells_people_and_stands_on_its_jobs_page(failed: Failed) -> None:
    [told] = failed.hook.told
    assert told["text"].startswith("nightly of 2026-01-06 failed: ingest_events: the raw events folder ")
    assert failed.hook.url not in failed.done.stderr + failed.done.stdout
    with dg.DagsterInstance.from_config(str(failed.home)) as instance:
        [run] = instance.get_runs(dg.RunsFilter(job_name="nightly", tags={REPOSITORY_TAG: REPOSITORY}))
    assert run.run_id == told["run"]
    assert run.tags["dagster/partition"] == "2026-01-06"


@pytest.mark.slow
def test_lists_alone_need_a_champion(
    failed: Failed, house: Any, environment: Callable[[Path, Path], dict[str, str]]
) -> None:
    shutil.copy(house.root / "pipeline.toml", failed.data)
    done = _night(environment(failed.data, failed.home), "--lists-only")
    assert done.returncode == 1
    assert done.stdout == "Making the lists of 2026-01-06 with the champion ...\n"
    assert "recommendations: There is no champion model yet" in done.stderr.splitlines()[-1]
    assert not (failed.data / "events").exists(), "nothing is read"


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
    with pytest.raises(sqlite3.OperationalError), night._databases_said("nightly", "2026-01-06"):
        raise said
    monkeypatch.setattr(store, "LEAST", 2**62)  # no disk has so much free
    with (
        pytest.raises(ValueError, match="is full: free space") as found,
        night._databases_said("nightly", "2026-01-06"),
    ):
        raise said
    assert "\n" not in str(found.value)


@pytest.mark.parametrize("day", ["", " ", "yesterday", "2026-1-6", "x" * 1000])
def test_a_day_that_is_none_is_refused_in_a_short_sentence(day: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["night", "--date", day]) == 2
    said = capsys.readouterr().err
    assert "is no day of the pipeline; [partitions] has 2026-01-01 to 2026-01-08." in said
    assert len(said) < 200
