"""The shell's entrance: `python -m pipelines demo | ui | night | report | check | promote | rollback`."""

import argparse
import os
import sys
from pathlib import Path

from gru4rec.config.sentences import brief
from pipelines.settings.read import current_settings
from pipelines.shell.home import home_of, make_home
from warehouse.cli.arguments import Parser, whole
from warehouse.cli.output import until_unread

BACKFILL = "read the events of the earlier days of its window again first; ends at a day that was not delivered"


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit code: 2 after a mistake that a person can mend, 130 when interrupted."""
    parser = Parser(prog="pipelines", description="The nightly pipeline from the shell.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("demo", help="the whole pipeline on MovieLens 100K, or without network on a shop")
    ui = commands.add_parser("ui", help="Dagster UI, MLflow UI and a page of the lists together, on loopback")
    ui.add_argument("--dagster-port", type=whole(1, 65_535), default=3000, help="port of the Dagster UI (3000)")
    ui.add_argument("--mlflow-port", type=whole(1, 65_535), default=5000, help="port of the MLflow UI (5000)")
    ui.add_argument(
        "--lists-port", type=whole(1, 65_535), default=8000, help="port of the page that looks lists up (8000)"
    )
    night = commands.add_parser("night", help="one night without the UI, for a server or a scheduler of your own")
    night.add_argument("--date", help="its day, like 2026-01-31 (default: the last day of the partitions: yesterday)")
    night.add_argument("--backfill", action="store_true", help=BACKFILL)
    night.add_argument("--lists-only", action="store_true", help="make its lists anew with the champion: job serve")
    report = commands.add_parser("report", help="a night's report made again, as one HTML page")
    report.add_argument("--date", help="its day (default: the last day of the partitions)")
    commands.add_parser("check", help="list what of the data folder cannot be read, and what to do")
    promote = commands.add_parser("promote", help="make a model version champion by hand")
    promote.add_argument("version", type=whole(1, 2**31 - 1), help="version in the model registry")
    promote.add_argument("--reason", required=True, help="why: kept in the version's tags")
    rollback = commands.add_parser("rollback", help="give the alias champion back to the champion before")
    rollback.add_argument("--reason", default="", help="why: kept in the version's tags")
    options = parser.parse_args(arguments)
    try:
        with until_unread():
            return _run(options)
    except (OSError, ValueError) as error:
        print(brief(str(error)), file=sys.stderr)
        return 2
    except Exception as error:
        from pipelines.policy.failures import sentence

        if (said := sentence(error)) is None:
            raise
        print(brief(said), file=sys.stderr)
        return 2
    except KeyboardInterrupt as interrupt:
        print(
            f"pipelines {options.command}: interrupted: {str(interrupt) or 'nothing half-written stays'}",
            file=sys.stderr,
        )
        return 130
    return 0


def _run(options: argparse.Namespace) -> int:
    if options.command == "ui":
        from pipelines.shell.ui import serve

        ports = options.dagster_port, options.mlflow_port, options.lists_port
        if len(set(ports)) < len(ports):
            raise ValueError(f"--dagster-port, --mlflow-port and --lists-port are {ports}: give each its own")
        settings = current_settings()
        return serve(settings, make_home(home_of(settings.root)), *ports)
    if options.command == "night":
        from pipelines.shell.night import night

        os.environ["DAGSTER_HOME"] = str(make_home(home_of(current_settings().root)))
        return 0 if night(options.date, backfill=options.backfill, lists_only=options.lists_only) else 1
    if options.command == "report":
        from pipelines.shell.report import report

        file, missing = report(current_settings(), options.date)
        print(file)
        if missing:
            print(missing, file=sys.stderr)
        return 0
    if options.command == "check":
        from pipelines.shell.check import check

        return check(current_settings())
    if options.command in ("promote", "rollback"):
        from pipelines.policy.resources import MLflow, resources
        from pipelines.shell import promotion

        mlflow: MLflow = resources(current_settings())["mlflow"]
        if options.command == "promote":
            print(promotion.by_hand(mlflow.open(), options.version, options.reason))
        else:
            print(promotion.rollback(mlflow.open(), options.reason))
        return 0
    from pipelines.shell.demo.run import demo

    root = Path(os.environ.get("GRU4REC_DATA") or "demo").absolute()
    return demo(root, home_of(root))


if __name__ == "__main__":
    sys.exit(main())
