"""benchmarks/gpu.sh runs whole on a CPU, so that it is ready where there is a GPU."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from benchmarks.gpu import correctness, lists

ROOT = Path(__file__).resolve().parents[1]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHON": sys.executable}
    command = [str(ROOT / "benchmarks" / "gpu.sh"), *arguments]
    return subprocess.run(command, env=environment, cwd="/", capture_output=True, text=True, timeout=600)


@pytest.mark.slow
def test_every_part_runs_on_a_cpu() -> None:
    done = run("--device", "cpu", "--quick")
    assert done.returncode == 0, done.stderr
    assert [line for line in done.stdout.splitlines() if line.startswith("## ")] == [
        "## correctness", "## speed", "## auto", "## lists", "## processes",
    ]  # fmt: skip
    rows = [line for line in done.stdout.splitlines() if line.startswith("| ")]
    of_lists = (1 + 4) + (1 + 7) + (1 + 3) + (1 + len(lists.GROUPS) + len(lists.THREADS))
    assert len(rows) == (1 + len(correctness.SETTINGS)) + (1 + 4) + (1 + 2) + of_lists + (1 + 3)
    assert sum(row.endswith("| equal |") for row in rows) == len(correctness.SETTINGS) + 4


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_without_a_gpu_one_sentence_says_what_to_do() -> None:
    done = run()
    assert done.returncode == 2
    assert "torch sees no GPU here; use --device cpu --quick" in done.stderr


def test_what_is_not_equal_is_a_failure(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(correctness, "SETTINGS", {"XE": {"sample_alpha": 0.75, "n_sample": 8}})
    monkeypatch.setattr(correctness.DeviceLoader, "_row_weights", lambda self, position, active: active * 0.5)
    assert not correctness.check(torch.device("cpu"), quick=True)
    assert "NOT EQUAL" in capsys.readouterr().out


def test_what_fails_takes_no_other_figure_with_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = {"XE": {"sample_alpha": 0.75, "n_sample": 8, "no such option": 1}, "other": {"n_sample": 8}}
    monkeypatch.setattr(correctness, "SETTINGS", broken)
    assert not correctness.check(torch.device("cpu"), quick=True)
    said = capsys.readouterr().out
    assert "FAILED: XE, update by update" in said
    assert "| other | update by update |" in said
