"""The look-up by HTTP, asked over a real socket: what it answers and refuses, and that it follows the newest night."""

import http.client
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from warehouse import recommendations as table

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


def titles(layout: Any, day: Any) -> None:
    path = layout.partition("items", day)
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({"item_id": list(range(40)), "title": [f"film {n}" for n in range(40)]}), path)


@pytest.fixture
def served(nights: Any) -> Iterator[Server]:
    """A server over one night with titles for four fifths of the items."""
    titles(nights.layout, nights.day(0))
    nights.publish(0)
    server = Server(nights.layout.root)
    yield server
    server.stop()


def test_a_users_list_is_that_of_for_user(nights: Any, served: Server) -> None:
    for n in (1, 3, 10):
        answer = served.ask(f"/users/7?n={n}")
        assert answer.status == 200
        assert answer.body["items"] == table.for_user(nights.layout, 7, n)
        assert (answer.body["user_id"], answer.body["run_date"]) == ("7", str(nights.day(0)))
    assert {item["title"] for item in served.ask("/users/7").body["items"]} - {None}
    version = table.latest(nights.layout).version
    assert answer.headers["etag"] == f'"{version}"'
    assert served.ask("/users/7", If_None_Match=f'"{version}"').status == 304
    assert served.ask("/users/7", If_None_Match=f'"1x", W/"{version}"').status == 304
    assert served.ask("/users/7", If_None_Match=f'"{version}9"').status == 200


def test_night_health_and_the_description(nights: Any, served: Server) -> None:
    found = table.latest(nights.layout)
    night = served.ask("/night").body
    assert (night["run_date"], night["version"], night["age_days"]) == (
        str(found.run_date),
        found.version,
        found.age_days,
    )
    assert (night["model_version"], night["mlflow_run_id"], night["rollback"]) == (7, "run7", None)
    health = served.ask("/health").body
    assert (health["status"], health["trouble"], health["version"]) == ("ok", None, found.version)
    assert {"/users/{user_id}", "/night", "/health"} == set(served.ask("/openapi.json").body["paths"])
    assert "openapi.json" in served.ask("/docs").body


def test_unknown_users_a_wrong_n_and_another_host_are_refused_with_a_sentence(nights: Any, served: Server) -> None:
    for user in ("999", "abc", "07", "+7", "7.0", "9" * 30, "-9223372036854775809", "٧", "7/8"):
        answer = served.ask(f"/users/{quote(user)}")
        assert answer.status == 404
        assert answer.body["detail"].startswith(f"user {user} has no list in the night {nights.day(0)}")
    for n in ("0", "-1", "10001", "ten", ""):
        answer = served.ask(f"/users/7?n={n}")
        assert answer.status == 422
        assert answer.body["detail"].startswith(f"n is '{n}': Input should be")
    assert served.ask("/users/7", Host="evil.example").status == 400
    assert served.ask("/users/7", Host=f"localhost:{served.port}").status == 200
    assert served.address == "127.0.0.1"


def test_text_ids_may_hold_anything(nights: Any) -> None:
    rows = nights.rows(text=True)
    names = [f"a/b ?{user}é" for user in rows["user_id"].to_pylist()]
    nights.publish(
        0, rows.set_column(0, "user_id", pa.array(names)).sort_by([("user_id", "ascending"), ("rank", "ascending")])
    )
    server = Server(nights.layout.root)
    try:
        answer = server.ask(f"/users/{quote('a/b ?7é', safe='')}?n=5")
        assert answer.body["items"] == table.for_user(nights.layout, "a/b ?7é", 5)
        assert answer.body["user_id"] == "a/b ?7é"
        assert server.ask("/users/7").status == 404
    finally:
        server.stop()


def test_a_newer_night_a_rollback_and_a_night_run_again_are_followed_without_a_gap(nights: Any, served: Server) -> None:
    """While nights come and go, a client asks on and on: each answer is one night's list, whole and never an error."""
    lists = {table.latest(nights.layout).version: table.for_user(nights.layout, 7, 5)}
    answers: list[Answer] = []
    done = threading.Event()

    def ask_on() -> None:
        while not done.is_set():
            answers.append(served.ask("/users/7?n=5"))

    client = threading.Thread(target=ask_on)
    client.start()
    try:
        steps = [
            lambda: nights.publish(1),
            lambda: nights.publish(1, nights.rows(seed=77)),
            lambda: table.rollback(nights.layout),
            lambda: table.retain(nights.layout, 1, 0),
        ]
        for step in steps:
            step()
            found = table.latest(nights.layout)
            lists[found.version] = table.for_user(nights.layout, 7, 5)
            served.until(lambda health, version=found.version: health["version"] == version)
            assert served.ask("/users/7?n=5").body["items"] == lists[found.version]
    finally:
        done.set()
        client.join()
    assert answers
    for answer in answers:
        assert answer.status == 200, answer
        version = int(answer.headers["etag"].strip('"'))
        if version in lists:  # retain makes several commits; those between are not looked at
            assert answer.body["items"] == lists[version]


def test_a_table_that_cannot_be_read_any_more_is_served_on(nights: Any, served: Server) -> None:
    before = served.ask("/users/7").body
    following = table.latest(nights.layout).version + 1
    broken = nights.layout.recommendations / "_delta_log" / f"{following:020d}.json"
    broken.write_text("{no json")
    health = served.until(lambda health: health["status"] == "stale")
    assert health["trouble"].startswith("the table cannot be read: ")
    assert served.ask("/users/7").body == before
    broken.unlink()
    nights.publish(1)
    assert served.until(lambda health: health["status"] == "ok")["run_date"] == str(nights.day(1))
    assert "the night of 2026-01-10 is served on" in served.stop()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "there is no recommendations table"),
        (("--host", "0.0.0.0"), "--host 0.0.0.0 needs --allow-host NAME"),
        (("--port", "99999"), "cannot listen on 127.0.0.1, port 99999"),
        (("--host", "192.0.2.1"), "cannot listen on 192.0.2.1"),
    ],
)
def test_what_cannot_be_served_is_one_sentence(
    nights: Any, capsys: Any, arguments: tuple[str, ...], sentence: str
) -> None:
    from warehouse.__main__ import main

    if arguments:
        nights.publish(0)
    assert main(["serve", "--data", str(nights.layout.root), *arguments]) == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert said.count("\n") == 1
