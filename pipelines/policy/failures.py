"""What a person can cause ends a step with one sentence; anything else stays an exception with its traceback."""

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg


@contextmanager
def as_failure() -> Iterator[None]:
    """Turn the libraries' ValueError and FileNotFoundError into a Dagster failure with their sentence.

    Such an error stays on a second attempt, so the step is not tried again.
    """
    try:
        yield
    except (ValueError, FileNotFoundError) as error:
        raise dg.Failure(description=str(error), allow_retries=False) from error
