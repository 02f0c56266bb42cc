"""The servers of `make ui` end with it, also where it is killed and can end nothing itself."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).resolve().parents[3]
PARENT = """
import os, signal, sys, time
from pathlib import Path
from pipelines.shell.ui import Server

if sys.argv[2:]:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})

wait = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)"]
server = Server("one", wait, Path(sys.argv[1]))
server.start(dict(os.environ))
print(server.process.pid, flush=True)
time.sleep(600)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="other systems tell no process that its parent is gone")
@pytest.mark.parametrize(
    "deaf", [pytest.param([], marks=pytest.mark.slow), ["deaf"]], ids=["as started by a shell", "deaf to SIGTERM"]
)
def test_servers_of_a_killed_ui_end(tmp_path: Path, deaf: list[str]) -> None:
    command = [sys.executable, "-c", PARENT, str(tmp_path / "log"), *deaf]
    parent = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    server = psutil.Process(int(parent.stdout.readline()))
    deadline = time.monotonic() + 60
    while "up" not in (tmp_path / "log").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    server.wait(60)
