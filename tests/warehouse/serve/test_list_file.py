"""A night laid out gives the lists that a look-up in its parquet files gives, however these are cut and ordered."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from warehouse.recommendations.kinds import RECOMMENDED, SIMILAR
from warehouse.recommendations.reading.lookup import Lookup
from warehouse.serve.list_file import ListFile, write_lists


@settings(max_examples=15, deadline=None)
@given(
    text=st.booleans(), group=st.integers(1, 60), size=st.integers(1, 90), shuffled=st.booleans(), n=st.integers(1, 7)
)  # fmt: skip
def test_a_list_is_that_of_the_parquet_files(tmp_path_factory, a_night, text, group, size, shuffled, n):
    folder = tmp_path_factory.mktemp("night")
    popular = ["popularity" if user % 3 == 0 else "GRU4Rec" for user in a_night["user_id"].to_pylist()]
    rows = a_night.set_column(5, "model", pa.array(popular))
    if text:
        for place, name in ((0, "user_id"), (2, "item_id")):
            rows = rows.set_column(place, name, rows[name].cast(pa.string()))
        rows = rows.sort_by([("user_id", "ascending"), ("rank", "ascending")])
    rows = rows.take(pa.array([(i * 37) % 150 for i in range(150)])) if shuffled else rows
    files = []
    for start in range(0, 150, size):
        files.append(str(folder / f"{start:03d}.parquet"))
        pq.write_table(rows.slice(start, size), files[-1], row_group_size=group)
    lookup = Lookup(files)
    to = folder / "lists-0.arrow"
    lists = ListFile(to, write_lists(files, RECOMMENDED, to))
    assert sorted(path.suffix for path in folder.iterdir() if path.is_file()) == [".parquet"] * len(files)
    for user in range(30):
        owner = str(user) if text else user
        assert lists.best(owner, n) == lookup.best(owner, n)
        assert len(lists.best(owner, n)) == min(n, 5)
    for stranger in ("", "zz", "5x") if text else (-1, 99, 2**62):
        assert lists.best(stranger, n) == []
    lookup.close()


def test_lists_of_items_have_no_model(tmp_path: Path) -> None:
    rows = pa.table({"item_id": [1, 1, 2], "rank": pa.array([1, 2, 1], pa.int16()), "similar_item_id": [2, 3, 1],
                     "score": pa.array([0.5, 0.25, 0.5], pa.float32())})  # fmt: skip
    pq.write_table(rows, tmp_path / "night.parquet")
    lists = ListFile(
        tmp_path / "lists-0.arrow",
        write_lists([str(tmp_path / "night.parquet")], SIMILAR, tmp_path / "lists-0.arrow"),
    )
    assert lists.best(1, 9) == [(2, 0.5), (3, 0.25)]
    assert lists.best(3, 9) == []


def test_what_was_begun_in_vain_is_removed(tmp_path: Path) -> None:
    (tmp_path / "night.parquet").write_text("no parquet")
    with pytest.raises(ValueError, match="magic bytes"):
        write_lists([str(tmp_path / "night.parquet")], RECOMMENDED, tmp_path / "lists-0.arrow")
    assert [path.name for path in tmp_path.iterdir()] == ["night.parquet"]
