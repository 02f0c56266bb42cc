"""The UIs at once, on loopback: Dagster (with the daemon that runs the schedule), MLflow, and the page that looks lists
up (`warehouse serve`). Ctrl-C ends all.

Dagster's own `dagster dev` and `mlflow ui` would start their web servers without the guard, so `dagster_ui.py` and
`mlflow_ui.py` start them.
"""

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from pipelines.settings.read import Settings
from pipelines.shell.home import make_databases, shared

HOST = "127.0.0.1"
PATIENCE = 300.0  # seconds until a UI must answer; half a minute is usual, a busy machine takes minutes
PR_SET_PDEATHSIG = 1  # of prctl(2): the signal that a process gets when its parent is gone
SLIM = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}  # no job runner of MLflow


@dataclass
class Server:
    """One UI, or Dagster's daemon: its name, its command, the file that its output goes to, and a UI's port."""

    name: str
    command: list[str]
    log: Path
    port: int | None = None
    way: str = ""  # what to do where a UI's port is taken
    process: "subprocess.Popen[bytes] | None" = None

    @property
    def link(self) -> str:
        """The address for a browser."""
        return f"http://{HOST}:{self.port}"

    def start(self, environment: dict[str, str]) -> None:
        """Start in a process group of its own, so that it can be ended with all its children."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        output: IO[bytes] = self.log.open("wb")
        with output:
            self.process = subprocess.Popen(
                self.command,
                env=environment,
                cwd=self.log.parent,  # not the project's folder, whose .env would overrule DAGSTER_HOME
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_end_with_this_process,
            )

    def ended(self) -> bool:
        """Whether it is no longer running."""
        return self.process is None or self.process.poll() is not None

    def answers(self) -> bool:
        """Whether its port takes connections; never for what has none."""
        if self.port is None:
            return False
        with socket.socket() as probe:
            probe.settimeout(1)
            return probe.connect_ex((HOST, self.port)) == 0

    def order(self, which: signal.Signals) -> None:
        """Send a signal to it and its children."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, which)


def _end_with_this_process() -> None:
    """In a server about to begin: have Linux terminate it when the process that started it is gone, killed too.

    The server hears that signal also where whoever started this process had it ignored or blocked.
    """
    if sys.platform == "linux":
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def stop(started: list[Server]) -> None:
    """End all: each is interrupted, then asked to terminate, then killed, with five seconds between."""
    for which in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        for server in started:
            if which != signal.SIGKILL or not server.ended():
                server.order(which)
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline and not all(server.ended() for server in started):
            time.sleep(0.1)
        if all(server.ended() for server in started):
            return


def servers(settings: Settings, dagster_port: int, mlflow_port: int, lists_port: int) -> list[Server]:
    """What is started: Dagster's UI and daemon, MLflow's UI, and the look-up of lists.

    MLflow's is left out where MLFLOW_TRACKING_URI names an MLflow server, which has a UI already.
    """
    tools = Path(sys.executable).parent
    logs = settings.root / "logs"
    workspace = str(Path(__file__).resolve().parents[2] / "workspace.yaml")
    dagster = [sys.executable, "-m", "pipelines.shell.dagster_ui", workspace, str(dagster_port)]
    daemon = [str(tools / "dagster-daemon"), "run", "-w", workspace]
    found = [
        Server("Dagster", dagster, logs / "dagster-ui.log", dagster_port, "choose another with --dagster-port"),
        Server("Dagster's daemon", daemon, logs / "dagster-daemon.log"),
    ]
    if settings.tracking_uri.startswith("sqlite:"):
        artifacts = (settings.mlflow_folder / "artifacts").absolute().as_uri()
        mlflow = [sys.executable, "-m", "pipelines.shell.mlflow_ui", settings.tracking_uri, artifacts, str(mlflow_port)]
        way = "choose another with --mlflow-port"
        found.append(Server("MLflow", mlflow, logs / "mlflow-ui.log", mlflow_port, way))
    lists = [sys.executable, "-m", "warehouse", "serve", "--wait", "--port", str(lists_port)]
    lists += ["--data", str(settings.root.absolute())]
    way = "choose another with --lists-port, or end the `warehouse serve` that has it: this starts one too"
    found.append(Server("Lists", lists, logs / "lists.log", lists_port, way))
    return found


def serve(settings: Settings, home: Path, dagster_port: int, mlflow_port: int, lists_port: int) -> int:
    """Run them until Ctrl-C.

    Args:
        settings: where the data folder and MLflow's store are.
        home: Dagster's home.
        dagster_port: of the Dagster UI.
        mlflow_port: of the MLflow UI.
        lists_port: of the page that looks lists up.

    Returns:
        The exit code: 0 after Ctrl-C, 1 when one of them ended by itself or never answered, 2 for a port that is taken.
    """
    started = servers(settings, dagster_port, mlflow_port, lists_port)
    for server in started:
        if server.answers():
            print(f"Port {server.port} is taken: {server.way}", file=sys.stderr)
            return 2
    make_databases(home)
    if warning := shared(home, settings.root):
        print(warning, file=sys.stderr)
    settings.mlflow_folder.mkdir(parents=True, exist_ok=True)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    environment = {**os.environ, **SLIM, "PYTHONWARNINGS": "ignore", "DAGSTER_HOME": str(home)}
    environment["GRU4REC_DATA"] = str(settings.root)
    environment["GRU4REC_MLFLOW_UI"] = f"http://{HOST}:{mlflow_port}"  # the assets' pages link there
    try:
        for server in started:
            server.start(environment)
        print("Starting the UIs; each link is printed when it answers, in half a minute or so.", flush=True)
        return _watch(started)
    except KeyboardInterrupt:
        print("\nEnding all.")
        return 0
    finally:
        stop(started)


def _watch(started: list[Server]) -> int:
    """Print each link when it answers, then wait for the end; returns the exit code."""
    waiting, begun = [server for server in started if server.port], time.monotonic()
    while True:
        for server in started:
            if server.ended():
                tail = server.log.read_text(errors="replace").splitlines()[-15:]
                print(
                    f"{server.name} ended by itself; its last lines ({server.log}):", *tail, sep="\n", file=sys.stderr
                )
                return 1
        for server in [server for server in waiting if server.answers()]:
            waiting.remove(server)
            print(f"{server.name}: {server.link}", flush=True)
            if not waiting:
                print("Ctrl-C ends all.", flush=True)
        if waiting and time.monotonic() - begun > PATIENCE:
            names = ", ".join(server.name for server in waiting)
            print(f"{names} did not answer within {PATIENCE:.0f} s; see {waiting[0].log}", file=sys.stderr)
            return 1
        time.sleep(0.5)
