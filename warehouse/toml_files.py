"""TOML files that people write, read with one sentence for whatever is wrong with them."""

import tomllib
from pathlib import Path
from typing import Any


def read_toml(path: Path, what: str = "") -> dict[str, Any]:
    """A file's tables and values.

    Args:
        path: where it is.
        what: how a sentence calls it before its path, such as "the mapping".

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: it is no TOML, or nested deeper than can be read.
    """
    named = f"{what} {path}".lstrip()
    if not path.is_file():
        raise FileNotFoundError(f"{named} does not exist, or is no file: check the path")
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except RecursionError:
        raise ValueError(f"{named} is nested too deep: write plain sections") from None
    except ValueError as error:  # that of tomllib, of a text that is no UTF-8, of a number of thousands of digits
        raise ValueError(f"{named} is not valid TOML: {error}") from error
