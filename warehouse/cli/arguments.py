"""Arguments that several commands take."""

import argparse
import math
import os
import re
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from warehouse.days import as_day
from warehouse.sentences import brief, shown

if TYPE_CHECKING:
    from warehouse.recommendations import Night

WHOLE = re.compile(r"-?[0-9]{1,18}")
ID = re.compile(r"-?[0-9]{1,19}")
UNKNOWN = 1  # exit status where nothing is known of the user or item that was asked for; a wrong argument is 2


class Parser(argparse.ArgumentParser):
    """A parser whose error is one sentence, without the usage in front of it."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong with the arguments, and leave with exit status 2."""
        self.exit(2, f"{brief(f'{self.prog}: {message}')} (see {self.prog} --help)\n")


def add_data_folder(parser: argparse.ArgumentParser, what: str) -> None:
    """Add `--data`; `what` says what the folder is to the command."""
    parser.add_argument(
        "--data",
        metavar="FOLDER",
        type=Path,
        default=Path(os.environ.get("GRU4REC_DATA") or "data"),
        help=f"{what} (default: $GRU4REC_DATA, else data)",
    )


def day(text: str) -> date:
    """The type of an argument that is a day."""
    try:
        return as_day(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def whole(low: int, high: int) -> Callable[[str], int]:
    """The type of an argument that is a whole number from `low` to `high`."""

    def read(text: str) -> int:
        if not WHOLE.fullmatch(text) or not low <= int(text) <= high:
            raise argparse.ArgumentTypeError(
                f"{shown(text)} is not a whole number of at least {low} and at most {high}"
            )
        return int(text)

    return read


def share(text: str) -> float:
    """The type of an argument that is a share, from 0 to below 1."""
    try:
        found = float(text)
    except ValueError:
        found = math.nan
    if not 0 <= found < 1:
        raise argparse.ArgumentTypeError(f"{shown(text)} is not a share, from 0 to below 1")
    return found


def id_of(night: "Night", column: str, text: str, option: str) -> int | str:
    """An id as the night's column has it: the shell knows only text.

    Raises:
        ValueError: the column holds integers, and the option's text is none.
    """
    if str(night.schema.field(column).type) == "string":
        return text
    if not ID.fullmatch(text) or not -(2**63) <= int(text) < 2**63:
        what = column.replace("_id", " ids")
        raise ValueError(f"{option} {shown(text)} is not a number, but the {what} of {night.path} are integers")
    return int(text)
