"""Arguments that several commands take."""

import argparse
import os
from datetime import date
from pathlib import Path

from warehouse.days import as_day


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
