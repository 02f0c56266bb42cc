"""A server that speaks S3, on loopback, over HTTP: moto's. A test may refuse requests, hold them, or act in between."""

import logging
import threading
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree

DENIED = """<?xml version="1.0" encoding="UTF-8"?>
<Error><Code>{code}</Code><Message>the test says so</Message><RequestId>1</RequestId></Error>"""
KEYS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_EC2_METADATA_DISABLED": "true"}


_SIGNED = {
    "Authorization": "AWS4-HMAC-SHA256 Credential=key/20260101/us-east-1/s3/aws4_request",
    "Content-Type": "application/octet-stream",
}


@dataclass
class Request:
    method: str
    path: str  # /bucket/key
    signed: bool


@dataclass
class ObjectStore:
    """A server with buckets of their own for each test.

    watch: asked about each request before it is answered; an answer is (status, code) to refuse it, None to go on.
    """

    port: int
    watch: Callable[[Request], tuple[int, str] | None] = lambda request: None
    seen: list[Request] = field(default_factory=list)
    _numbers: Any = field(default_factory=count)

    @property
    def options(self) -> dict[str, str]:
        """What Delta Lake's library needs to read here."""
        server = {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.port}", "AWS_ALLOW_HTTP": "true"}
        return {**KEYS, **server, "AWS_REGION": "us-east-1"}

    def address(self, bucket: str = "", folder: str = "shop") -> str:
        """An address in a new bucket, or in one of this name that need not be there."""
        name = bucket or f"bucket-{next(self._numbers)}"
        if not bucket:
            self._ask(name, "PUT")
        return f"s3://{name}/{folder}?endpoint_override=127.0.0.1:{self.port}&scheme=http&region=us-east-1"

    def keys(self, address: str) -> list[str]:
        """The keys below an address, without marks of folders."""
        bucket, folder = address.removeprefix("s3://").partition("?")[0].split("/", 1)
        listed = ElementTree.fromstring(self._ask(f"{bucket}?list-type=2&prefix={folder}/"))
        found = [one.text or "" for one in listed.iter() if one.tag.endswith("Key")]
        return [key.removeprefix(f"{folder}/") for key in found if not key.endswith("/")]

    def get(self, address: str, key: str) -> bytes:
        return self._ask(f"{address.removeprefix('s3://').partition('?')[0]}/{key}")

    def put(self, address: str, key: str, data: bytes) -> None:
        self._ask(f"{address.removeprefix('s3://').partition('?')[0]}/{key}", "PUT", data)

    def delete(self, address: str, key: str) -> None:
        self._ask(f"{address.removeprefix('s3://').partition('?')[0]}/{key}", "DELETE")

    @contextmanager
    def watching(self, watch: Callable[[Request], tuple[int, str] | None]) -> Iterator[list[Request]]:
        """Ask `watch` about each request; gives those that were seen meanwhile."""
        self.seen.clear()
        self.watch = watch
        try:
            yield self.seen
        finally:
            self.watch = lambda request: None

    def _ask(self, path: str, method: str = "GET", data: bytes | None = None) -> bytes:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/{quote(path, safe='/?=&-')}", data, _SIGNED, method=method
        )
        with urllib.request.urlopen(request) as answer:
            return bytes(answer.read())


@contextmanager
def serving() -> Iterator[ObjectStore]:
    """A server that runs while the block does."""
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import make_server

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    answer = DomainDispatcherApplication(create_backend_app)

    def application(environ: dict[str, Any], start: Any) -> Any:
        request = Request(environ["REQUEST_METHOD"], environ["PATH_INFO"], "HTTP_AUTHORIZATION" in environ)
        if environ.get("HTTP_USER_AGENT", "").startswith("Python-urllib"):  # the test's own
            return answer(environ, start)
        store.seen.append(request)
        if (refused := store.watch(request)) is not None:
            start(f"{refused[0]} Refused", [("Content-Type", "application/xml")])
            return [] if request.method == "HEAD" else [DENIED.format(code=refused[1]).encode()]
        return answer(environ, start)

    server = make_server("127.0.0.1", 0, application, threaded=True)
    store = ObjectStore(server.port)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield store
    finally:
        server.shutdown()
        thread.join()


def say_where(root: Path, tables: str = "", raw: str = "") -> None:
    """Let the tables of a data folder lie at an address, and its raw files be delivered at one."""
    root.mkdir(parents=True, exist_ok=True)
    lines = [f'{name} = "{address}"\n' for name, address in (("tables", tables), ("raw", raw)) if address]
    (root / "storage.toml").write_text("".join(lines), encoding="utf-8")
