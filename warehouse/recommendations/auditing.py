"""The audit of a staged night: what must hold before anybody may see it.

Notable: a night of 100M rows is audited in slices of users, so that no aggregate over the whole night has to fit in
memory; the slices come from the row groups' statistics and each reads only its own row groups. The comparison with the
night before looks at a sample of users chosen by a hash of their id, the same users every night.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from warehouse.recommendations.limits import CHECKS, TOP, Audit, AuditLimits, Check, Expected

SLICE_ROWS = 4_000_000  # rows audited at a time: about 300 MB of aggregates
SAMPLED_USERS = 50_000  # users compared with the night before


def audit(
    con: duckdb.DuckDBPyConnection,
    staged: Path,
    run_date: dt.date,
    expected: Expected,
    limits: AuditLimits,
    *,
    previous: dt.date | None = None,
    before: Sequence[str] = (),
) -> Audit:
    """Audit the staged file of one night against what was asked for and against the night before.

    ``staged``: parquet with the columns of ``table.STAGED_COLUMNS``, in order of user and rank; ``before``: the files
    of the night ``previous``.
    """
    figures = _whole(con, staged, expected)
    checks = [*_structure(figures, expected), *_distribution(con, staged, figures, limits, list(before))]
    return Audit(run_date, previous, int(figures["rows"]), int(figures["users"]), tuple(checks))


# The rows come in order of user and rank, so a row's neighbour above is the one before it in the file: no sort.
_SLICE = """
WITH part AS (
  SELECT *, lag(user_id) OVER () AS above_user, lag(rank) OVER () AS above_rank, lag(score) OVER () AS above_score
  FROM read_parquet($file) WHERE {bounds}),
per_row AS (
  SELECT count(*) AS rows,
    count(*) FILTER (WHERE rank <> CASE WHEN above_user = user_id THEN above_rank + 1 ELSE 1 END) AS broken_ranks,
    count(*) FILTER (WHERE above_user = user_id AND isfinite(score) AND score > above_score) AS out_of_order,
    count(*) FILTER (WHERE NOT isfinite(score) OR NOT isfinite(probability) OR probability NOT BETWEEN 0 AND 1)
      AS not_finite
  FROM part),
lists AS (
  SELECT user_id, count(*) AS n, count(DISTINCT item_id) AS items, max(context_length) AS context,
    bool_and(model = 'popularity') AS fallback
  FROM read_parquet($file) WHERE {bounds} GROUP BY user_id),
per_user AS (
  SELECT count(*) AS users, sum(n - items) AS duplicates, count(*) FILTER (WHERE fallback) AS fallback,
    count(*) FILTER (WHERE n > $n OR n < least($n, greatest($catalogue - context, 0))) AS wrong_length
  FROM lists),
per_item AS (
  SELECT count(*) AS unknown FROM read_parquet($file)
  WHERE $check_items AND {bounds} AND item_id NOT IN (SELECT item_id FROM allowed))
SELECT * FROM per_row, per_user, per_item
"""


def _whole(con: duckdb.DuckDBPyConnection, staged: Path, expected: Expected) -> dict[str, float]:
    """Sum the slices' figures over the night."""
    item_type = pq.read_schema(staged).field("item_id").type
    allowed = pa.chunked_array([], item_type) if expected.items is None else expected.items
    con.register("allowed_items", pa.table({"item_id": allowed}))
    con.execute("CREATE TEMP TABLE allowed AS SELECT DISTINCT item_id FROM allowed_items")
    catalogue = con.sql("SELECT count(*) FROM allowed").fetchall()[0][0]  # 0: not told, so a short list may be right
    total: dict[str, float] = {}
    for low, high in _slices(staged):
        bounds = {"user_id >= $low": low, "user_id < $high": high}
        kept = [text for text, value in bounds.items() if value is not None] or ["true"]
        parameters: dict[str, object] = {"file": [str(staged)], "n": expected.n, "catalogue": catalogue}
        parameters["check_items"] = expected.items is not None
        parameters |= {text.split("$")[1]: value for text, value in bounds.items() if value is not None}
        found = con.sql(_SLICE.replace("{bounds}", " AND ".join(kept)), params=parameters)
        for name, value in zip(found.columns, found.fetchall()[0], strict=True):
            total[name] = total.get(name, 0) + (value or 0)
    return total


