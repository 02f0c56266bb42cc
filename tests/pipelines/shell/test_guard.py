"""What a page of another origin tries on the Dagster UI, and that the UI itself passes."""

import asyncio
import json
import sqlite3
import sys
import urllib.parse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.shell.guard import Guard
from tests.pipelines.browser import Browser
from tests.pipelines.shell.loopback import page_of_another_origin, served, status
from tests.ports import free_port

ROOT = Path(__file__).resolve().parents[3]
PORT = 3000
OWN = f"127.0.0.1:{PORT}"
JSON = {"content-type": "application/json"}
LAUNCH = 'mutation { setConcurrencyLimit(concurrencyKey: "stolen", limit: 7) }'


def ask(
    kind: str = "http", method: str = "GET", path: str = "/", headers: list[tuple[str, str]] | None = None
) -> tuple[bool, list[dict[str, Any]]]:
    """Send one connection to a guarded application; whether it got there, and what was answered."""
    reached, sent = [], []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        reached.append(scope["type"])
        if scope["type"] == "http":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b""})

    async def receive() -> Any:
        return {"type": "http.request", "body": b""}

    async def send(message: Any) -> None:
        sent.append(message)

    raw = [(name.encode(), value.encode()) for name, value in headers or []]
    asyncio.run(Guard(app, PORT)({"type": kind, "method": method, "path": path, "headers": raw}, receive, send))
    return bool(reached), sent


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("GET", "/", [("host", OWN)]),
        ("GET", "/assets/events", [("host", f"localhost:{PORT}")]),
        ("HEAD", "/", [("host", f"[::1]:{PORT}")]),
        ("GET", "/graphql", [("host", OWN), ("accept", "text/html,application/xhtml+xml")]),
        ("POST", "/graphql", [("host", OWN), ("origin", f"http://{OWN}"), ("content-type", "application/json")]),
        ("POST", "/graphql", [("host", OWN), ("content-type", "application/json; charset=utf-8")]),
        ("GET", "/", [("host", OWN), ("sec-fetch-site", "none"), ("sec-fetch-dest", "document")]),
        ("GET", "/runs/1", [("host", OWN), ("sec-fetch-site", "cross-site"), ("sec-fetch-dest", "document")]),
        ("GET", "/logo.png", [("host", OWN), ("sec-fetch-site", "same-origin"), ("sec-fetch-dest", "image")]),
    ],
)
def test_the_uis_own_requests_pass(method: str, path: str, headers: list[tuple[str, str]]) -> None:
    passed, [start, _] = ask("http", method, path, headers)
    assert passed
    assert (b"x-frame-options", b"DENY") in start["headers"]


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "/graphql", [("host", OWN)], 405),
        ("GET", "/graphql/", [("host", OWN), ("accept", "*/*")], 405),
        ("GET", "/", [("host", "attacker.example:3000")], 403),
        ("GET", "/", [("host", "127.0.0.1:3001")], 403),
        ("GET", "/", [("host", "127.0.0.1")], 403),
        ("GET", "/", [("host", "127.0.0.1.attacker.example:3000")], 403),
        ("GET", "/", [("host", OWN), ("host", "attacker.example")], 403),
        ("GET", "/", [], 403),
        ("GET", "/", [("host", OWN), ("origin", "http://127.0.0.1:5000")], 403),
        ("POST", "/graphql", [("host", OWN), ("origin", "https://attacker.example"), *JSON.items()], 403),
        ("POST", "/graphql", [("host", OWN), ("origin", "null"), *JSON.items()], 403),
        ("POST", "/graphql", [("host", OWN), ("origin", f"https://{OWN}"), *JSON.items()], 403),
        ("POST", "/graphql", [("host", OWN), ("origin", f"http://localhost:{PORT}"), *JSON.items()], 403),
        ("POST", "/graphql", [("host", OWN)], 415),
        ("POST", "/graphql", [("host", OWN), ("content-type", "application/graphql")], 415),
        ("POST", "/graphql", [("host", OWN), ("content-type", "text/plain; x=application/json")], 415),
        ("POST", "/report_asset_materialization/events", [("host", OWN), ("content-type", "text/plain")], 415),
        ("OPTIONS", "/graphql", [("host", OWN)], 405),
        ("GET", "/", [("host", OWN), ("sec-fetch-site", "same-site"), ("sec-fetch-dest", "image")], 403),
        ("GET", "/", [("host", OWN), ("sec-fetch-site", "same-site"), ("sec-fetch-dest", "iframe")], 403),
        ("GET", "/", [("host", OWN), ("sec-fetch-site", "cross-site"), ("sec-fetch-dest", "empty")], 403),
        ("GET", "/", [("host", OWN), ("sec-fetch-site", "none"), ("sec-fetch-site", "cross-site")], 403),
        (
            "POST",
            "/graphql",
            [("host", OWN), ("sec-fetch-site", "same-site"), ("sec-fetch-dest", "document"), *JSON.items()],
            403,
        ),
        ("PUT", "/graphql", [("host", OWN), *JSON.items()], 405),
    ],
)
def test_a_foreign_page_is_refused(method: str, path: str, headers: list[tuple[str, str]], status: int) -> None:
    passed, [start, body] = ask("http", method, path, headers)
    assert not passed
    assert start["status"] == status
    assert body["body"].endswith(b".")


