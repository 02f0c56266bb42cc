"""Dagster's home made ready: its settings, and its databases where several processes ask for a new one at once."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.shell.home import SETTINGS, home_of, make_databases, make_home, shared

ROOT = Path(__file__).resolve().parents[3]
MAKER = """
import sys
from pathlib import Path

import dagster as dg
from pipelines.shell.home import make_databases, make_home

print("ready", flush=True)
for line in sys.stdin:
    home = make_home(Path(line.strip()))
    make_databases(home)
    with dg.DagsterInstance.from_config(str(home)) as instance:
        print(len(instance.get_runs()) + len(instance.all_instigator_state()), flush=True)
"""


def test_a_home_gets_the_projects_settings_and_keeps_its_own(tmp_path: Path) -> None:
    assert (ROOT / ".dagster" / "dagster.yaml").read_text() == SETTINGS
    made = make_home(tmp_path / "new" / "home")
    assert (made / "dagster.yaml").read_text() == SETTINGS
    (made / "dagster.yaml").write_text("telemetry: {enabled: true}\n")
    make_home(made)
    assert (made / "dagster.yaml").read_text() == "telemetry: {enabled: true}\n"
    with pytest.raises(ValueError, match="cannot be used: File exists; name a folder"):
        make_home(made / "dagster.yaml")


def test_each_data_folder_has_a_home_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    assert home_of(ROOT / "data") == ROOT / ".dagster"
    assert home_of(tmp_path / "a") == tmp_path / "a" / "dagster"
    assert home_of(tmp_path / "b") == tmp_path / "b" / "dagster"
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "named"))
    assert home_of(ROOT / "data") == home_of(tmp_path / "a") == tmp_path / "named"


@pytest.mark.parametrize("command", ["night", "ui"])
def test_the_shell_takes_the_home_of_its_data_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    from pipelines import __main__ as entrance
    from pipelines.settings.read import load
    from pipelines.shell import night, ui

    monkeypatch.setenv("DAGSTER_HOME", "")
    monkeypatch.setattr(entrance, "current_settings", lambda: load({"GRU4REC_DATA": str(tmp_path / "other")}))
    taken: list[str] = []
    monkeypatch.setattr(night, "night", lambda *_, **__: taken.append(os.environ["DAGSTER_HOME"]) or True)
    monkeypatch.setattr(ui, "serve", lambda settings, home, *_: taken.append(str(home)) or 0)
    assert entrance.main([command]) == 0
    assert taken == [str(tmp_path / "other" / "dagster")]
    assert (tmp_path / "other" / "dagster" / "dagster.yaml").is_file()


def test_a_home_that_two_data_folders_share_is_a_warning(tmp_path: Path) -> None:
    home, a, b = (tmp_path / name for name in ("home", "a", "b"))
    for folder in (home, a, b):
        folder.mkdir()
    assert shared(home, a) is shared(home, a) is None
    warning = shared(home, b)
    assert warning
    assert f"was used for the data folder {a} before, and is now for {b}" in warning
    assert shared(home, b) is None
    assert shared(home, a)
    a.rename(tmp_path / "moved")
    assert shared(home, tmp_path / "moved") is None
    (home / "data_folder").write_bytes(b"\xff")
    assert shared(home, b) is None
    (b / "dagster").mkdir()
    assert shared(b / "dagster", b) is None
    assert not list((b / "dagster").iterdir()), "a home inside its data folder is copied with it"


def test_settings_that_dagster_cannot_read_are_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "dagster.yaml").write_text("telemetri: {enabled: true}\n")
    with pytest.raises(ValueError, match=r"Dagster's home .* cannot be used: .*\"telemetri\"") as refused:
        make_databases(tmp_path)
    assert len(str(refused.value)) < 500


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("dagster.yaml", "while parsing"),
        ("history/runs.db", "file is not a database"),
        ("schedules/schedules.db", "file is not a database"),
    ],
)
def test_a_home_that_was_spoiled_is_one_sentence(tmp_path: Path, file: str, said: str) -> None:
    make_databases(make_home(tmp_path))
    make_databases(tmp_path)
    for left in (tmp_path / file).parent.glob(f"{Path(file).name}-*"):
        left.unlink()
    (tmp_path / file).write_text("telemetry: [" if file == "dagster.yaml" else "this was a database " * 100)
    with pytest.raises(ValueError, match=rf"Dagster's home .* cannot be used: .*{said}.*; put its dagster.yaml right"):
        make_databases(tmp_path)


def test_a_database_that_fails_in_the_middle_of_a_night_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pipelines.shell.night import execute

    monkeypatch.setenv("DAGSTER_HOME", str(make_home(tmp_path)))
    make_databases(tmp_path)
    for index in (tmp_path / "history" / "runs").iterdir():
        index.write_text("this was a database " * 100)
    with pytest.raises(ValueError, match=r"Dagster's home .* cannot be used: .*file is not a database"):
        execute("serve", partition_key="2026-01-05")


@pytest.mark.slow
def test_processes_that_begin_at_once_make_one_home(tmp_path: Path) -> None:
    command, pipe = [sys.executable, "-c", MAKER], subprocess.PIPE
    makers = [subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=pipe, text=True) for _ in range(3)]
    for maker in makers:
        _expect(maker, "ready")
    for number in range(10):
        for maker in makers:
            assert maker.stdin
            maker.stdin.write(f"{tmp_path / str(number)}\n")
            maker.stdin.flush()
        for maker in makers:
            _expect(maker, "0")
    for maker in makers:
        said = maker.communicate()[1]
        assert maker.returncode == 0, said


def _expect(maker: "subprocess.Popen[str]", line: str) -> None:
    """The next line that it prints; where it ended instead, what it said of it."""
    assert maker.stdout
    found = maker.stdout.readline().strip()
    assert found == line, maker.communicate()[1]
