"""What DuckDB makes of a column whose parquet statistics do not say all: they leave NaN out."""

from math import inf, isnan, nan

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from warehouse.engine.protocol import FileColumn


@pytest.mark.parametrize("kind", [pa.float64(), pa.float32(), pa.float16()], ids=str)
@pytest.mark.parametrize(
    "values",
    [
        [3, 3, nan],
        [3, 4, nan],
        [0, -0.0, nan],
        [nan],
        [nan, None],
        [3, None, nan],
        [inf, inf, nan],
        [-inf, 3, inf, nan],
    ],
    ids=str,
)
def test_a_nan_is_null_whatever_else_the_column_holds(engine, tmp_path, values, kind):
    """Where the other values are all one, DuckDB knows a comparison of their text beforehand, too."""
    column = pa.array(values, pa.float64()).cast(kind)
    pq.write_table(pa.table({"a": column, "n": range(len(values))}), tmp_path / "a.parquet")
    with engine.open() as db:
        db.view("v", [tmp_path / "a.parquet"], {"n": FileColumn("n", "id"), "missing": FileColumn("a", "is null")})
        found = [row[0] for row in db.rows("SELECT missing FROM v ORDER BY n NULLS LAST")]
        kept = [row[0] for row in db.rows("SELECT n FROM v WHERE NOT missing ORDER BY n NULLS LAST")]
    assert found == [value is None or isnan(value) for value in values]
    assert kept == [n for n, missing in enumerate(found) if not missing]
