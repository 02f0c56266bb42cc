"""Every asset alone from the shell, as people type it, and the commands of `python -m pipelines`."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from pipelines.__main__ import main
from tests.ports import free_port
from warehouse.recommendations import latest

ROOT = Path(__file__).resolve().parents[3]
Environment = Callable[[Path, Path], dict[str, str]]
CHAIN = ("events", "rejected_events", "items", "sessions", "splits", "gru4rec_model", "offline_evaluation")
CHAIN += ("champion_model", "recommendations", "realised", "night_report")


@pytest.mark.slow
def test_every_asset_alone_from_the_shell(house: Any, environment: Environment, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    tool = str(Path(sys.executable).with_name("dagster"))
    for asset in CHAIN:
        command = [tool, "asset", "materialize", "--select", asset, "--partition", "2026-01-06"]
        done = subprocess.run(
            [*command, "-m", "pipelines.definitions"],
            cwd=tmp_path,
            env=environment(house.root, tmp_path / "home"),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        assert f"Materialized value {asset}" in done.stderr


@pytest.mark.slow
def test_a_night_without_the_ui(house: Any, environment: Environment, tmp_path: Path) -> None:
    data, home = tmp_path / "data", tmp_path / "home"
    shutil.copytree(house.root / "raw", data / "raw")
    shutil.copy(house.root / "pipeline.toml", data)
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")

    def night(*arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "pipelines", "night", "--date", "2026-01-06", *arguments]
        own = environment(data, home)
        return subprocess.run(command, cwd=ROOT, env=own, capture_output=True, text=True, check=False)

    done = night()
    assert done.returncode == 0, done.stderr[-3000:]
    for day in range(1, 6):
        assert f"2026-01-0{day} was due and is read" in done.stderr
    again = night("--backfill")
    assert again.returncode == 0, again.stderr[-3000:]
    assert "Reading the events of 5 days, 2026-01-01 to 2026-01-05" in again.stdout
    before = latest(data / "recommendations")
    lists = night("--lists-only")
    assert lists.returncode == 0, lists.stderr[-3000:]
    found = latest(data / "recommendations")
    assert (found.run_date, found.model_version) == (before.run_date, before.model_version)
    assert found.version > before.version
    assert "was due" not in again.stderr
    assert latest(data / "recommendations").run_date == date(2026, 1, 6)


def test_a_night_outside_the_partitions_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["night", "--date", "2026-01-09"]) == 2
    assert "2026-01-09 is no day of the pipeline; [partitions] has 2026-01-01 to 2026-01-08." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["promote", "9", "--reason", "better"], "has no version 9"),
        (["rollback"], "no champion to roll back from"),
    ],
)
def test_a_mistake_in_the_shell_is_one_sentence(
    arguments: list[str],
    says: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    fresh_mlflow: Callable[[Path], None],
) -> None:
    from pipelines import __main__ as entrance
    from pipelines.settings.read import load

    fresh_mlflow(tmp_path)
    monkeypatch.setattr(entrance, "current_settings", lambda: load({"GRU4REC_DATA": str(tmp_path)}))
    assert main(arguments) == 2
    said = capsys.readouterr().err
    assert says in said
    assert "Traceback" not in said


@pytest.mark.parametrize("arguments", [["rollback"], ["report", "--date", "2026-01-05"]])
def test_an_mlflow_server_that_does_not_answer_is_one_sentence(
    arguments: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from pipelines import __main__ as entrance
    from pipelines.settings.read import load

    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    nobody = {"GRU4REC_DATA": str(tmp_path), "MLFLOW_TRACKING_URI": f"http://127.0.0.1:{free_port()}"}
    monkeypatch.setattr(entrance, "current_settings", lambda: load(nobody))
    assert main(arguments) == 2
    said = capsys.readouterr().err
    assert said.startswith("MLflow refused: API request to http://127.0.0.1:")
    assert "Traceback" not in said
    assert said.count("\n") == 1


def test_the_demo_keeps_to_a_folder_of_its_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not data/, where a shop's own log comes next; settings that are not the demo's show which folder it takes."""
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "pipeline.toml").write_text("[partitions]\n")
    monkeypatch.delenv("GRU4REC_DATA")
    monkeypatch.chdir(tmp_path)
    assert main(["demo"]) == 2
    assert f"{tmp_path / 'demo' / 'pipeline.toml'} is not the demo's" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["demo"]


def test_the_demo_leaves_other_peoples_settings_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pipeline.toml").write_text("[partitions]\n")
    monkeypatch.setenv("GRU4REC_DATA", str(tmp_path))
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    assert main(["demo"]) == 2
    assert "is not the demo's" in capsys.readouterr().err
    assert [file.name for file in tmp_path.iterdir()] == ["pipeline.toml"]
