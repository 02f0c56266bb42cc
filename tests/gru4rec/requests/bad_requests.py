"""Requests that no model can answer, made by kind: each a content type and a body."""

import json
from itertools import product
from typing import NamedTuple

JSON = "application/json"


class Bad(NamedTuple):
    """A request and what is wrong with it."""

    what: str
    kind: str
    body: bytes


NO_IDS = [
    5, -1, 2**64, 10**400, 1.5, 1e308, "5", "", "ü" * 5000, True, {}, {"a": 1}, {"items": [1]},
    [None], [True], [1.5], [float("nan")], [float("inf")], [1e300], [2.0**53], [[1]], [[[1]]], [{"a": 1}], [{}],
    ["a"], [""], ["1"], [1, "a"], [1, None], [1, 1.5], [1, [2]], [2**63], [-(2**63) - 1], [2**64], [10**30],
    [1, 10**400], ["x" * 100_000], list(range(10_001)),
    ["7", 7], [7, "7"], [True, 5], [5, False], ["a", None], [1, 2**63 + 11], [-(2**64)], [float("-inf")],
    [1, float("nan")], [2.0**53 + 2, 1], [1, {"a": 1}], ["\ud800"], ["a", "\udfff"], ["\u0000"], ["１"],
]  # fmt: skip
NO_N = [
    0,
    -1,
    1001,
    2**31,
    2**63,
    2**64,
    10**400,
    1.5,
    1e308,
    float("inf"),
    "5",
    "many",
    True,
    False,
    [],
    [5],
    {},
    {"n": 5},
]
NO_ROWS = [None, 5, 1.5, "x", True, [], {}, [5], ["x"], [[1, 2]], [None], [{}], [{"items": [1]}, 5], [{"n": 5}]]
NO_BODIES = {
    "nothing": b"",
    "blanks": b"   ",
    "a word": b"hello",
    "cut": b'{"inputs": [{"items": [1, 2',
    "two objects": b"{}{}",
    "a comment": b'{"inputs": [] /* none */}',
    "latin-1": '{"inputs": [{"items": ["é"]}]}'.encode("latin-1"),
    "zero bytes": bytes(1000),
    "gzip": b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xab\x56",
    "nested 50 deep": b'{"inputs": ' + b"[" * 50 + b"]" * 50 + b"}",
    "nested 1,000 deep": b'{"inputs": ' + b"[" * 1000 + b"]" * 1000 + b"}",
    "nested 100,000 deep": b"[" * 100_000,
    "objects 900 deep": b'{"inputs":' * 900 + b"1" + b"}" * 900,
    "a number of 5,000 digits": b'{"inputs": [{"items": [' + b"9" * 5000 + b"]}]}",
    "a key of 100,000 letters": b'{"' + b"k" * 100_000 + b'": 1}',
    "a field of 100,000 letters": b'{"inputs": [{"items": [1], "' + b"k" * 100_000 + b'": 1}]}',
    "1,000 unknown fields": json.dumps({"inputs": [{"items": [1], **{f"f{i}": i for i in range(1000)}}]}).encode(),
    "9 MB": b'{"inputs": [{"items": [' + b"1," * 4_500_000 + b"1]}]}",
    "two forms": b'{"inputs": [{"items": [1]}], "dataframe_records": [{"items": [1]}]}',
    "an unknown form": b'{"rows": [{"items": [1]}]}',
    "instances": b'{"instances": [{"items": [1, 2]}]}',
    "a form for language models": b'{"messages": [{"role": "user", "content": "hello"}]}',
    "too many rows": json.dumps({"inputs": [{"items": [1]}] * 1001}).encode(),
    "too many answers": json.dumps({"inputs": [{"items": [1], "n": 1000}] * 21}).encode(),
    "split of too many rows": json.dumps({"dataframe_split": {"columns": ["items"], "data": [[[1]]] * 1001}}).encode(),
    "split without data": b'{"dataframe_split": {"columns": ["items"]}}',
    "split with other columns": b'{"dataframe_split": {"columns": ["items", "n"], "data": [[[1]]]}}',
    "split with another key": b'{"dataframe_split": {"columns": ["items"], "data": [[[1]]], "more": 1}}',
    "rows twice": b'{"inputs": [{"items": [1]}], "inputs": [{"items": [2]}]}',
    "items twice": b'{"inputs": [{"items": [1], "n": 2, "items": [2]}]}',
    "a column twice": b'{"dataframe_split": {"columns": ["items", "items"], "data": [[[1], [2]]]}}',
    "parameters": b'{"inputs": [{"items": [1]}], "params": {"n": 5}}',
    "parameters of another kind": b'{"dataframe_split": {"columns": ["items"], "data": [[[1]]]}, "params": 5}',
    "a list for the request": b'[{"items": [1]}]',
    "a matrix": b'{"inputs": [[1, 2]]}',
    "columns of lists": b'{"inputs": {"items": [[1]]}}',
    "records by column": b'{"dataframe_records": {"items": {"0": [1]}}}',
    "bytes in base64": b'{"inputs": [{"items": {"b64": "MQ=="}}]}',
    "a key of other letters": b'{"inputs": [{"Items": [1]}]}',
    "numbers of other bases": b'{"inputs": [{"items": [0x1F, 017]}]}',
    "a line separator": b'{"inputs": [{"items": [1]}]}\xe2\x80\xa8',
    "split of no columns": b'{"dataframe_split": {"data": [[[1]]]}}',
}
NO_KINDS = [
    "",
    "text/plain",
    "application/xml",
    "json",
    "application/json; charset=latin-1",
    "application/json; a=b",
    "x" * 5000,
]


def bad_requests() -> list[Bad]:
    """Some 250 of them, for a model whose ids are integers."""
    bad = [Bad(what, JSON, body) for what, body in NO_BODIES.items()]
    good = b'{"inputs": [{"items": [1]}]}'
    bad += [Bad(f"content type {kind[:40]!r}", kind, good) for kind in NO_KINDS]
    bad += [
        Bad(f"CSV {text!r}", "text/csv", text) for text in (b"", b"items\n5\n", b"a,b\n1\n2,3,4\n", b"\xff\xfe\x00")
    ]
    bad += [
        Bad(f"parquet {text!r}", "application/x-parquet", text)
        for text in (b"", b"PAR1", b"PAR1" + bytes(50) + b"PAR1")
    ]
    forms = ("dataframe_records", "inputs")
    bad += [_of(f"{form} is {rows!r}", {form: rows}) for form, rows in product(forms, NO_ROWS) if rows != []]
    for name, values in {"items": NO_IDS, "exclude": NO_IDS, "n": NO_N}.items():
        for number, value in enumerate(values):
            row = {"items": [1, 2], name: value}
            what = f"{name} {number}: {str(value)[:60] if not isinstance(value, int) else value.bit_length()}"
            bad += [_of(f"{form} with {what}", {form: [{"items": [3]}, row]}) for form in forms]
            bad.append(
                _of(f"split with {what}", {"dataframe_split": {"columns": list(row), "data": [list(row.values())]}})
            )
    return bad


def _of(what: str, body: object) -> Bad:
    return Bad(what, JSON, json.dumps(body).encode())
