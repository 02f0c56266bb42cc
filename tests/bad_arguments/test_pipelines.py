"""Arguments of `pipelines`."""

from pathlib import Path
from typing import Any

import pytest

from tests.bad_arguments.refusals import LONG, NO_DAY, NO_WHOLE, all_refused, refused


def test_pipelines_arguments(ground: Path, tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from pipelines.__main__ import main

    monkeypatch.chdir(tmp_path)
    commands = [
        ["ui", option, value] for option in ("--dagster-port", "--mlflow-port") for value in [*NO_WHOLE, "0", "65536"]
    ]
    commands += [["ui", "--dagster-port", "5000"], ["promote", "1"], [LONG], [], ["night", LONG]]
    commands += [["promote", value, "--reason", "x"] for value in [*NO_WHOLE, "0"]]
    commands += [["night", "--date", value] for value in NO_DAY]
    for home in (str(ground / "log.csv"), str(ground / "log.csv" / "inside"), str(tmp_path / LONG)):
        monkeypatch.setenv("DAGSTER_HOME", home)
        problem = refused(main, ["night", "--date", "2026-01-01"], capsys)
        assert problem is None, problem
    monkeypatch.setenv("DAGSTER_HOME", str(ground / "home"))
    (ground / "home").mkdir()
    (ground / "home" / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    assert all_refused(main, commands, ground, tmp_path, capsys) > 40
