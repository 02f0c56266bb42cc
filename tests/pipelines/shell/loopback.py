"""Servers on loopback for tests of the guard: the guarded ones as processes, and a page of another origin."""

import contextlib
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.ports import free_port

PROJECT = Path(__file__).resolve().parents[3]


def listens(port: int) -> bool:
    """Whether a port takes connections."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextlib.contextmanager
def served(command: list[str], port: int, folder: Path, environment: dict[str, str]) -> Iterator[str]:
    """Run a server's command in a folder until the block ends; yields host and port."""
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=output, stderr=output)
    try:
        deadline = time.monotonic() + 300
        while not listens(port):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline
            time.sleep(0.2)
        yield f"127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(timeout=60)


@contextlib.contextmanager
def started_ui(root: Path, environment: Callable[[Path, Path], dict[str, str]]) -> Iterator[str]:
    """Run `python -m pipelines ui` over the data folder `root`, with its Dagster home in `root / "home"`.

    Yields the Dagster UI's address, once all links are printed.
    """
    home = root / "home"
    home.mkdir(exist_ok=True)
    (home / "dagster.yaml").write_text((PROJECT / ".dagster" / "dagster.yaml").read_text())
    ports = [str(free_port()) for _ in range(3)]
    command = [sys.executable, "-m", "pipelines", "ui"]
    for option, port in zip(("--dagster-port", "--mlflow-port", "--lists-port"), ports, strict=True):
        command += [option, port]
    with (root / "ui.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=PROJECT, env=environment(root, home), stdout=log, stderr=log)
    try:
        while "Ctrl-C ends all" not in (said := (root / "ui.log").read_text()):
            assert process.poll() is None, said
            time.sleep(0.5)
        yield f"http://127.0.0.1:{ports[0]}"
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)


def status(url: str, data: bytes | None = None, method: str | None = None, **headers: str) -> tuple[int, str]:
    """Status and body of one request; `Sec_Fetch_Site` is the header Sec-Fetch-Site."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data, named, method=method)) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


@contextlib.contextmanager
def page_of_another_origin(html: str) -> Iterator[str]:
    """Serve a page at a port of its own; yields its address."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(html.encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{other.server_port}/"
        finally:
            other.shutdown()
