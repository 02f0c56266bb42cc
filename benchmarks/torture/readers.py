"""What three readers see of a table: the package's own, DuckDB and polars, each as docs/recommendations.md has it."""

import datetime as dt
import json
import os
from pathlib import Path
from typing import Any

Rows = list[tuple[Any, ...]]
COLUMNS = ["user_id", "rank", "item_id"]


class ReaderFailed(Exception):
    """A reader could not read the table; the message is its error."""


def seen(root: Path, day: str) -> dict[str, Rows | None]:
    """The rows of a night by reader; None where it shows no such night.

    They read in a process of their own, for nights are forked from this one, and a fork must not find their threads.

    Raises:
        ReaderFailed: one of them could not read the table.
    """
    answer, write = os.pipe()
    process = os.fork()
    if process == 0:
        os.close(answer)
        _answer(root, day, write)
    os.close(write)
    with open(answer, encoding="utf-8") as pipe:
        said = pipe.read()
    os.waitpid(process, 0)
    if not said.startswith("{"):
        raise ReaderFailed(said or "the readers said nothing")
    return {name: None if rows is None else [tuple(row) for row in rows] for name, rows in json.loads(said).items()}


def _answer(root: Path, day: str, write: int) -> None:
    """Read, write the rows or the error into the pipe, and leave without the parent's endings."""
    try:
        said = json.dumps({reader.__name__: reader(root, day) for reader in (package, duckdb, polars)})
    except BaseException as error:
        said = f"{type(error).__name__}: {error}"
    with open(write, "w", encoding="utf-8") as pipe:
        pipe.write(said)
    os._exit(0)


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
