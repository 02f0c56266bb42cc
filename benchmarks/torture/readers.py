"""What three readers see of a table: the package's own, DuckDB and polars, each as docs/recommendations.md has it."""

import datetime as dt
from pathlib import Path
from typing import Any

Rows = list[tuple[Any, ...]]
COLUMNS = ["user_id", "rank", "item_id"]


def seen(root: Path, day: str) -> dict[str, Rows | None]:
    """The rows of a night by reader; None where it shows no such night. Errors are the reader's own."""
    return {"package": package(root, day), "duckdb": duckdb(root, day), "polars": polars(root, day)}


def package(root: Path, day: str) -> Rows | None:
    """By `warehouse.recommendations`."""
    from warehouse import recommendations
    from warehouse.layout import Layout

    try:
        night = recommendations.night(Layout(root), dt.date.fromisoformat(day))
    except recommendations.NoNight:
        return None
    return list(zip(*night.to_arrow(COLUMNS).to_pydict().values(), strict=True))


def duckdb(root: Path, day: str) -> Rows | None:
    """By DuckDB over the files that the Delta log names."""
    import duckdb as engine
    from deltalake import DeltaTable

    table = root / "recommendations"
    if not DeltaTable.is_deltatable(str(table)):
        return None
    files = DeltaTable(table).file_uris(file_pruning_predicate=[("run_date", "=", day)])
    if not files:
        return None
    return engine.read_parquet(files).order("user_id, rank").select(*COLUMNS).fetchall()


def polars(root: Path, day: str) -> Rows | None:
    """By polars' own reader of Delta tables."""
    import polars as pl
    from deltalake import DeltaTable

    table = root / "recommendations"
    if not DeltaTable.is_deltatable(str(table)):
        return None
    found = pl.scan_delta(str(table)).filter(pl.col("run_date") == dt.date.fromisoformat(day))
    return found.sort("user_id", "rank").select(COLUMNS).collect().rows() or None
