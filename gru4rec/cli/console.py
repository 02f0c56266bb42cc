"""What the shell's commands share: notes on standard error, and the arguments that several of them have."""

import argparse
import sys

import torch

from gru4rec.data.frames import ColumnNames


def say(note: str) -> None:
    """One line of progress, on standard error."""
    print(note, file=sys.stderr, flush=True)


def set_threads(threads: int) -> None:
    """Let torch have so many CPU threads from now on."""
    torch.set_num_threads(threads)


def columns_of(arguments: argparse.Namespace) -> ColumnNames:
    """The column names that the arguments give."""
    weight = getattr(arguments, "weight_column", None)  # of `fit` alone
    return ColumnNames(
        (arguments.session_column,), arguments.item_column, arguments.time_column, weight, arguments.sequence_column
    )
