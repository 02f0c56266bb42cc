"""Every type of ids from every tool, by every way in: the same sessions, or one sentence."""

import itertools
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from gru4rec.data.dataset import Dataset
from tests.tools import as_text, files, frames, id_columns

SESSIONS = [1, 1, 1, 2, 2, 2]
ITEMS = [3, 4, 5, 4, 3, 4]
TIMES = [10, 20, 30, 5, 15, 25]


def tried(frame: Any, **columns: Any) -> list[tuple[str, ...]] | str:
    """The sessions as text, or the sentence that refuses them."""
    try:
        data = Dataset.from_table(frame, **columns)
        assert data.held_out(frame).sessions.items.tolist() == data.sessions.items.tolist()
    except ValueError as error:
        return str(error)
    items = [str(item) for item in data.vocabulary.decode(data.sessions.items).to_pylist()]
    ends = data.sessions.offsets
    return [tuple(items[begin:end]) for begin, end in itertools.pairwise(ends)]


@pytest.mark.slow
@pytest.mark.parametrize("role", ["item_id", "session_id"])
def test_the_same_ids_from_every_type_and_tool(role: str, tmp_path: Path) -> None:
    counts: Counter[str] = Counter()
    for name, column in id_columns(ITEMS if role == "item_id" else SESSIONS).items():
        table = pa.table({"session_id": SESSIONS, "item_id": ITEMS, "timestamp": TIMES})
        table = table.set_column(table.column_names.index(role), role, column)
        wanted = [(3, 4, 5), (4, 3, 4)] if role == "session_id" else None
        ids = as_text(column)
        if wanted is None and ids is not None:
            wanted = [tuple(ids[3:]), tuple(ids[:3])]
        sessions = None if ids is None else {tuple(map(str, session)) for session in wanted}
        for tool, frame in (*frames(table), *files(table, tmp_path / f"{role} {name}")):
            found = tried(frame)
            counts["read" if isinstance(found, list) else "refused"] += 1
            if isinstance(found, str):
                assert sessions is None or (name, tool) in UNKEPT, (name, tool, found)
                assert len(found) < 500
                assert "\n" not in found
            else:
                assert set(found) == sessions, (name, tool)
    print(f"{role}: {counts.total()} tried, {dict(counts)}")
    assert counts["read"] > 250
    assert counts["refused"] > 40


# What a tool itself has lost, and must be said: these keep UUIDs as bytes of any length.
UNKEPT = {("uuid bytes", "duckdb"), *((name, tool) for name in ("uuid", "uuid bytes") for tool in ("pandas", "polars"))}
