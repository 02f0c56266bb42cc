"""One user's rows are found in whatever order they lie."""

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given, settings
from hypothesis import strategies as st

from warehouse.recommendations.reading.lookup import Lookup


@settings(max_examples=12, deadline=None)
@given(
    text=st.booleans(), group=st.integers(1, 60), size=st.integers(1, 90), shuffled=st.booleans(), n=st.integers(1, 7)
)  # fmt: skip
def test_a_lookup_finds_what_is_there_in_whatever_order_it_lies(
    tmp_path_factory, a_night, text, group, size, shuffled, n
):
    """Files of other writers too: any cut into row groups and files, rows in any order."""
    folder = tmp_path_factory.mktemp("night")
    rows = a_night.take(pa.array([(i * 37) % 150 for i in range(150)])) if shuffled else a_night
    if text:
        rows = rows.set_column(0, "user_id", rows["user_id"].cast(pa.string()))
    files = []
    for start in range(0, 150, size):
        files.append(str(folder / f"{start}.parquet"))
        pq.write_table(rows.slice(start, size), files[-1], row_group_size=group, write_statistics=start % 4 != 0)
    lookup = Lookup(files)
    for user in (0, 7, 29):
        listed = [row for row in a_night.to_pylist() if row["user_id"] == user and row["rank"] <= n]
        found = lookup.best(str(user) if text else user, n)
        assert found == [(row["item_id"], row["score"], row["model"]) for row in listed]
    assert lookup.best("zz" if text else 99, n) == []
    lookup.close()
