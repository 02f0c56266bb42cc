"""`warehouse`: data at rest from the shell.

    warehouse import SOURCE PATH [--mapping FILE] [--data FOLDER]
    warehouse generate [--events N] [--data FOLDER]
    warehouse recommendations --user ID ...
    warehouse similar --item ID ...
    warehouse serve [--port N] [--data FOLDER]

Exit status 0; 1 for a user or an item without a list, and for nights that are not whole; 2 with one sentence on the
standard error when the input is wrong.
"""

import argparse
import sys
from collections.abc import Sequence

from warehouse.cli import importing, recommendations, serve, similar
from warehouse.cli.arguments import Parser
from warehouse.cli.output import until_unread
from warehouse.sentences import brief


def build_parser() -> argparse.ArgumentParser:
    """The parser with every subcommand."""
    parser = Parser(prog="warehouse", description="Data at rest: import a log, ask for recommendations.")
    subparsers = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    importing.add_commands(subparsers)
    recommendations.add_commands(subparsers)
    similar.add_commands(subparsers)
    serve.add_commands(subparsers)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit status."""
    parsed = build_parser().parse_args(arguments)
    try:
        with until_unread():
            return int(parsed.run(parsed) or 0)
    except (ValueError, OSError) as error:
        print(f"warehouse: {brief(str(error))}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("warehouse: interrupted; nothing half-written stays", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
