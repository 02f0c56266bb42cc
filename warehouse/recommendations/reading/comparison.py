"""Two nights side by side: how much of what users see changed, and how much of the catalogue they see."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa

from warehouse.engine.duckdb_engine import DuckDBEngine
from warehouse.engine.errors import DataError, engine_sentences
from warehouse.recommendations.errors import RecommendationsError
from warehouse.recommendations.kinds import RECOMMENDED
from warehouse.recommendations.reading.asked import require_kind
from warehouse.recommendations.reading.snapshots import Night, night
from warehouse.recommendations.reading.titles import items_file
from warehouse.recommendations.table import MEMORY_LIMIT, HasRecommendations, table_path
from warehouse.tables import COMPARISON
from warehouse.values import whole

# hive_partitioning: a folder above the table that is called user_id=9 is no value of the column.
_TOP = """
CREATE TEMP TABLE {name} AS SELECT user_id, item_id, rank, model
FROM read_parquet($files, hive_partitioning = false) WHERE rank <= $k
"""
_CATALOGUE = "SELECT count(DISTINCT item_id) FROM read_parquet($files, hive_partitioning = false)"
_FIGURES = """
WITH users_a AS (SELECT user_id, count(*) AS n, bool_and(model = 'popularity') AS fallback FROM a GROUP BY user_id),
users_b AS (SELECT user_id, count(*) AS n, bool_and(model = 'popularity') AS fallback FROM b GROUP BY user_id),
stayed AS (SELECT user_id, count(*) AS n FROM a JOIN b USING (user_id, item_id) GROUP BY user_id),
per_user AS (
  SELECT coalesce(s.n, 0) / users_a.n AS overlap, 1 - coalesce(s.n, 0) / users_b.n AS churn
  FROM users_a JOIN users_b USING (user_id) LEFT JOIN stayed s USING (user_id)),
firsts AS (
  SELECT a.item_id = b.item_id AS same FROM a JOIN b USING (user_id) WHERE a.rank = 1 AND b.rank = 1)
SELECT (SELECT count(*) FROM users_a) AS users_a, (SELECT count(*) FROM users_b) AS users_b,
  (SELECT count(*) FROM per_user) AS users_both, (SELECT avg(overlap) FROM per_user) AS overlap,
  (SELECT avg(churn) FROM per_user) AS churn, (SELECT avg(same::INTEGER) FROM firsts) AS same_first,
  (SELECT count(DISTINCT item_id) FROM a) AS items_a, (SELECT count(DISTINCT item_id) FROM b) AS items_b,
  (SELECT count(*) FROM (SELECT item_id FROM a INTERSECT SELECT item_id FROM b)) AS items_both,
  (SELECT avg(fallback::INTEGER) FROM users_a) AS fallback_a, (SELECT avg(fallback::INTEGER) FROM users_b) AS fallback_b
"""


def compare(
    where: HasRecommendations | str | Path, date_a: dt.date, date_b: dt.date, ks: Sequence[int] = (10,)
) -> pa.Table:
    """One row for each k in `ks` that compares the top k of two nights (columns: `tables.COMPARISON`).

    `overlap`, `churn` and `same_first` are taken over users who have a list in both nights, the other figures
    over each night by itself.

    Raises:
        NoNight: one of them is not there.
        RecommendationsError: one of them cannot be read.
        DataError: the items cannot be read.
    """
    nights = (night(where, date_a), night(where, date_b))
    for found in nights:
        require_kind(found, RECOMMENDED)
    scratch = table_path(where).parent / ".scratch"
    return pa.Table.from_pylist([_figures(nights, k, scratch) for k in ks], schema=COMPARISON.schema())


def _figures(nights: tuple[Night, Night], k: int, scratch: Path) -> dict[str, object]:
    whole("k", k, 1, 32_767)
    a, b = nights
    with DuckDBEngine(MEMORY_LIMIT).connect(scratch) as con:
        for name, found in zip("ab", nights, strict=True):
            with _sentences(found):
                con.execute(_TOP.replace("{name}", name), {"files": list(found.files), "k": k})
        relation = con.sql(_FIGURES)
        row = dict(zip(relation.columns, relation.fetchall()[0], strict=True))
        for name, found in zip("ab", nights, strict=True):
            items = items_file(found.path, found.run_date)
            with engine_sentences():
                catalogue = items and con.sql(_CATALOGUE, params={"files": [str(items)]}).fetchall()[0][0]
            row[f"coverage_{name}"] = row[f"items_{name}"] / catalogue if catalogue else None
    return {"date_a": a.run_date, "date_b": b.run_date, "k": k, **row}


@contextmanager
def _sentences(found: Night) -> Iterator[None]:
    """Name the night of which a file cannot be read; the engine does not say which file it was."""
    try:
        with engine_sentences():
            yield
    except DataError as error:
        raise RecommendationsError(
            f"the night {found.run_date} in {found.path} cannot be read: see `warehouse recommendations verify`, then "
            f"publish the night again or roll back ({error})"
        ) from error
