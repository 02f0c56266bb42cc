"""A mistake that a person can make ends a step with one sentence; any other exception keeps its traceback."""

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from pipelines.policy.stopping import stopping_soon

# What a person put in the wrong place, or took the rights of: a folder where a file is expected, and the reverse.
WRONG_PLACE = {
    errno.EISDIR: "is a folder where a file is expected",
    errno.ENOTDIR: "lies below a file, where a folder is expected",
    errno.EEXIST: "is in the way, and no folder",
    errno.ENOTEMPTY: "is a folder with something in it where a file is expected",
    errno.EACCES: "may not be read or written by this user",
    errno.EPERM: "may not be changed by this user",
    errno.EROFS: "lies on a disk that may not be written",
}


FULL_DISK = re.compile(r".*(no space left on device|disk is full|disk quota exceeded).*", re.IGNORECASE)
FULL = "the disk is full: free some space and run again"
STOPS_LISTS = "stops_lists"  # metadata of a Failure of a step before the lists: the lists would fail by it too


@contextmanager
def as_failure() -> Iterator[None]:
    """Turn the libraries' ValueError and FileNotFoundError into a Dagster failure with their sentence.

    So are a full disk, whoever met it, a file system's refusals that a person can mend, and what MLflow refuses.

    A second attempt would end in the same way, so the step is not tried again. What runs here stops soon where its run
    is told to.
    """
    try:
        with stopping_soon():
            yield
    except dg.Failure:
        raise
    except Exception as error:
        if full := _full_disk(error):
            said = f"{FULL}; no table was left half written ({full})"
            said = str(error) if isinstance(error, ValueError) else said  # a sentence of ours
            raise dg.Failure(description=said, metadata={STOPS_LISTS: True}, allow_retries=False) from error
        if (told := sentence(error)) is None:
            raise
        raise dg.Failure(description=told, allow_retries=False) from error


def _full_disk(error: BaseException | None) -> str | None:
    """The line in which an error, or one that stands behind it, says that a disk is full; None where none does."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return _first_line(error)
        if said := FULL_DISK.search(str(error)):
            return said[0].strip()
        error = error.__cause__ or error.__context__
    return None


def sentence(error: Exception) -> str | None:
    """What a person is told of an error; None where it is a fault of the program."""
    if isinstance(error, ValueError | FileNotFoundError):
        if type(error).__module__.startswith("pyarrow"):  # it names no file
            return f"a file is damaged ({_first_line(error)}): `python -m pipelines check` names it and says what to do"
        return str(error)
    if isinstance(error, OSError) and error.errno in WRONG_PLACE and error.filename is not None:
        return f"{error.filename} {WRONG_PLACE[error.errno]}: put that right and run again"
    if type(error).__module__.startswith("mlflow."):
        return f"MLflow refused: {_first_line(error)}"
    return None


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def reason(event: dg.DagsterEvent) -> str:
    """Why a step failed, in one line: the sentence of its Failure, that it was interrupted, or the innermost error."""
    failed = event.step_failure_data
    if failed.user_failure_data and failed.user_failure_data.description:
        return " ".join(failed.user_failure_data.description.split())
    error = failed.error
    while error is not None:
        if error.cls_name == dg.DagsterExecutionInterruptedError.__name__:  # whatever foreign code made of it before
            return "interrupted"
        if error.cause is None:
            break
        error = error.cause
    return error.message.strip().splitlines()[0] if error is not None and error.message.strip() else "no reason given"


def stops_lists(event: dg.DagsterEvent) -> bool:
    """Whether a step failed by what the lists need as well, so that no champion could make them."""
    stated = event.step_failure_data.user_failure_data
    return stated is not None and STOPS_LISTS in stated.metadata


def is_stated(event: dg.DagsterEvent) -> bool:
    """Whether a step failed by a Failure with a sentence, so that its stack trace says nothing more."""
    stated = event.step_failure_data.user_failure_data
    return stated is not None and bool(stated.description)
