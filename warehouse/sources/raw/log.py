"""The files of a log: found, checked for their columns, and defined as a view with the columns of a raw table."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from warehouse.engine.errors import DataError
from warehouse.engine.parquet_files import NUMBERS, TEXTS, UNREAD_TIME, kind, plain_type, refuse_twins, schema_of
from warehouse.engine.protocol import FileColumn, LocalDatabase
from warehouse.engine.statements import statement
from warehouse.engine.text_files import JsonLines, TextForm, refuse_nested, require, require_fields
from warehouse.sentences import shown

ID_COLUMNS = ("user_id", "item_id")
IDS = (*NUMBERS, *TEXTS, "null")  # kinds of columns that can hold ids
_WHOLE = ("int", "uint", "null")  # how Arrow's types of whole numbers begin, which the engine reads together exactly
_OF_64_BITS = ("int", "uint8", "uint16", "uint32", "float", "double", "halffloat", "null")
TIMES = (*NUMBERS, "timestamp", "date", "string", "null")  # and times


@dataclass(frozen=True)
class LogFiles:
    """Some files of a log, all of one shape, and how they are read.

    Args:
        files: what is read.
        columns: a raw table's column -> where it comes from.
        form: how text files are written; None for parquet.
        name: of the parquet files that will hold the rows.
        through: a statement that makes the log, with `timestamp_unread`, from a view `lines` of those columns; "" where
            the lines are the log.
        names: the columns that `through` gives.
    """

    files: tuple[Path, ...]
    columns: Mapping[str, FileColumn]
    form: TextForm | None = None
    name: str = "part"
    through: str = ""
    names: tuple[str, ...] = ()


def define_log(db: LocalDatabase, log: LogFiles) -> tuple[str, ...]:
    """Define the view `log`, with what stands for each time as text; returns what `left_as_text` says.

    Raises:
        FileNotFoundError: a file is missing.
        DataError: a column is missing.
    """
    require_columns(log)
    asked = one_by_one(log)
    text = left_as_text(db, asked)
    columns = {name: replace(c, read="id text") if name in text else c for name, c in asked.columns.items()}
    if not log.through:
        columns[UNREAD_TIME] = FileColumn(columns["timestamp"].column, "id text")
    db.view("lines" if log.through else "log", list(log.files), columns, form=form_of(log))
    if log.through:
        db.define("log", statement(log.through))
    return text


def view_log(db: LocalDatabase, name: str, log: LogFiles) -> None:
    """Name the rows of a log as they are read, in the order of its files.

    Raises:
        FileNotFoundError: a file is missing.
        DataError: a column is missing.
    """
    require_columns(log)
    db.view(name, list(log.files), one_by_one(log).columns, form=form_of(log))


@contextmanager
def naming_files(log: LogFiles) -> Iterator[None]:
    """Where the engine does not say which file it cannot read, say which it may be."""
    try:
        yield
    except DataError as error:
        said = str(error)
        if "cannot be read" not in said or any(str(path) in said for path in log.files):
            raise
        first, last = log.files[0], log.files[-1]
        which = f"{first}" if first == last else f"one of the {len(log.files)} files from {first} to {last}"
        raise DataError(f"{which}: {said}") from error


def one_by_one(log: LogFiles) -> LogFiles:
    """The log with ids, and what orders them, read as what they are where each parquet file has a type of its own.

    Read together as they are, whole numbers of one file would be rounded to the floats of another. UUIDs that are kept
    as sixteen bytes would lose that they are some.
    """
    if log.form is not None:
        return log
    columns = dict(log.columns)
    for name in (*ID_COLUMNS, "session_id", "sequence"):
        source = columns.get(name)
        if source is not None and source.read == "as is":
            types = {str(plain_type(schema_of(path).field(source.column).type)) for path in log.files}
            if types == {"fixed_size_binary[16]"}:
                columns[name] = replace(source, read="id text")
            elif len(types) > 1 and not all(one.startswith(_WHOLE) for one in types):
                numbers = all(one.startswith(_OF_64_BITS) for one in types)
                columns[name] = replace(source, read="int64" if numbers and name in ID_COLUMNS else "id text")
    return replace(log, columns=columns)


def left_as_text(db: LocalDatabase, log: LogFiles) -> tuple[str, ...]:
    """The id columns that should be whole numbers and hold other text, which is therefore kept as it was found.

    Rows with such an id are rejected later, by the step that makes the events, with their text.
    """
    wanted = tuple(name for name in ID_COLUMNS if not log.through and _wants_numbers(log.columns.get(name)))
    if not wanted:
        return ()
    found = {f"{name}_found": replace(log.columns[name], read="id text") for name in wanted}
    numbers = {name: log.columns[name] for name in wanted}
    missing = {name: None for other in ID_COLUMNS if other not in wanted for name in (other, f"{other}_found")}
    db.view("ids", list(log.files), {**numbers, **found, **missing}, form=form_of(log))
    counts = dict(zip(ID_COLUMNS, db.rows(statement("log_ids"))[0], strict=True))
    return tuple(name for name in wanted if counts[name])


def _wants_numbers(column: FileColumn | None) -> bool:
    return column is not None and column.read == "int64"


def require_columns(log: LogFiles) -> None:
    """FileNotFoundError for a missing file; DataError where one lacks a column, or all JSON lines lack it."""
    if not log.files:
        raise FileNotFoundError("no file to import was found: check the path")
    needed = tuple(source.column for source in log.columns.values() if source.read != "constant")
    if log.form is None:
        for path in log.files:
            if not path.exists():
                raise FileNotFoundError(f"{path} does not exist: check the path")
            schema = schema_of(path)
            missing = [name for name in needed if name not in schema.names]
            if missing:
                there = ", ".join(map(shown, schema.names[:20]))
                raise DataError(f"{path} has no column {', '.join(map(shown, missing))} (it has {there})")
            refuse_twins(path, schema, needed)
            for role, kinds in {**dict.fromkeys(ID_COLUMNS, IDS), "timestamp": TIMES}.items():
                source = log.columns.get(role)
                if source is None or source.read == "constant":
                    continue
                found = kind(schema.field(source.column).type)
                if found not in kinds:
                    raise DataError(f"column {shown(source.column)} of {path} is {found[:80]}: no {role} can be that")
                if role == "timestamp" and found in NUMBERS and not (source.unit or source.form):
                    raise DataError(
                        f"column {shown(source.column)} of {path} is a number: name its timestamp_unit (s, ms, us or "
                        f"ns, since 1970) in the mapping"
                    )
    elif isinstance(log.form, JsonLines):
        require_fields(log.files, log.form, needed)
        refuse_nested(log.files, log.form, [name for name in needed if name in _places(log)])
    else:
        for path in log.files:
            require(path, log.form, needed)


def form_of(log: LogFiles) -> TextForm | None:
    """How the text files of a log are read: of JSON lines every id is one number or text."""
    if not isinstance(log.form, JsonLines):
        return log.form
    ids = {log.columns[role].column for role in (*ID_COLUMNS, "session_id") if role in log.columns}
    return replace(log.form, single=tuple(sorted(ids)))


def _places(log: LogFiles) -> set[str]:
    """The files' columns of ids and times, which are one value each."""
    return {log.columns[role].column for role in (*ID_COLUMNS, "session_id", "timestamp") if role in log.columns}
