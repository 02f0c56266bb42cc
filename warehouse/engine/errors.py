"""What goes wrong with data, disks and engines, said in a sentence."""

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager


class DataError(ValueError):
    """Something about the data or the disk that a person can mend; the message is the sentence to show."""


class StatementRefused(Exception):
    """The engine cannot make sense of a statement: it is no SQL, names what is not there, or reckons too far.

    The fault is the program's, unless somebody outside wrote a part of the statement.
    """


_REPLACE = "put the file back from a copy, or remove it and make it again"
_INTERRUPTED = "Query interrupted"  # DuckDB's words where a handler of a signal raised
_DISK_FULL = "the disk is full: free some space and run again; nothing was changed"


@contextmanager
def disk_sentences() -> Iterator[None]:
    """Turn a full disk, met while writing without an engine, into a DataError."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EFBIG, errno.EDQUOT):
            raise DataError(f"{_DISK_FULL} ({_first_line(error)})") from error
        raise


@contextmanager
def engine_sentences() -> Iterator[None]:
    """Turn errors that a person can mend into DataError, and a statement without sense into StatementRefused.

    A signal that asks the process to stop is an interruption again: the engine, which hears it, makes a plain error
    of it. Other errors of the engine stay what they are.
    """
    import duckdb

    try:
        yield
    except duckdb.OutOfMemoryException as error:
        raise DataError(
            f"the step needs more memory or more spill space than it was given: raise memory_limit, lower threads, or "
            f"free space in temp_directory; nothing was changed ({_first_line(error)})"
        ) from error
    except duckdb.IOException as error:
        raise DataError(_broken_file(error)) from error
    except RuntimeError as error:
        if str(error) == _INTERRUPTED:
            raise KeyboardInterrupt from error
        raise
    except OSError as error:
        if error.errno is not None:
            raise
        raise DataError(
            _broken_file(error)
        ) from error  # no number: the engine's own error, raised while its rows were streamed
    except (duckdb.InvalidInputException, duckdb.ConversionException, duckdb.SerializationException) as error:
        raise DataError(_unreadable(error)) from error
    except (
        duckdb.ParserException,
        duckdb.BinderException,
        duckdb.CatalogException,
        duckdb.OutOfRangeException,
    ) as error:
        raise StatementRefused(str(error)) from error
    except duckdb.Error as error:
        if type(error) is not duckdb.Error:  # damaged pages raise the base class; its subclasses are faults of ours
            raise
        raise DataError(f"a file is damaged: {_REPLACE}; nothing was changed ({_first_line(error)})") from error


def _broken_file(error: Exception) -> str:
    """What is wrong with a file that is read or written."""
    text = _first_line(error)
    if re.search(r"no space|file too large|disk quota|not enough space", text, re.IGNORECASE):
        return f"{_DISK_FULL} ({text})"
    return f"a file cannot be read or written: {_REPLACE}; nothing was changed ({text})"


def _unreadable(error: Exception) -> str:
    """What is wrong with the data, with the file and the line where the engine tells them."""
    text = str(error)
    if json := re.search(r'JSON.* in file "(.+)", (?:at byte \d+ )?in line (\d+): (.*)', text):
        file, line, cause = json.groups()  # the engine counts no empty lines, and one too many now and then
        said = f"{file} cannot be read near line {line}: {cause[:150].rstrip(' .')}"
        return f"{said}; deliver the file again; nothing was changed"
    if long := re.search(r'"maximum_object_size" of (\d+) bytes exceeded while reading file "(.+)" \(', text):
        return f"{long[2]} has a line of more than {int(long[1]):,} bytes: deliver it again; nothing was changed"
    if re.search(r"cast column|when casting from source column", text):
        return (
            f"a column has types in its files that do not go together: convert one of them; nothing was changed "
            f"({_first_line(error)})"
        )
    number = re.search(r"CSV Error on Line: (\d+)", text)
    path = re.search(r"^\s+file = (.+)$", text, re.MULTILINE)
    if "CSV Parser state machine" in text:
        return (
            "it cannot be read: its lines end in LF and in CR LF alike; write them all in one way; nothing was changed"
        )
    if not number or not path:
        return f"the data cannot be read: {_REPLACE}; nothing was changed ({_first_line(error)})"
    cause = re.search(
        r"^(Value with unterminated quote|Expected Number of Columns|Invalid unicode).*$", text, re.MULTILINE
    )
    told = cause.group(0).rstrip(".") if cause else "it is not as its format says"
    return (
        f"line {number.group(1)} of {path.group(1)} cannot be read: {told}; check the delimiter, the quotes and the "
        f"encoding, or deliver the file again; nothing was changed"
    )


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
