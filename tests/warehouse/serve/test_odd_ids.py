"""Ids of any text, asked for by HTTP."""

import datetime as dt
from typing import Any
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq

from tests.warehouse.serve.server import Server
from warehouse import recommendations as table


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


def test_an_id_that_ends_like_a_path_of_ours_is_an_id(nights: Any) -> None:
    names = ["a", "a/history", "a\nb", "%2F", "/", ".."]
    rows = nights.rows(range(len(names)))
    rows = rows.set_column(0, "user_id", pa.array([name for name in names for _ in range(5)]))
    nights.publish(0, rows.sort_by([("user_id", "ascending"), ("rank", "ascending")]))
    path = nights.layout.partition("events", nights.day(0))
    path.parent.mkdir()
    at = pa.array([dt.datetime.combine(nights.day(0), dt.time(12), dt.UTC)] * len(names), pa.timestamp("us", "UTC"))
    pq.write_table(pa.table({"user_id": names, "item_id": list(range(len(names))), "timestamp": at}), path)
    server = Server(nights.layout.root)
    try:
        for place, name in enumerate(names):
            answer = server.ask(f"/users/{quote(name, safe='')}?n=5")
            assert (answer.body["user_id"], answer.body["items"]) == (name, table.for_user(nights.layout, name, 5))
            met = server.ask(f"/users/{quote(name, safe='')}/history").body
            assert (met["user_id"], [one["item_id"] for one in met["items"]]) == (name, [place])
    finally:
        server.stop()
