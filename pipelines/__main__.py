"""The shell's entrance: `python -m pipelines demo | ui | night | promote | rollback`."""

import argparse
import os
import sys
from pathlib import Path

from pipelines.settings.read import SettingsError, current_settings
from pipelines.shell.home import make_home

PROJECT = Path(__file__).resolve().parents[1]


def home() -> Path:
    """Dagster's home, made ready: DAGSTER_HOME, or the project's own."""
    return make_home(Path(os.environ.get("DAGSTER_HOME") or PROJECT / ".dagster").absolute())


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; returns the exit code, which is 2 after a mistake that a person can mend."""
    parser = argparse.ArgumentParser(prog="pipelines", description="The nightly pipeline from the shell.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("demo", help="the whole pipeline on MovieLens 100K, or without network on a shop")
    ui = commands.add_parser("ui", help="Dagster UI, MLflow UI and a page of the lists together, on loopback")
    ui.add_argument("--dagster-port", type=int, default=3000, help="port of the Dagster UI (3000)")
    ui.add_argument("--mlflow-port", type=int, default=5000, help="port of the MLflow UI (5000)")
    ui.add_argument("--lists-port", type=int, default=8000, help="port of the page that looks lists up (8000)")
    night = commands.add_parser("night", help="one night without the UI, for a server or a scheduler of your own")
    night.add_argument("--date", help="its day, like 2026-01-31 (default: the last day of the partitions: yesterday)")
    night.add_argument("--backfill", action="store_true", help="read the events of all days before it again")
    promote = commands.add_parser("promote", help="make a model version champion by hand")
    promote.add_argument("version", type=int, help="version in the model registry")
    promote.add_argument("--reason", required=True, help="why: kept in the version's tags")
    rollback = commands.add_parser("rollback", help="give the alias champion back to the champion before")
    rollback.add_argument("--reason", default="", help="why: kept in the version's tags")
    options = parser.parse_args(arguments)
    try:
        return _run(options)
    except (SettingsError, FileNotFoundError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2


def _run(options: argparse.Namespace) -> int:
    if options.command == "ui":
        from pipelines.shell.ui import serve

        return serve(current_settings(), home(), options.dagster_port, options.mlflow_port, options.lists_port)
    if options.command == "night":
        from pipelines.shell.night import night

        os.environ["DAGSTER_HOME"] = str(home())
        return 0 if night(options.date, backfill=options.backfill) else 1
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

    return demo(Path(os.environ.get("GRU4REC_DATA") or "data").absolute(), home())


if __name__ == "__main__":
    sys.exit(main())
