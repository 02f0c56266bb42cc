"""The benchmark of the look-up under load: its judge sees what is wrong, and a short load goes through two nights."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.serve_speed import SHOWN, TAKEN_OVER, Judge, item
from tests.warehouse.serve.server import ROOT

ITEMS = 500


def answer(user: int, night: int, version: int, status: str = "200 OK", swapped: bool = False) -> bytes:
    shown = [{"item_id": (i := item(user, rank, night, ITEMS)), "title": f"item {i}"} for rank in range(1, SHOWN + 1)]
    if swapped:
        shown[2:4] = shown[3:1:-1]
    body = json.dumps({"user_id": str(user), "run_date": f"2026-01-{night + 1:02d}", "items": shown})
    return f'HTTP/1.1 {status}\r\netag: "{version}"\r\ncontent-length: {len(body)}\r\n\r\n{body}'.encode()


def test_the_judge_sees_errors_other_lists_and_a_version_of_two_nights() -> None:
    judge = Judge(ITEMS)
    judge.see(7, answer(7, 0, 1), 1.0)
    judge.see(8, answer(8, 1, 2), 2.5)
    judge.see(9, answer(9, 1, 2), 2.0)
    assert (judge.wrong, judge.nights, judge.first) == ([], {"1": {0}, "2": {1}}, {0: 1.0, 1: 2.0})
    judge.see(7, answer(7, 0, 1, "503 Service Unavailable"), 3.0)
    judge.see(7, answer(7, 0, 1, swapped=True), 3.0)
    judge.see(7, answer(8, 0, 1), 3.0)
    judge.see(7, b"", 3.0)
    assert [one[:12] for one in judge.wrong] == ["HTTP/1.1 503", "user 7 of ni", "user 7 of ni", "no answer"]
    judge.see(7, answer(7, 1, 1), 4.0)
    assert judge.nights["1"] == {0, 1}


@pytest.mark.slow
def test_no_answer_of_a_short_load_is_wrong_while_a_night_takes_over(tmp_path: Path) -> None:
    command = [sys.executable, "benchmarks/serve_speed.py", "--users", "2000", "--n", "20", "--items", "3000",
               "--rate", "200", "--seconds", "30", "--folder", str(tmp_path)]  # fmt: skip
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert found["requests"] == 6000
    assert found[TAKEN_OVER] > 0
