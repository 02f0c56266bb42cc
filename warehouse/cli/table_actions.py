"""What operators do with a table of lists from the shell, whichever it is: look back, roll back, clean up."""

import argparse
import json
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from warehouse.cli.arguments import Parser, day, whole
from warehouse.cli.text_tables import aligned, cell
from warehouse.layout import Layout

if TYPE_CHECKING:
    from warehouse.recommendations import Night

WIDTH = 100  # columns of the terminal that tables are made for


def add_table_actions(actions: "argparse._SubParsersAction[Parser]", table: Callable[[Layout], Path]) -> None:
    """Add history, rollback, retain and verify; each sets `run`.

    Args:
        table: the folder of the table that they act on.
    """
    history = actions.add_parser("history", help="what was published, when, from which model")
    history.add_argument(
        "--limit", type=whole(1, 2**31 - 1), default=20, help="commits to show, newest first (default 20)"
    )
    history.set_defaults(run=_history, table=table)

    rollback = actions.add_parser("rollback", help="show the table as it stood before the last publication")
    where_to = rollback.add_mutually_exclusive_group()
    where_to.add_argument("--to-version", type=whole(0, 2**31 - 1), help="a version of the history")
    where_to.add_argument("--to-night", type=day, help="the last publication of this night")
    rollback.add_argument("--reason", default="", help="what the history shall say of it")
    rollback.set_defaults(run=_rollback, table=table)

    retain = actions.add_parser("retain", help="drop old nights, vacuum superseded files, sweep litter")
    retain.add_argument(
        "--keep-nights", type=whole(1, 36_525), required=True, help="nights to keep, counted from the newest"
    )
    retain.add_argument(
        "--vacuum-hours", type=whole(0, 876_600), default=168, help="keep superseded files this long (default 168)"
    )
    retain.set_defaults(run=_retain, table=table)

    verify = actions.add_parser("verify", help="read nights whole, against the sums of their commits")
    several = verify.add_mutually_exclusive_group()
    several.add_argument(
        "--night", type=day, default=argparse.SUPPRESS, help="a night other than the newest, YYYY-MM-DD"
    )  # left unsaid, it is that of the command before
    several.add_argument("--all", action="store_true", help="every night of the table")
    verify.set_defaults(run=_verify, table=table)


def headline(night: "Night") -> str:
    """Which night it is, how old, from which model, and whether it came back by a rollback."""
    model = "an unregistered model" if night.model_version is None else f"model version {night.model_version}"
    line = f"night {night.run_date}, {night.age_days} days old, {model}, made {night.generated_at:%Y-%m-%d %H:%M} UTC"
    return line if night.rollback is None else f"{line}\n{textwrap.fill(str(night.rollback), WIDTH)}"


def described(night: "Night") -> dict[str, Any]:
    """The same for programs, as JSON has it."""
    fields = ("run_date", "age_days", "version", "model_version", "mlflow_run_id", "generated_at")
    found = {name: value if isinstance(value := getattr(night, name), int | None) else str(value) for name in fields}
    return {**found, "rollback": None if night.rollback is None else str(night.rollback)}


def _history(args: argparse.Namespace) -> int:
    from warehouse import recommendations

    rows = recommendations.history(args.table(Layout(args.data)), args.limit).to_pylist()
    if args.json:
        print(json.dumps(rows, default=str, indent=2))
        return 0
    head = ("version", "at (UTC)", "what", "night", "rows", "model", "run")
    lines = aligned(head, [_history_line(row) for row in rows]).splitlines()
    for line, row in zip(lines, [{}, {}, *rows], strict=True):
        print(line)
        if row.get("reason"):
            print(textwrap.fill(row["reason"], WIDTH, initial_indent=" " * 9, subsequent_indent=" " * 9))
    return 0


def _history_line(row: dict[str, Any]) -> tuple[str, ...]:
    """One commit in at most WIDTH columns; everything that is known of it is in --json."""
    facts = (cell(row["run_date"]), cell(row["rows"]), cell(row["model_version"]), (row["mlflow_run_id"] or "")[:8])
    return (str(row["version"]), f"{row['at']:%Y-%m-%d %H:%M}", _what(row), *facts)


def _what(row: dict[str, Any]) -> str:
    """What a commit did, in words."""
    if row["rolled_back_to"] is not None:
        return f"rolled back to version {row['rolled_back_to']}"
    if row["run_date"] is not None:
        return "published"
    oldest = json.loads(row["metadata"]).get("oldest_night")
    return f"dropped before {oldest}" if oldest else str(row["operation"]).lower()


def _rollback(args: argparse.Namespace) -> int:
    from warehouse import recommendations

    done = recommendations.rollback(args.table(Layout(args.data)), args.to_version, args.to_night, reason=args.reason)
    print(
        f"the table shows version {done.to_version} again (newest night {done.newest}), as version {done.version}; "
        f"to undo: rollback --to-version {done.version - 1}"
    )
    return 0


def _retain(args: argparse.Namespace) -> int:
    from warehouse import recommendations

    done = recommendations.retain(args.table(Layout(args.data)), args.keep_nights, args.vacuum_hours)
    print(
        f"{len(done.kept)} night(s) kept, {len(done.dropped)} dropped; {done.vacuumed} superseded files and "
        f"{len(done.swept)} files of killed writers removed"
    )
    return 0


def _verify(args: argparse.Namespace) -> int:
    """One line a night; exit code 1 when one of them is not whole."""
    from warehouse.recommendations import verify
    from warehouse.recommendations.table import nights, open_table

    path = args.table(Layout(args.data))
    chosen = nights(open_table(path)) if args.all else [args.night]
    found = [verify(path, one) for one in chosen]
    for one in found:
        print(one)
    return 0 if all(one.whole for one in found) else 1
