"""`gru4rec split | fit | evaluate | recommend | presets`: the library from the shell, for a researcher with a log.

Progress and notes go to standard error; the last line on standard output of `split`, `fit` and `evaluate` is one JSON
object. A mistake that a person can make is one sentence on standard error and exit code 2.
"""

import argparse
import os
import re
import select
import sys
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, NoReturn

from gru4rec.config.sentences import brief, shown

VALIDATION_HELP = (
    "events to measure after each epoch and to calibrate the probabilities on; they stop the training early only with "
    "--set patience=N, and choose the best epoch only with --set keep=best"
)
WHOLE = re.compile(r"-?[0-9]{1,18}")
TIE_RULES = ("standard", "conservative", "median")


class _Parser(argparse.ArgumentParser):
    """A parser whose error is one sentence, without the usage in front of it."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{brief(f'{self.prog}: {message}')} (see {self.prog} --help)\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code (0 done, 2 a mistake in what was asked, 130 interrupted)."""
    arguments = build_parser().parse_args(argv)
    try:
        if arguments.command == "fit" and int(os.environ.get("WORLD_SIZE", "1")) > 1 and "RANK" in os.environ:
            from gru4rec.training.processes import torchrun

            with torchrun.joined() as leads:
                if leads:
                    _run(arguments)
            return 0
        _run(arguments)
        sys.stdout.flush()
    except (ValueError, OSError) as error:
        if isinstance(error, BrokenPipeError) and _is_unread():  # as after `| head`: nothing is left to say
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 0
        print(f"gru4rec {arguments.command}: {_sentence(error)}", file=sys.stderr)
        return 2
    except (RuntimeError, MemoryError) as error:
        if not _for_want_of_memory(error):
            raise
        print(f"gru4rec {arguments.command}: memory does not suffice for what was asked: take less", file=sys.stderr)
        return 2
    except KeyboardInterrupt as interrupt:
        print(f"gru4rec {arguments.command}: interrupted: {str(interrupt) or 'nothing was written'}", file=sys.stderr)
        return 130
    return 0


def _is_unread() -> bool:
    """Whether standard output is a pipe without a reader, which is an error that `poll` tells unasked."""
    look = select.poll()
    look.register(sys.stdout.fileno(), 0)
    return bool(look.poll(0))


def _run(arguments: argparse.Namespace) -> None:
    # imported once the arguments are known to be good: torch takes seconds
    from gru4rec.cli.evaluate import evaluate_command
    from gru4rec.cli.fit import fit_command
    from gru4rec.cli.presets import presets_command
    from gru4rec.cli.recommend import recommend_command
    from gru4rec.cli.split import split_command

    commands = {
        "split": split_command,
        "fit": fit_command,
        "evaluate": evaluate_command,
        "recommend": recommend_command,
        "presets": presets_command,
    }
    commands[arguments.command](arguments)


def _version() -> str:
    try:
        return metadata.version("gru4rec-nightly")
    except metadata.PackageNotFoundError:
        return "not installed: this is a folder of its source"


def _sentence(error: ValueError | OSError) -> str:
    """An error's own text on one line; of the system's, the file and the reason."""
    text = str(error)
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        text = f"{error.filename}: {error.strerror}"
    return brief(text)


def _for_want_of_memory(error: RuntimeError | MemoryError) -> bool:
    """Whether memory ran out: numpy's error of it is Python's own, torch's tells it in words alone."""
    return isinstance(error, MemoryError) or "memory" in str(error)


