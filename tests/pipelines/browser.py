"""Headless Chromium for tests, driven over its DevTools protocol; its sandbox is off, for it only sees loopback."""

import json
import re
import shutil
import subprocess
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
PATIENCE = 120.0  # seconds; a busy machine takes long to start a browser
OPTIONS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1700,1000", "--remote-debugging-port=0")


class Browser:
    """One page. `do` runs JavaScript in it; `until` waits for an expression to be true."""

    def __init__(self, folder: Path) -> None:
        found = next(filter(None, map(shutil.which, NAMES)), None)
        if found is None:
            pytest.skip(f"no browser to click with: install one of {', '.join(NAMES)}")
        client = pytest.importorskip("websockets.sync.client", reason="websockets (of uvicorn[standard]) is missing")
        self.log = folder / "browser.log"
        with self.log.open("wb") as log:
            command = [found, *OPTIONS, f"--user-data-dir={folder / 'browser'}", "about:blank"]
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            self.socket = client.connect(self._page(), max_size=None, compression=None, open_timeout=PATIENCE)
        except BaseException:
            self.close()
            raise
        self.calls = 0

    def _page(self) -> str:
        """The address to drive the page by; the browser listens before its page is there."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if told := re.search(r"DevTools listening on ws://127\.0\.0\.1:(\d+)", self.log.read_text()):
                with urllib.request.urlopen(f"http://127.0.0.1:{told[1]}/json", timeout=PATIENCE) as answer:
                    pages = [page["webSocketDebuggerUrl"] for page in json.load(answer) if page["type"] == "page"]
                if pages:
                    return str(pages[0])
            assert self.process.poll() is None, self.log.read_text()
            time.sleep(0.2)
        raise TimeoutError(self.log.read_text())

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command of the protocol, and its answer."""
        self.calls += 1
        self.socket.send(json.dumps({"id": self.calls, "method": method, "params": parameters}))
        while True:
            answer = json.loads(self.socket.recv(timeout=120))
            if answer.get("id") == self.calls:
                assert "error" not in answer, answer["error"]
                return dict(answer["result"])

    def do(self, script: str) -> Any:
        """The value of a JavaScript expression in the page; None where it raises."""
        return self.call("Runtime.evaluate", expression=script, returnByValue=True)["result"].get("value")

    def until(self, script: str, seconds: float = 300) -> None:
        """Wait for an expression to be true; the page's text is the error where it never is."""
        deadline = time.monotonic() + seconds
        while not self.do(script):
            assert time.monotonic() < deadline, (
                f"{script} never held; the page says: {self.do('document.body.innerText')}"
            )
            time.sleep(0.3)

    def click(self, label: str) -> None:
        """Wait for an enabled button whose text starts with `label`, and click it."""
        chosen = "[...document.querySelectorAll('button')]"
        chosen += f".find(one => one.innerText.trim().startsWith({json.dumps(label)}) && !one.disabled)"
        self.until(f"!!{chosen}")
        self.do(f"{chosen}.click()")

    def close(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.wait(timeout=30)
