"""The look-up by HTTP, asked over a real socket: what it answers and refuses, and that it follows the newest night."""

import datetime as dt
import threading
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.warehouse.serve.server import PATIENCE, Answer, Server
from warehouse import recommendations as table


def titles(layout: Any, day: Any) -> None:
    path = layout.partition("items", day)
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({"item_id": list(range(40)), "title": [f"film {n}" for n in range(40)]}), path)


def one_night(nights: Any) -> Server:
    """A server over one night with titles for four fifths of the items."""
    titles(nights.layout, nights.day(0))
    nights.publish(0)
    return Server(nights.layout.root)


@pytest.fixture
def served(nights: Any) -> Iterator[Server]:
    """A server over a night of the test's own, which it may follow by others."""
    server = one_night(nights)
    yield server
    server.stop()


@pytest.fixture(scope="module")
def still(nights_below: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The nights of `reading`: tests only read them."""
    return nights_below(tmp_path_factory.mktemp("still") / "data")


@pytest.fixture(scope="module")
def reading(still: Any) -> Iterator[Server]:
    """A server that several tests ask."""
    server = one_night(still)
    yield server
    server.stop()


def test_a_users_list_is_that_of_for_user(still: Any, reading: Server) -> None:
    for n in (1, 3, 10):
        answer = reading.ask(f"/users/7?n={n}")
        assert answer.status == 200
        assert answer.body["items"] == table.for_user(still.layout, 7, n)
        assert (answer.body["user_id"], answer.body["run_date"]) == ("7", str(still.day(0)))
    assert {item["title"] for item in reading.ask("/users/7").body["items"]} - {None}
    version = table.latest(still.layout).version
    assert answer.headers["etag"] == f'"{version}"'
    assert reading.ask("/users/7", If_None_Match=f'"{version}"').status == 304
    assert reading.ask("/users/7", If_None_Match=f'"1x", W/"{version}"').status == 304
    assert reading.ask("/users/7", If_None_Match=f'"{version}9"').status == 200


def test_night_health_and_the_description(still: Any, reading: Server) -> None:
    found = table.latest(still.layout)
    night = reading.ask("/night").body
    assert (night["run_date"], night["version"], night["age_days"]) == (
        str(found.run_date),
        found.version,
        found.age_days,
    )
    assert (night["model_version"], night["mlflow_run_id"], night["rollback"]) == (7, "run7", None)
    again = reading.ask("/night", If_None_Match=f'"{found.version}"')
    assert (again.status, again.headers["etag"]) == (200, f'"{found.version}"'), "it grows older without a new version"
    health = reading.ask("/health").body
    assert (health["status"], health["trouble"], health["version"]) == ("ok", None, found.version)
    assert set(reading.ask("/openapi.json").body["paths"]) == {
        "/users/{user_id}", "/users/{user_id}/history", "/items", "/items/{item_id}/similar", "/night", "/health",
    }  # fmt: skip
    assert health["similar_items"] is None
    assert list(still.layout.scratch.rglob("*.arrow")) == [], "the night that was laid out is nobody's litter"
    assert "openapi.json" in reading.ask("/docs").body


def test_unknown_users_a_wrong_n_and_another_host_are_refused_with_a_sentence(still: Any, reading: Server) -> None:
    for user in ("999", "abc", "07", "+7", "7.0", "9" * 30, "-9223372036854775809", "٧", "7/8"):
        answer = reading.ask(f"/users/{quote(user)}")
        assert answer.status == 404
        assert answer.body["detail"].startswith(f"user {user} has no list in the night {still.day(0)}")
    for n in ("0", "-1", "10001", "ten", ""):
        answer = reading.ask(f"/users/7?n={n}")
        assert answer.status == 422
        assert answer.body["detail"].startswith(f"n is '{n}': Input should be")
    assert reading.ask("/users/7", Host="evil.example").status == 400
    assert reading.ask("/users/7", Host=f"localhost:{reading.port}").status == 200
    assert reading.address == "127.0.0.1"


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


def test_lists_are_served_with_the_titles_that_are_in_memory(nights: Any, served: Server) -> None:
    before = served.ask("/users/7").body
    items = nights.layout.partition("items", nights.day(0))
    for spoil in (items.unlink, lambda: items.write_bytes(b"no parquet")):
        spoil()
        assert served.ask("/users/7").body == before
        assert served.ask("/items?title=film%2011").body["items"] == [{"item_id": 11, "title": "film 11"}]


def similar_night(nights: Any, step: int) -> None:
    """Item i is like i + step, i + 2 step and i + 3 step (of 50)."""
    rows = [(item, rank, (item + rank * step) % 50, 1 - rank / 10) for item in range(50) for rank in (1, 2, 3)]
    columns = dict(zip(table.SIMILAR.staged.names, zip(*rows, strict=True), strict=True))
    types = {"rank": pa.int16(), "score": pa.float32()}
    batch = pa.record_batch({name: pa.array(values, types.get(name)) for name, values in columns.items()})
    limits = table.AuditLimits(min_overlap=None)
    facts, expected = table.NightFacts(7, "run7"), table.Expected(3, 50, pa.array(range(50)))
    path = nights.layout.similar_items
    table.publish(path, nights.day(0), [batch], facts, expected, limits)


def test_similar_items_come_and_are_followed(nights: Any, served: Server) -> None:
    answer = served.ask("/items/3/similar")
    assert (answer.status, answer.body["detail"]) == (404, "there is no night of similar items yet")
    assert "etag" not in answer.headers, "the first night of the other table may have that version too"
    for step in (1, 7):
        similar_night(nights, step)
        version = table.latest(nights.layout.similar_items).version
        end = time.monotonic() + PATIENCE
        while (answer := served.ask("/items/3/similar?n=2")).headers.get("etag") != f'"{version}"':
            assert time.monotonic() < end
            time.sleep(0.1)
        assert answer.body["items"] == table.for_item(nights.layout, 3, 2)
        assert [item["title"] for item in answer.body["items"]] == [f"film {3 + step}", f"film {3 + 2 * step}"]
        assert (answer.body["item_id"], answer.body["title"]) == ("3", "film 3")
    assert served.ask("/users/7?n=5").body["items"] == table.for_user(nights.layout, 7, 5)
    for item in ("99", "film", "03"):
        answer = served.ask(f"/items/{item}/similar")
        assert answer.status == 404
        assert answer.body["detail"].startswith(f"item {item} has no list in the night {nights.day(0)}")


def test_a_server_may_wait_for_the_first_night(nights: Any) -> None:
    server = Server(nights.layout.root, "--wait")
    try:
        assert server.said.startswith("lists, once there is a night,")
        answer = server.ask("/users/7")
        assert (answer.status, answer.body["detail"]) == (503, "there is no night yet: run one first")
        assert server.ask("/").status == 200
        nights.publish(0)
        end = time.monotonic() + PATIENCE
        while (answer := server.ask("/users/7?n=5")).status == 503:
            assert time.monotonic() < end
            time.sleep(0.1)
        assert answer.body["items"] == table.for_user(nights.layout, 7, 5)
    finally:
        assert server.stop() == ""


def test_titles_are_found_and_a_users_history_is_read(still: Any, reading: Server) -> None:
    found = reading.ask("/items?title=FILM%203&n=3").body["items"]
    assert found == [{"item_id": n, "title": f"film {n}"} for n in (3, 30, 31)]
    assert reading.ask("/items?title=.").body == {"items": []}, "a text, no pattern"
    assert reading.ask("/items?title=").status == 422
    answer = reading.ask("/users/7/history")
    assert (answer.status, answer.body["detail"]) == (404, "no event of user 7 is kept")
    times = [still.day(0) - dt.timedelta(days=2 - number) for number in range(4)]  # the last is after the night
    for number, day in enumerate(times):
        path = still.layout.partition("events", day)
        path.parent.mkdir(parents=True, exist_ok=True)
        at = pa.array([dt.datetime.combine(day, dt.time(12), dt.UTC)] * 2, pa.timestamp("us", "UTC"))
        pq.write_table(pa.table({"user_id": [7, 8], "item_id": [number, 9], "timestamp": at}), path)
    met = reading.ask("/users/7/history?n=2").body["items"]
    assert [(one["item_id"], one["title"]) for one in met] == [(2, "film 2"), (1, "film 1")]
    assert dt.datetime.fromisoformat(met[0]["timestamp"]) == dt.datetime.combine(still.day(0), dt.time(12), dt.UTC)
    path = still.layout.partition("events", still.day(0))
    path.write_bytes(b"no parquet")
    answer = reading.ask("/users/7/history")
    assert answer.status == 500
    assert answer.body["detail"].startswith("the events cannot be read: ")
    assert path.name in answer.body["detail"]


def test_the_page_loads_nothing_from_elsewhere_and_is_framed_by_nobody(reading: Server) -> None:
    answer = reading.ask("/")
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "http" not in answer.body.replace("http-equiv", "")


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
    free = ["--port", "0"]  # not the usual one: `make ui` may run beside the tests
    assert main(["serve", "--data", str(nights.layout.root), *free, *arguments]) == 2
    said = capsys.readouterr().err
    assert sentence in said
    assert said.count("\n") == 1
