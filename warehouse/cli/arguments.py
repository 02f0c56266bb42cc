"""Arguments that several commands take."""

import argparse
import os
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from warehouse.days import as_day

if TYPE_CHECKING:
    from warehouse.recommendations import Night


def add_data_folder(parser: argparse.ArgumentParser, what: str) -> None:
    """Add `--data`; `what` says what the folder is to the command."""
    parser.add_argument(
        "--data",
        metavar="FOLDER",
        type=Path,
        default=Path(os.environ.get("GRU4REC_DATA", "data")),
        help=f"{what} (default: $GRU4REC_DATA, else data)",
    )


def day(text: str) -> date:
    """The type of an argument that is a day."""
    try:
        return as_day(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def id_of(night: "Night", column: str, text: str, option: str) -> int | str:
    """An id as the night's column has it: the shell knows only text.

    Raises:
        ValueError: the column holds integers, and the option's text is none.
    """
    if str(night.schema.field(column).type) == "string":
        return text
    try:
        return int(text)
    except ValueError:
        what = column.replace("_id", " ids")
        raise ValueError(f"{option} {text!r} is not a number, but the {what} of {night.path} are integers") from None
