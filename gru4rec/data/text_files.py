"""CSV and TSV files with a header, plain or packed, as Arrow tables of text.

What a file is, its bytes say: parquet begins with its own mark, gzip and zstd too, and columns are separated by that of
tab, comma and semicolon which the header has most of outside quotes. A column of ids whose every field is a whole
number as one would write it becomes int64; any other stays text, so that 007 and 7 stay two ids.
"""

import codecs
import re
from collections.abc import Sequence
from csv import reader
from io import StringIO
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as csv

PACKED = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"\x50\x2a\x4d\x18": "zstd"}  # the last: of pzstd
SUFFIXES = (".csv", ".tsv", ".txt", ".dat", ".inter")
WHOLE = r"^(0|-?[1-9][0-9]{0,18})$"
QUOTED = r'(?<![^\t,;])"(?:[^"]|"")*"'  # a name that a quote begins may hold line ends and what separates names
LINE = re.compile(rf"(?:{QUOTED}|[^\n])*".encode())  # matches always
HEAD = 1 << 16  # bytes that a header is looked for in


def is_text(path: Path) -> bool:
    """Whether a file that is no parquet is called like text: one of SUFFIXES, packed or not."""
    if not path.is_file() or not any(suffix.lower() in SUFFIXES for suffix in path.suffixes[-2:]):
        return False
    with path.open("rb") as file:
        return file.read(4) != b"PAR1"


def header(path: Path) -> tuple[list[str], str]:
    """The names of the columns, and what separates them (tab, comma or semicolon).

    Raises:
        ValueError: the file is empty, or its first line is no UTF-8 text.
    """
    try:
        with _opened(path) as stream:
            head = stream.read(HEAD).removeprefix(codecs.BOM_UTF8)
        line = next(LINE.finditer(head))[0].decode().rstrip("\r")
    except (UnicodeDecodeError, pa.ArrowException, OSError) as error:
        raise ValueError(f"{path} cannot be read as text ({error}); write it again as UTF-8") from error
    if not line:
        raise ValueError(f"{path} is empty; write it again, with the names of its columns in the first line")
    if not re.sub(r"\t|\r?\n", "", line).isprintable():
        raise ValueError(f"{path} is no text; unpack it, or write it as UTF-8, plain or packed with gzip or zstd")
    bare = re.sub(QUOTED, "", line)
    delimiter = max((mark for mark in "\t,;" if mark in bare), key=bare.count, default=",")
    return next(reader(StringIO(line, newline=""), delimiter=delimiter)), delimiter


def read_text(
    path: Path, names: Sequence[str] | None = None, *, item: str = "", item_type: pa.DataType | None = None
) -> pa.Table:
    """Columns of a text file; an empty field is null.

    Args:
        path: the file.
        names: the columns to read, which are there. None reads all, and then those beside `item` that hold numbers are
            numbers, with a fraction too.
        item: the column of item ids.
        item_type: what they must be, where that is known: string keeps digits text.

    Raises:
        ValueError: the file cannot be read, has a column twice, or a line has more or fewer fields than the first.
    """
    there, delimiter = header(path)
    chosen = there if names is None else list(dict.fromkeys(names))
    if twice := [name for name in chosen if there.count(name) > 1]:
        raise ValueError(f"{path} has the column {twice[0]!r} {there.count(twice[0])} times; keep one of them")
    form = csv.ParseOptions(delimiter=delimiter, newlines_in_values=True)
    options = csv.ConvertOptions(
        column_types=dict.fromkeys(chosen, pa.string()),
        include_columns=chosen,
        strings_can_be_null=True,
        null_values=[""],
    )
    try:
        with _opened(path) as stream:
            table = csv.read_csv(stream, parse_options=form, convert_options=options)
    except (pa.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0]
        if "straddling" in reason:  # what Arrow says of a field that is longer than what it reads at a time
            reason = "a quote is left open, or a field is longer than a megabyte"
        raise ValueError(f"{path} cannot be read as text ({reason}); write it again") from error
    for place, name in enumerate(table.column_names):
        if name == item and item_type is not None and pa.types.is_string(item_type):
            continue
        table = table.set_column(place, name, _numbers(table[name], fractions=names is None and name != item))
    return table


def _numbers(column: pa.ChunkedArray, *, fractions: bool) -> pa.ChunkedArray:
    """A column of text as int64 where every value is a whole number as one would write it; else, if it may, as double.

    Text that is no such number, like 007 or one beyond 64 bits, keeps the column what it is.
    """
    try:
        if pc.all(pc.match_substring_regex(column, WHOLE)).as_py():
            return column.cast(pa.int64())
        return column.cast(pa.float64()) if fractions else column
    except pa.ArrowInvalid:
        return column


def _opened(path: Path) -> pa.NativeFile:
    """The file's unpacked bytes."""
    with path.open("rb") as file:
        start = file.read(4)
    packing = next((name for mark, name in PACKED.items() if start.startswith(mark)), None)
    return pa.input_stream(str(path), compression=packing)
