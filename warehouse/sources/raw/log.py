"""The files of a log: found, checked for their columns, and defined as a view with the columns of a raw table."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from warehouse.engine.errors import DataError
from warehouse.engine.parquet_files import schema_of
from warehouse.engine.protocol import Database, FileColumn
from warehouse.engine.statements import statement
from warehouse.engine.text_files import TextForm, require


@dataclass(frozen=True)
class LogFiles:
    """Some files of a log, all of one shape, and how they are read.

    Args:
        files: what is read.
        columns: a raw table's column -> where it comes from.
        form: how text files are written; None for parquet.
        name: of the parquet files that will hold the rows.
        through: a statement that makes the log from a view `lines` of those columns; "" where the lines are the log.
        names: the columns that `through` gives.
    """

    files: tuple[Path, ...]
    columns: Mapping[str, FileColumn]
    form: TextForm | None = None
    name: str = "part"
    through: str = ""
    names: tuple[str, ...] = ()


def define_log(db: Database, log: LogFiles) -> None:
    """Define the view `log`; FileNotFoundError for a missing file, DataError for a missing column."""
    require_columns(log)
    db.view("lines" if log.through else "log", list(log.files), log.columns, form=log.form)
    if log.through:
        db.define("log", statement(log.through))


def require_columns(log: LogFiles) -> None:
    """FileNotFoundError for a missing file; DataError where one lacks a column, or text files differ in theirs."""
    if not log.files:
        raise FileNotFoundError("no file to import was found: check the path")
    needed = tuple(source.column for source in log.columns.values() if source.read != "constant")
    if log.form is None:
        for path in log.files:
            if not path.exists():
                raise FileNotFoundError(f"{path} does not exist: check the path")
            names = schema_of(path).names
            missing = [name for name in needed if name not in names]
            if missing:
                raise DataError(f"{path} has no column {', '.join(map(repr, missing))} (it has {', '.join(names)})")
    else:
        shapes = {tuple(require(path, log.form, needed)): path for path in log.files}
        if len(shapes) > 1:
            one, other = list(shapes.values())[:2]
            raise DataError(f"{one} and {other} have different columns: import them one by one")


def files_in(path: Path, *patterns: str) -> tuple[Path, ...]:
    """`path` itself if it is a file, else the files in the folder that fit a pattern, by name.

    Raises:
        FileNotFoundError: there is no such file.
    """
    if path.is_file():
        return (path,)
    found = sorted({file for pattern in patterns for file in path.glob(pattern) if file.is_file()})
    if not found:
        what = "does not exist" if not path.exists() else f"holds no file like {' or '.join(patterns)}"
        raise FileNotFoundError(f"{path} {what}: check the path")
    return tuple(found)
