"""Ctrl+C and SIGTERM end a night of the shell, at once and for good, whatever code they meet."""

import shutil
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipelines.policy.interruption import noticing

ROOT = Path(__file__).resolve().parents[3]
PATIENCE = 300.0  # seconds in which the night must begin to train


class Held:
    """Something that a weak reference can look at."""


def sent_in_a_callback(which: signal.Signals) -> None:
    """A signal that meets the callback of a weak reference: Python drops the exception of its handler."""
    held = Held()
    ref = weakref.ref(held, lambda _: signal.raise_signal(which))
    del held
    assert ref() is None


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("which", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_that_python_dropped_comes_again(which: signal.Signals) -> None:
    before = signal.signal(which, signal.default_int_handler)
    try:
        sent_in_a_callback(which)  # nothing is raised: the exception was dropped
        with noticing() as came:
            assert not came()
            sent_in_a_callback(which)
            assert came()
            began = time.monotonic()
            with pytest.raises(KeyboardInterrupt):
                time.sleep(60)
            assert time.monotonic() - began < 50, "what waits is interrupted"
        with noticing() as came:
            assert not came(), "of another time"
    finally:
        signal.signal(which, before)


@pytest.mark.slow
@pytest.mark.parametrize("which", [signal.SIGINT, signal.SIGTERM])
def test_a_night_that_is_told_to_stop_stops(
    house: Any, environment: Callable[[Path, Path], dict[str, str]], tmp_path: Path, which: signal.Signals
) -> None:
    data = tmp_path / "data"
    shutil.copytree(house.root / "raw", data / "raw")
    settings = (house.root / "pipeline.toml").read_text()
    assert "epochs = 3" in settings
    (data / "pipeline.toml").write_text(settings.replace("epochs = 3", "epochs = 100000"))
    night = subprocess.Popen(
        [sys.executable, "-m", "pipelines", "night", "--date", "2026-01-06", "--backfill"],
        cwd=ROOT,
        env=environment(data, tmp_path / "home"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    patience = threading.Timer(PATIENCE, night.kill)
    patience.start()
    try:
        assert night.stderr is not None
        for line in night.stderr:
            if line.startswith("  gru4rec_model: measured model, epoch 1 of 100000"):
                night.send_signal(which)
                break
        out, errors = night.communicate()
    finally:
        patience.cancel()
        night.kill()
    assert night.returncode == 130, errors
    assert errors.splitlines()[-1] == (
        "pipelines night: interrupted: nightly was told to stop: no table is left half written; run it again"
    )
    assert "Traceback" not in errors
    assert "Only the model failed" not in out
    assert not (data / "recommendations").exists()
