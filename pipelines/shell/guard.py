"""A guard before Dagster's web server: only pages of that server itself may ask it for anything.

Dagster answers any page that a browser on this machine has open, and runs mutations that come by GET. A foreign page
could so launch runs (cross-site requests), and read the answers under a name that it lets point to 127.0.0.1 (DNS
rebinding). Programs outside a browser are not held up: they can do what the user can.
"""

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
NAMES = ("127.0.0.1", "localhost", "[::1]")
FRAMELESS = ((b"x-frame-options", b"DENY"), (b"content-security-policy", b"frame-ancestors 'none'"))


class Guard:
    """An ASGI application that lets a request through to another one, or refuses it in a sentence.

    Refused are: a Host that is no loopback name with the server's port (403), an Origin that is not that host (403), a
    method other than GET, HEAD and POST (405), a GraphQL query by GET (405), a POST that is not JSON (415): a browser
    sends JSON to a foreign server only after asking, and is refused then. Pages are not shown in frames.

    Args:
        app: what is guarded.
        port: that the server listens on.
    """

    def __init__(self, app: App, port: int) -> None:
        self._app = app
        self._hosts = {f"{name}:{port}" for name in NAMES} | (set(NAMES) if port == 80 else set())

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
        if origins not in ([], [f"http://{hosts[0]}"]):
            return 403, "This server answers its own pages only."
        if scope["type"] != "http" or scope["method"] == "HEAD":
            return None
        if scope["method"] == "GET":
            asks = scope["path"].rstrip("/") == "/graphql" and "text/html" not in ",".join(_values(scope, b"accept"))
            return (405, "Send GraphQL by POST, as JSON.") if asks else None
        if scope["method"] != "POST":
            return 405, "Use GET or POST."
        kinds = [kind.split(";")[0].strip().lower() for kind in _values(scope, b"content-type")]
        return None if kinds == ["application/json"] else (415, "Send JSON, with the content type application/json.")


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
            message = {**message, "headers": [*message.get("headers", ()), *FRAMELESS]}
        await send(message)

    return with_headers
