"""The same ids in every form that tools write, into the warehouse: themselves, or one sentence.

Row for row the ids as text; None where a row is refused alone, with its text kept.
"""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.tools import fields_of, files, text_files, texts
from tests.ways_in.way import DAY, HALVES, MAPPING, NUMBERS, TOO_WIDE, UNKEPT, Ids, Warehouse, Way, forms, is_whole
from warehouse.steps.contexts.shelf import shelf
from warehouse.steps.items.ingest import ingest_items


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    return Warehouse(tmp_path)


def kept(name: str, tool: str, column: pa.Array) -> Ids:
    """The ids of a form as text; none where a tool's files do not keep them."""
    return texts(column) if (name, tool) not in UNKEPT else [None] * len(NUMBERS)


@pytest.mark.parametrize("which", HALVES)
def test_raw_days(warehouse: Warehouse, tmp_path: Path, which: str) -> None:
    way = Way("raw days")
    for name, column, table in forms(which, "raw days"):
        for tool, path in files(table, tmp_path / name):
            expected = kept(name, tool, column)
            warehouse.day(path)
            whole = None in expected or name == TOO_WIDE
            way.judge((name, tool), expected, warehouse.ids, may_refuse=whole)
    way.end()


@pytest.mark.parametrize("which", HALVES)
def test_imports_of_parquet(warehouse: Warehouse, tmp_path: Path, which: str) -> None:
    way = Way("imports of parquet")
    for name, column, table in forms(which, "imports of parquet"):
        for tool, path in files(table, tmp_path / name):
            expected = kept(name, tool, column)

            def read(path: Path = path) -> Ids:
                warehouse.imported(path, MAPPING)
                return warehouse.ids()

            way.judge((name, tool), expected, read, may_refuse=None in expected or name == TOO_WIDE)
    way.end()


@pytest.mark.parametrize("which", HALVES)
def test_imports_of_text(warehouse: Warehouse, tmp_path: Path, which: str) -> None:
    way = Way("imports of text")
    for name, _, table in forms(which, "imports of text"):
        for tool, path in text_files(table, tmp_path / name):
            form = "jsonl" if ".jsonl" in path.name else "csv"
            mapping = MAPPING + f'format = "{form}"\n' + ('delimiter = "\\t"\n' if path.suffix == ".tsv" else "")
            if path.name == "pandas.jsonl":
                mapping += 'timestamp_unit = "ms"\n'
            written = fields_of(path, "user_id")
            for kind in ("", "int64"):
                typed = "".join(f'{role}_type = "{kind}"\n' for role in ("user_id", "item_id") if kind)
                expected = [field if field is not None and (not kind or is_whole(field)) else None for field in written]

                def read(path: Path = path, mapping: str = mapping + typed) -> Ids:
                    warehouse.imported(path, mapping)
                    return warehouse.ids()

                nested = name in ("lists", "structs")
                way.judge((name, tool, kind), expected, read, may_refuse=nested)
    way.end()


@pytest.mark.parametrize("which", HALVES)
def test_the_catalogue_and_lists(warehouse: Warehouse, tmp_path: Path, which: str) -> None:
    """The items of a night, and the ids of an allow and a deny file beside them."""
    way = Way("catalogue, allow and deny")
    layout = warehouse.layout
    layout.raw_items.mkdir(parents=True)
    for name, column, table in forms(which, "lists"):
        ids = texts(column)
        for tool, path in files(table.select(["user_id", "item_id", "timestamp"]), tmp_path / name):
            expected: Ids = ids if (name, tool) not in UNKEPT else [None] * len(NUMBERS)
            warehouse.day(path)
            (layout.raw_items / "items.parquet").write_bytes(path.read_bytes())
            (layout.root / "list.parquet").write_bytes(path.read_bytes())

            def items() -> Ids:
                warehouse.rows()
                ingest_items(layout, DAY)
                found = pq.read_table(layout.partition("items", DAY))["item_id"].to_pylist()
                return sorted(map(str, found))

            def listed() -> Ids:
                found = shelf(warehouse.engine, layout, DAY, allow="list.parquet", deny="list.parquet")
                assert found.allow == found.deny
                return sorted(map(str, found.allow.to_pylist()))

            distinct = sorted({text for text in expected if text is not None})
            may_refuse = None in expected or name == TOO_WIDE
            way.judge((name, tool, "items"), distinct, items, may_refuse=may_refuse)
            if layout.partition("items", DAY).is_file() and not may_refuse:
                way.judge((name, tool, "list"), distinct, listed, may_refuse=False)
    way.end()
