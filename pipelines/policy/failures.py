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
