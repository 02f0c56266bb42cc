"""`gru4rec split`: a file of events as two, the newest sessions in the second."""

import argparse
import json
import re
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from gru4rec.cli.console import columns_of, say
from gru4rec.cli.files import require_columns
from gru4rec.cli.paths import check_new_file
from gru4rec.config.sentences import shown
from gru4rec.data.dataset import Dataset
from gru4rec.data.frames import ColumnNames
from gru4rec.data.ids import as_keys
from gru4rec.data.table_files import TableFile
from gru4rec.storage.files import whole_file, write_parquet

DAYS = re.compile(r"([1-9][0-9]{0,4})d")
SHARE = re.compile(r"0?\.[0-9]{1,9}")


def split_command(arguments: argparse.Namespace) -> None:
    """Write both files, or none; what went where is one JSON line."""
    last = last_part(arguments.last)
    outs = arguments.out_train, arguments.out_test
    _check_outs(*outs)
    columns = columns_of(arguments)
    file = TableFile.open(arguments.events, needed=columns.of_events)
    require_columns(file, columns.of_events)
    events = file.read(file.names, item=columns.item)
    try:
        train, test = split(events, columns, last)
    except ValueError as error:
        raise ValueError(f"{arguments.events}: {error}") from error
    write_both(outs, (train, test))
    short = events.num_rows - train.num_rows - test.num_rows
    figures: dict[str, int | str] = {}
    for part, table, path in (("train", train, arguments.out_train), ("test", test, arguments.out_test)):
        sessions = pc.count_distinct(table[columns.session[0]]).as_py()
        say(f"{part}: {sessions} sessions, {table.num_rows} events, written to {path}")
        figures |= {f"{part}_sessions": sessions, f"{part}_events": table.num_rows}
    say(f"{short} sessions of one event are left out: there is nothing to predict in them")
    print(json.dumps({**figures, "short_sessions": short}), flush=True)


def last_part(text: str) -> float | timedelta:
    """What `--last` holds out: `7d` the last seven days, `0.1` the newest tenth of the sessions; else ValueError."""
    if days := DAYS.fullmatch(text):
        return timedelta(days=int(days[1]))
    if SHARE.fullmatch(text) and float(text) > 0:
        return float(text)
    raise ValueError(f"--last {shown(text)} is neither days, such as 7d, nor a share of the sessions, such as 0.1")


def split(events: pa.Table, columns: ColumnNames, last: float | timedelta) -> tuple[pa.Table, pa.Table]:
    """The rows of the older and of the newest sessions as `Dataset.split` divides them, in their order.

    Sessions of one event are in neither. A table has whatever further columns the events have.

    Raises:
        ValueError: what `Dataset.from_table` and `Dataset.split` raise; days are asked for, but times are numbers.
    """
    session = columns.session[0]
    data = Dataset.from_table(events, session=session, item=columns.item, time=columns.clocks)
    kind = data.sessions.time_type
    if isinstance(last, timedelta) and (kind is None or not pa.types.is_timestamp(kind)):
        raise ValueError(
            f"the times in {columns.time} are numbers without a unit, so {last.days} days cannot be told; "
            "give a share of the sessions, such as --last 0.1"
        )
    early, late = data.split(last=last)
    assert late.source is not None  # which still has what the older sessions do not know
    keys, parts = as_keys(events[session]), []
    for sessions in (early.sessions, late.source.sessions):
        assert sessions.keys is not None
        parts.append(events.filter(pc.is_in(keys, value_set=sessions.keys[session])))
    return parts[0], parts[1]


def write_both(paths: tuple[Path, Path], tables: tuple[pa.Table, pa.Table]) -> None:
    """Write two files, which must not be there yet; where one cannot be written, neither is there afterwards."""
    try:
        with whole_file(paths[0]) as first, whole_file(paths[1]) as second:
            for beside, table in zip((first, second), tables, strict=True):
                write_parquet(beside, table.schema, table.to_batches())
    except BaseException:
        for path in paths:
            path.unlink(missing_ok=True)
        raise


def _check_outs(train: Path, test: Path) -> None:
    for path, flag in ((train, "--out-train"), (test, "--out-test")):
        check_new_file(path, flag)
    if train.resolve() == test.resolve():
        raise ValueError(f"--out-train and --out-test both name {train}; give two names")
