"""A process of `warehouse serve` for tests, asked over a real socket."""

import http.client
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[3]
PATIENCE = 120.0  # seconds; a busy machine takes long to start a process


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: Any


class Server:
    """A process of `warehouse serve`."""

    def __init__(self, data: Path, *arguments: str) -> None:
        command = [sys.executable, "-m", "warehouse", "serve", "--port", "0", "--data", str(data), *arguments]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        self.process = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        self.said = self.process.stdout.readline()
        found = re.search(r"http://([\d.]+):(\d+)/", self.said)
        assert found, self.process.communicate()[1]
        self.address, self.port = found[1], int(found[2])

    def ask(self, path: str, **headers: str) -> Answer:
        connection = http.client.HTTPConnection(self.address, self.port, timeout=PATIENCE)
        try:
            connection.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})
            answer = connection.getresponse()
            body = answer.read()
        finally:
            connection.close()
        is_json = answer.headers.get_content_type() == "application/json"
        return Answer(answer.status, dict(answer.headers), json.loads(body) if is_json and body else body.decode())

    def until(self, holds: Callable[[Any], bool]) -> Any:
        """What /health says once it says so."""
        end = time.monotonic() + PATIENCE
        while not holds(body := self.ask("/health").body):
            assert time.monotonic() < end, body
            time.sleep(0.1)
        return body

    def stop(self) -> str:
        """End it, and what it said of troubles."""
        self.process.terminate()
        return self.process.communicate(timeout=PATIENCE)[1]