@given(st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=126)), st.sampled_from(["http", "websocket"]))
def test_no_other_host_or_origin_passes(text: str, kind: str) -> None:
    hosts = {f"{name}:{PORT}" for name in ("127.0.0.1", "localhost", "[::1]")}
    assert ask(kind, headers=[("host", text)])[0] == (text in hosts)
    assert ask(kind, headers=[("host", OWN), ("origin", text)])[0] == (text == f"http://{OWN}")


def test_a_subscription_opens_for_the_ui_and_for_no_foreign_page() -> None:
    assert ask("websocket", path="/graphql", headers=[("host", OWN), ("origin", f"http://{OWN}")]) == (True, [])
    for headers in ([("host", OWN), ("origin", "http://attacker.example")], [("host", "attacker.example")]):
        passed, [closed] = ask("websocket", path="/graphql", headers=headers)
        assert not passed
        assert closed["type"] == "websocket.close"


@pytest.fixture
def server(environment: Callable[[Path, Path], dict[str, str]], tmp_path: Path) -> Iterator[str]:
    """Dagster's real web server behind the guard, with an empty workspace: host and port."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "dagster.yaml").write_text((ROOT / ".dagster" / "dagster.yaml").read_text())
    workspace = tmp_path / "workspace.yaml"
    workspace.write_text("load_from: []\n")
    port = free_port()
    command = [sys.executable, "-m", "pipelines.shell.dagster_ui", str(workspace), str(port)]
    with served(command, port, tmp_path, environment(tmp_path, home)) as address:
        yield address


@pytest.mark.slow
def test_the_real_server_changes_nothing_for_a_foreign_page(server: str, tmp_path: Path) -> None:
    from websockets.exceptions import InvalidStatus
    from websockets.sync.client import connect

    graphql, own = f"http://{server}/graphql", f"http://{server}"
    by_get = f"{graphql}?query={urllib.parse.quote(LAUNCH)}"
    by_post = json.dumps({"query": LAUNCH}).encode()
    attacks = [
        status(by_get),
        status(by_get, Host="attacker.example"),
        status(graphql, by_post, **{"Content-Type": "application/json", "Origin": "http://attacker.example"}),
        status(graphql, by_post, **{"Content-Type": "application/json", "Host": "attacker.example"}),
        status(by_get, b"", **{"Content-Type": "text/plain"}),
        status(graphql, by_post, **{"Content-Type": "text/plain;application/json"}),
    ]
    assert [code for code, _ in attacks] == [405, 403, 403, 403, 415, 415]
    assert _limits(tmp_path) == []
    with pytest.raises(InvalidStatus, match="403"):
        connect(f"ws://{server}/graphql", origin="http://attacker.example", subprotocols=["graphql-ws"])

    assert status(own)[0] == 200
    assert "html" in status(graphql, Accept="text/html")[1]
    code, answer = status(graphql, by_post, **{"Content-Type": "application/json", "Origin": own})
    assert (code, json.loads(answer)) == (200, {"data": {"setConcurrencyLimit": True}})
    assert _limits(tmp_path) == [("stolen", 7)], "the same mutation counts when the UI sends it"
    with connect(f"ws://{server}/graphql", origin=own, subprotocols=["graphql-ws"]) as subscription:
        subscription.send(json.dumps({"type": "connection_init"}))
        assert json.loads(subscription.recv(timeout=30)) == {"type": "connection_ack"}


ATTACKS = """
<body><script>
const url = "%(graphql)s", mutation = %(mutation)s, json = JSON.stringify({query: mutation});
const asked = url + "?query=" + encodeURIComponent(mutation);
const send = (to, options) => fetch(to, {mode: "no-cors", credentials: "include", ...options}).catch(() => 0);
const socket = new Promise(done => {
  const opened = new WebSocket(url.replace("http", "ws"), "graphql-ws");
  opened.onopen = () => { document.title = "opened"; done(); };
  opened.onerror = done;
});
const image = new Promise(done => { const one = new Image(); one.onload = one.onerror = done; one.src = asked; });
const form = new Promise(done => {
  document.body.innerHTML = `<iframe name="inside"></iframe><form method="post" target="inside"></form>`;
  document.querySelector("iframe").onload = done;
  document.querySelector("form").action = asked;
  document.querySelector("form").submit();
});
Promise.all([
  send(asked), send(asked, {method: "POST"}), send(url, {method: "POST", body: json}), socket, image, form,
  send(url, {method: "POST", body: json, headers: {"Content-Type": "application/json"}, mode: "cors"}),
]).then(() => { window.tried = true; });
</script></body>
"""


@pytest.mark.slow
def test_a_page_of_another_origin_in_a_real_browser_changes_nothing(server: str, tmp_path: Path) -> None:
    browser = Browser(tmp_path)
    page = ATTACKS % {"graphql": f"http://{server}/graphql", "mutation": json.dumps(LAUNCH)}
    try:
        with page_of_another_origin(page) as address:
            browser.call("Page.navigate", url=address)
            browser.until("window.tried === true")
            assert browser.do("document.title") != "opened"
    finally:
        browser.close()
    assert _limits(tmp_path) == []


def _limits(tmp_path: Path) -> list[tuple[str, int]]:
    """The limits that stand in Dagster's database."""
    found = []
    for file in (tmp_path / "home").rglob("*.db"):
        with sqlite3.connect(file) as database:
            if database.execute("SELECT 1 FROM sqlite_master WHERE name = 'concurrency_limits'").fetchall():
                found += database.execute('SELECT concurrency_key, "limit" FROM concurrency_limits').fetchall()
    return found