def _slices(staged: Path) -> list[tuple[object, object]]:
    """Cut the file into half-open ranges of user_id of about SLICE_ROWS rows; one range when it is not sorted by
    user.
    """
    meta = pq.read_metadata(staged)
    groups = [meta.row_group(i) for i in range(meta.num_row_groups)]
    lows = [group.column(0).statistics.min for group in groups]
    cuts: list[object] = []
    rows = 0
    for low, group in zip(lows, groups, strict=True):
        if rows >= SLICE_ROWS and low != (cuts[-1] if cuts else lows[0]):
            cuts.append(low)
            rows = 0
        rows += group.num_rows
    return list(zip([None, *cuts], [*cuts, None], strict=True))


def _structure(found: dict[str, float], expected: Expected) -> list[Check]:
    """The checks that a night must pass by itself."""

    asked = found["users"] if expected.users is None else expected.users
    zero = ("wrong_length", "broken_ranks", "duplicates", "unknown", "not_finite", "out_of_order")
    return [
        _check("not_empty", found["rows"], "> 0", found["rows"] > 0),
        _check("every_user", found["users"], f"= {asked:.0f}", found["users"] == asked),
        *(_check(name, found[name], "0", found[name] == 0) for name in zero),
    ]


_SAMPLE = """
CREATE TEMP TABLE {name} AS SELECT user_id, item_id, rank, score, model
FROM read_parquet($files) WHERE hash(user_id) % $every = 0
"""
_COMPARE = """
WITH tops AS (SELECT user_id, item_id FROM tonight WHERE rank <= $top),
was AS (SELECT user_id, item_id FROM before WHERE rank <= $top),
shared AS (SELECT DISTINCT user_id FROM tops INTERSECT SELECT DISTINCT user_id FROM was)
SELECT
  (SELECT count(*) FROM tops SEMI JOIN was USING (user_id, item_id))
    / nullif((SELECT count(*) FROM tops SEMI JOIN shared USING (user_id)), 0),
  (SELECT avg(score::DOUBLE) FILTER (WHERE isfinite(score)) FROM tonight WHERE model <> 'popularity'),
  (SELECT avg(score::DOUBLE) FROM before WHERE model <> 'popularity'),
  (SELECT stddev_pop(score::DOUBLE) FROM before WHERE model <> 'popularity')
"""


def _distribution(
    con: duckdb.DuckDBPyConnection, staged: Path, found: dict[str, float], limits: AuditLimits, before: list[str]
) -> list[Check]:
    """The checks against the night before; on the first night only the fallback's share is known."""
    users = int(found["users"])
    share = found["fallback"] / users if users else None
    overlap, shift, drop = _against(con, staged, users, before) if before and users else (None, None, None)
    return [
        _limited("fallback_share", share, "<=", limits.max_fallback_share),
        _limited("overlap", overlap, ">=", limits.min_overlap),
        _limited("score_shift", shift, "<=", limits.max_score_shift),
        _limited("user_drop", drop, "<=", limits.max_user_drop),
    ]


def _against(
    con: duckdb.DuckDBPyConnection, staged: Path, users: int, before: list[str]
) -> tuple[float | None, float | None, float | None]:
    """Overlap, shift of the mean score in standard deviations, and share of users lost, against the night before."""
    count = "SELECT count(DISTINCT user_id) FROM read_parquet($files)"
    users_before = con.sql(count, params={"files": before}).fetchall()[0][0]
    every = max(1, users // SAMPLED_USERS)
    for name, files in (("tonight", [str(staged)]), ("before", before)):
        con.execute(_SAMPLE.replace("{name}", name), {"files": files, "every": every})
    overlap, mean, mean_before, spread = con.sql(_COMPARE, params={"top": TOP}).fetchall()[0]
    shift = None if mean is None or mean_before is None else abs(mean - mean_before) / max(spread or 0.0, 1e-6)
    drop = max(0.0, 1 - users / users_before) if users_before else None
    return overlap, shift, drop


def _limited(name: str, value: float | None, sign: str, limit: float | None) -> Check:
    """One figure against its limit; a figure that cannot be taken (no night before, no common user) passes."""
    if value is None or limit is None:
        return _check(name, value, "none", True)
    holds = math.isfinite(value) and (value <= limit if sign == "<=" else value >= limit)
    return _check(name, value, f"{sign} {limit:g}", holds)


def _check(name: str, value: float | None, limit: str, passed: bool) -> Check:
    return Check(name, bool(passed), value, limit, CHECKS[name])
