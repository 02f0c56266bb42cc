"""A mistake that a person can make ends a step with one sentence; any other exception keeps its traceback."""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg


@contextmanager
def as_failure() -> Iterator[None]:
    """Turn the libraries' ValueError and FileNotFoundError into a Dagster failure with their sentence.

    A second attempt would end in the same way, so the step is not tried again.
    """
    try:
        yield
    except (ValueError, FileNotFoundError) as error:
        raise dg.Failure(description=str(error), allow_retries=False) from error


def reason(event: dg.DagsterEvent) -> str:
    """Why a step failed, in one line: the sentence of its Failure, or the innermost error."""
    failed = event.step_failure_data
    if failed.user_failure_data and failed.user_failure_data.description:
        return " ".join(failed.user_failure_data.description.split())
    error = failed.error
    while error is not None and error.cause is not None:
        error = error.cause
    return error.message.strip().splitlines()[0] if error is not None and error.message.strip() else "no reason given"


def is_stated(event: dg.DagsterEvent) -> bool:
    """Whether a step failed by a Failure with a sentence, so that its stack trace says nothing more."""
    stated = event.step_failure_data.user_failure_data
    return stated is not None and bool(stated.description)