def build_parser() -> argparse.ArgumentParser:
    """The commands and their arguments."""
    parser = _Parser(prog="gru4rec", description="GRU4Rec: session-based recommendations.")
    parser.add_argument("--version", action="version", version=f"gru4rec-nightly {_version()}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_split(commands)
    _add_fit(commands)
    _add_evaluate(commands)
    _add_recommend(commands)
    commands.add_parser("presets", help="list the presets and their parameters")
    return parser


def _add_split(commands: Any) -> None:
    split = commands.add_parser("split", help="leave the newest sessions of a log out, to measure on; writes two files")
    split.add_argument("events", type=Path, metavar="EVENTS.parquet")
    split.add_argument(
        "--last",
        required=True,
        metavar="7d|0.1",
        help="what is left out: sessions that begin in the last days, or the newest share of them",
    )
    split.add_argument("--out-train", type=Path, required=True, metavar="A.parquet", help="the other sessions")
    split.add_argument("--out-test", type=Path, required=True, metavar="B.parquet", help="what is left out")
    _add_columns(split)


def _add_fit(commands: Any) -> None:
    fit = commands.add_parser("fit", help="train a model; prints its figures as JSON")
    fit.add_argument("train", type=Path, metavar="TRAIN.parquet", help="training events")
    fit.add_argument("--validation", type=Path, metavar="V.parquet", help=VALIDATION_HELP)
    fit.add_argument("--test", type=Path, metavar="T.parquet", help="events that the figures are measured on")
    source = fit.add_mutually_exclusive_group()
    source.add_argument("--preset", default="auto", metavar="NAME", help="see `gru4rec presets` (default: auto)")
    source.add_argument(
        "--config",
        type=Path,
        metavar="FILE.json",
        help="a configuration instead of a preset: a file of settings, or an older model's checkpoint.json",
    )
    fit.add_argument(
        "--set", action="extend", nargs="+", default=[], metavar="KEY=VALUE", help="change settings; may repeat"
    )
    fit.add_argument("--model-dir", type=Path, required=True, metavar="DIR", help="where the model is written")
    fit.add_argument("--resume", action="store_true", help="go on from the last whole epoch found in the model folder")
    fit.add_argument(
        "--overwrite",
        action="store_true",
        help="replace the model that is there once the new one is whole (with --resume: go on with the replacement)",
    )
    fit.add_argument("--warm-start", type=Path, metavar="DIR", help="start from the weights of this older model")
    fit.add_argument("--seed", type=_whole(0, 2**31 - 101), metavar="S", help="seed of weights, negatives and dropout")
    fit.add_argument(
        "--items", type=Path, metavar="I.parquet", help="items and their features, for --set selected_features=[COLUMN]"
    )
    fit.add_argument(
        "--processes",
        type=_whole(1, 1024),
        default=1,
        metavar="N",
        help="make the updates with N processes of this machine (pays for very many lanes; or use torchrun)",
    )
    fit.add_argument("--weight-column", metavar="NAME", help="how much each training event counts in the loss")
    _add_common(fit)
    _add_columns(fit)


def _add_evaluate(commands: Any) -> None:
    evaluate = commands.add_parser("evaluate", help="measure a model on held-out events; prints its figures as JSON")
    evaluate.add_argument("model_dir", type=Path, metavar="MODEL_DIR")
    evaluate.add_argument("test", type=Path, metavar="TEST.parquet")
    evaluate.add_argument("--tie-rule", choices=TIE_RULES, help="how equal scores rank (default: the model's own)")
    evaluate.add_argument(
        "--bootstrap", type=_whole(0, 100_000), default=1000, metavar="B", help="replicates of intervals (0: none)"
    )
    evaluate.add_argument(
        "--out", type=Path, metavar="TABLE.parquet", help="write all figures, by segment, to this new file"
    )
    evaluate.add_argument(
        "--baselines",
        metavar="NAME,NAME",
        help="measure these beside the model: popularity, markov, sequential-rules, v-sknn, vstan (needs --train)",
    )
    evaluate.add_argument("--train", type=Path, metavar="TRAIN.parquet", help="the events that baselines learn from")
    evaluate.add_argument("--seed", type=_whole(0, 2**31 - 1), default=0, metavar="S", help="seed of the bootstrap")
    _add_common(evaluate)
    _add_columns(evaluate)


def _add_recommend(commands: Any) -> None:
    recommend = commands.add_parser("recommend", help="what comes next, for one list of items or a file of sessions")
    recommend.add_argument("model_dir", type=Path, metavar="MODEL_DIR")
    source = recommend.add_mutually_exclusive_group(required=True)
    source.add_argument("--items", metavar="A,B,C", help="item ids, oldest first")
    source.add_argument("--sessions", type=Path, metavar="S.parquet", help="events; one list a session (needs --out)")
    recommend.add_argument("--out", type=Path, metavar="R.parquet", help="the new file of the lists of --sessions")
    recommend.add_argument("-n", type=int, default=20, metavar="N", help="length of a list (default: 20)")
    recommend.add_argument("--exclude", default="", metavar="A,B", help="item ids that must not be recommended")
    recommend.add_argument("--allow", metavar="A,B", help="the only item ids that may be recommended")
    recommend.add_argument("--titles", type=Path, metavar="I.parquet", help="items with a column title, for --items")
    recommend.add_argument("--with-seen", action="store_true", help="let the items of the session itself stand")
    _add_common(recommend)
    _add_columns(recommend)


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--device", default="auto", metavar="DEVICE", help="auto, cpu, cuda, cuda:1 (default: auto)")
    default = "as many as pay and are free"
    parser.add_argument("--threads", type=_whole(1, 1024), metavar="N", help=f"CPU threads (default: {default})")


def _add_columns(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--session-column", default="session_id", metavar="NAME")
    parser.add_argument("--item-column", default="item_id", metavar="NAME")
    parser.add_argument(
        "--time-column",
        default="timestamp",
        metavar="NAME",
        help="timestamps, ISO text, or numbers that order",
    )
    parser.add_argument(
        "--sequence-column", metavar="NAME", help="what orders events of one time (default: their item ids do)"
    )


def _whole(low: int, high: int) -> Callable[[str], int]:
    """The type of an argument that is a whole number from `low` to `high`."""

    def read(text: str) -> int:
        if not WHOLE.fullmatch(text) or not low <= int(text) <= high:
            raise argparse.ArgumentTypeError(
                f"{shown(text)} is not a whole number of at least {low} and at most {high}"
            )
        return int(text)

    return read


if __name__ == "__main__":
    sys.exit(main())
