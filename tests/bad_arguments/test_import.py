"""Mappings and logs that `warehouse import` cannot use."""

import hashlib
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.bad_arguments.refusals import DEEP, DIGITS, LONG, MAPPING, all_refused

CSV = '[events]\nformat = "csv"\n'
Importing = Callable[..., list[str]]


@pytest.fixture
def importing(ground: Path, tmp_path: Path) -> Importing:
    """Makes the command that imports a log below `ground` by a mapping's text."""

    def of(text: str, path: str = "log.csv") -> list[str]:
        mapping = ground / f"m-{hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()}.toml"
        mapping.write_text(text)
        data = ["--data", str(tmp_path / "data"), "--quiet"]
        return ["import", "log", str(ground / path), "--mapping", str(mapping), *data]

    return of


def mapped_values(of: Importing) -> Iterator[list[str]]:
    """Each key of a mapping with values that it cannot have."""
    keys = ("user_id", "item_id", "timestamp", "sequence", "session_id", "event_type", "timestamp_unit", "time_zone",
            "timestamp_format", "user_id_type", "delimiter", "quote", "encoding", "files", "names")  # fmt: skip
    values = ("5", "1.5", "true", "[]", "[5]", "{}", "{a = 1}", "nan", '"' + LONG + '"', '""', DEEP, DIGITS)
    for key, value in product(keys, values):
        if (key, value) not in {("quote", '""'), ("names", "[]"), ("files", "[]")}:
            rest = "".join(line + "\n" for line in MAPPING.splitlines() if not line.startswith(f"{key} "))
            yield of(f"{CSV}{rest}{key} = {value}\n")
    items = '[items]\nformat = "csv"\nitem_id = "i"\n'
    for key, value in product(("features", "numbers", "title"), ("5", "true", "[5]", '[""]', "{}", '["i", "i"]', DEEP)):
        yield of(f"{CSV}{MAPPING}{items}{key} = {value}\n")
    yield of(f'{CSV}{MAPPING}{items}features = ["item_id"]\n')
    yield of(f'{CSV}{MAPPING}{items}features = ["u"]\nnumbers = ["u"]\n')


def mapped_files(of: Importing) -> Iterator[list[str]]:
    """Mappings that contradict themselves, and logs that cannot be read by theirs."""
    yield from (
        of(f'{CSV}user_id = "u"\nitem_id = "u"\ntimestamp = "t"\n'),
        of(f'{CSV}user_id = "u"\nitem_id = "i"\ntimestamp = "i"\n'),
        of(f'{CSV}{MAPPING}sequence = "t"\n'),
        of(f'{CSV}{MAPPING}files = ["../*"]\n', ""), of(f'{CSV}{MAPPING}files = ["/etc/*"]\n', ""),
        of(f"{CSV}{MAPPING}", "damaged.csv.gz"), of(f"{CSV}{MAPPING}", "cut.csv.gz"),
        of(f"{CSV}{MAPPING}", "zeros.csv.gz"),
        of(f"{CSV}{MAPPING}", "wide-head.csv"), of(f"{CSV}{MAPPING}", "empty.parquet"),
        of(f'[events]\nformat = "jsonl"\n{MAPPING}', "deep.jsonl"),
        of(f"[events]\n{MAPPING}", "cut.parquet"), of(f"[events]\n{MAPPING}", "t.parquet"), of(f"events = {DEEP}\n"),
        of("events = 5\n"), of("[[events]]\n"), of(f"[{LONG}]\n"), of(f"[events]\n{LONG} = 5\n"),
    )  # fmt: skip


def nested_columns(of: Importing, ground: Path) -> Iterator[list[str]]:
    """Logs and items with a needed column of a type that is none of an id or a time."""
    nested = {"list": pa.array([[1]]), "struct": pa.array([{"a": 1}]), "bool": pa.array([True]),
              "duration": pa.array([1], pa.duration("s"))}  # fmt: skip
    for (name, column), role in product(nested.items(), ("u", "i", "t", "sku")):
        folder = ground / f"nested-{name}-{role}"
        folder.mkdir()
        table: dict[str, Any] = {"u": [1], "i": [2], "t": ["2024-03-01"]}
        pq.write_table(pa.table({**table, role: column}), folder / "log.parquet")
        pq.write_table(pa.table({"sku": column}), folder / "items.parquet")
        items = '[items]\nfiles = ["items.parquet"]\nitem_id = "sku"\n' if role == "sku" else ""
        yield of(f'[events]\nfiles = ["log.parquet"]\n{MAPPING}{items}', folder.name)


def test_mappings_and_logs(ground: Path, importing: Importing, tmp_path: Path, capsys: Any) -> None:
    from warehouse.__main__ import main

    data = ["--data", str(tmp_path / "data"), "--quiet"]
    commands = [*mapped_values(importing), *mapped_files(importing), *nested_columns(importing, ground)]
    for name, item in {"big": "9" * 20, "digits": DIGITS, "text": "b"}.items():
        films = ground / f"films-{name}"
        films.mkdir()
        (films / "u.data").write_text(f"1\t{item}\t3\t881250949\n")
        (films / "u.item").write_text(f"{item}|T (1995)|01-Jan-1995||u|" + "|".join("0" * 18 + "1") + "\n")
        commands.append(["import", "movielens", str(films), *data])
    missing = ["m-none.toml", "deep.toml", "log.csv", "model", LONG, "t.parquet"]
    commands += [["import", "log", str(ground / "log.csv"), "--mapping", str(ground / name), *data] for name in missing]
    assert all_refused(main, commands, ground, tmp_path, capsys) > 100
