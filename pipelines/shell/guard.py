"""A guard before Dagster's and MLflow's web servers: only pages of that server itself may ask it for anything.

Dagster answers any page that a browser on this machine has open, and runs mutations that come by GET; MLflow answers
pages of every port of this machine, and names such as 10.attacker.example. A foreign page could so launch runs and
delete models (cross-site requests), and read the answers under a name that it lets point to 127.0.0.1 (DNS rebinding).
Programs outside a browser are not held up: they can do what the user can.
"""

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
NAMES = ("127.0.0.1", "localhost", "[::1]")
FRAMELESS = ((b"x-frame-options", b"DENY"), (b"content-security-policy", b"frame-ancestors 'none'"))
METHODS = ("GET", "HEAD", "POST")
MLFLOW_METHODS = (*METHODS, "PUT", "PATCH", "DELETE")  # its own pages and the programs that log runs send all of them


class Guard:
    """An ASGI application that lets a request through to another one, or refuses it in a sentence.

    Refused are: a Host that is no loopback name with the server's port (403); an Origin that is not that host (403);
    what a browser says it sends for a page of another origin, unless a person follows a link (403); a method that the
    server has no use for (405), a preflight among them, so that a browser sends no JSON for a foreign page; a GraphQL
    query by GET (405); where the server takes nothing but JSON, a POST of another kind (415). Pages are not shown in
    frames.

    Args:
        app: what is guarded.
        port: that the server listens on.
        methods: that the server's own pages, and programs, have a use for.
        json_only: whether it takes nothing but JSON.
    """

    def __init__(self, app: App, port: int, methods: Iterable[str] = METHODS, json_only: bool = True) -> None:
        self._app = app
        self._hosts = {f"{name}:{port}" for name in NAMES} | (set(NAMES) if port == 80 else set())
        self._methods = tuple(methods)
        self._json_only = json_only

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One connection: HTTP, a websocket, or the server's own start and stop."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif refusal := self._refusal(scope):
            await _refuse(scope, send, *refusal)
        else:
            await self._app(scope, receive, _without_frames(send))

    def _refusal(self, scope: Scope) -> tuple[int, str] | None:
        """The status and the sentence of a refusal; None for what may pass."""
        hosts, origins = _values(scope, b"host"), _values(scope, b"origin")
        if len(hosts) != 1 or hosts[0] not in self._hosts:
            return 403, f"This server answers to {', '.join(sorted(self._hosts))} only."
        if origins not in ([], [f"http://{hosts[0]}"]) or _for_another_page(scope):
            return 403, "This server answers its own pages only."
        if scope["type"] != "http":
            return None
        if scope["method"] not in self._methods:
            return 405, f"Use {', '.join(self._methods[:-1])} or {self._methods[-1]}."
        if scope["method"] == "GET":
            asks = scope["path"].rstrip("/") == "/graphql" and "text/html" not in ",".join(_values(scope, b"accept"))
            return (405, "Send GraphQL by POST, as JSON.") if asks else None
        if scope["method"] != "POST" or not self._json_only:
            return None
        kinds = [kind.split(";")[0].strip().lower() for kind in _values(scope, b"content-type")]
        return None if kinds == ["application/json"] else (415, "Send JSON, with the content type application/json.")


def _for_another_page(scope: Scope) -> bool:
    """Whether a browser says that a page of another origin asks, other than by a link that a person follows.

    Images, scripts and frames come without an Origin; browsers tell of them by `Sec-Fetch-Site`
    (https://www.w3.org/TR/fetch-metadata/), where `same-site` is another port of this machine.
    """
    followed = scope.get("method") == "GET" and _values(scope, b"sec-fetch-dest") == ["document"]
    return _values(scope, b"sec-fetch-site") not in ([], ["same-origin"], ["none"]) and not followed


def _values(scope: Scope, name: bytes) -> list[str]:
    """Every value of a header."""
    headers: Iterable[tuple[bytes, bytes]] = scope["headers"]
    return [value.decode("latin-1") for key, value in headers if key.lower() == name]


async def _refuse(scope: Scope, send: Send, status: int, sentence: str) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008, "reason": sentence})  # before it is accepted: HTTP 403
        return
    headers = [(b"content-type", b"text/plain; charset=utf-8"), *FRAMELESS]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": sentence.encode()})


def _without_frames(send: Send) -> Send:
    """Add headers to the answer that forbid showing it inside another page, where a click could be stolen."""

    async def with_headers(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            own = [pair for pair in message.get("headers", ()) if pair[0].lower() != FRAMELESS[0][0]]
            message = {**message, "headers": [*own, *FRAMELESS]}
        await send(message)

    return with_headers
