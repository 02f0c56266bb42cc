"""`warehouse recommendations`: a user's list with titles, and what operators do with the table, from the shell.

warehouse recommendations --user 42                     a readable table; --json for programs
warehouse recommendations --user 42 --require-fresh     exit 2 when last night's table is missing
warehouse recommendations history | rollback | compare 2026-01-30 2026-01-31 | export FILE | retain --keep-nights 30
warehouse recommendations verify --all                  exit 1 when a file of a night is missing or damaged
"""

import argparse
import json
import re
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

from warehouse.cli.arguments import Parser, add_data_folder, day, whole
from warehouse.cli.text_tables import aligned, cell
from warehouse.layout import Layout
from warehouse.sentences import shown

if TYPE_CHECKING:
    from warehouse.recommendations import Night

WHOLE = re.compile(r"-?[0-9]{1,19}")
WIDTH = 100  # columns of the terminal that tables are made for
FRESH_DAYS = 1  # the morning after, the newest night is one day old


def add_commands(subparsers: "argparse._SubParsersAction[Parser]") -> None:
    """Add `recommendations` and its own subcommands; each sets `run`, a function of the parsed arguments -> status."""
    parser = subparsers.add_parser(
        "recommendations",
        help="show a user's list; history, rollback, compare, export, retain, verify",
        description="Show one user's recommendations of the newest whole night, with titles where they are known.",
    )
    add_data_folder(parser, "the data folder")
    parser.add_argument("--user", help="the user's id; without it, the newest night is described")
    parser.add_argument("--n", type=int, default=10, help="items to show (default 10)")
    parser.add_argument("--night", type=day, help="a night other than the newest, YYYY-MM-DD")
    parser.add_argument("--require-fresh", action="store_true", help="fail when the newest night is too old")
    parser.add_argument("--max-age-days", type=whole(0, 10**6), default=FRESH_DAYS, help="what is too old (default 1)")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.set_defaults(run=_show)
    _add_actions(parser.add_subparsers(metavar="ACTION", title="actions of operators"))


def _add_actions(actions: "argparse._SubParsersAction[Parser]") -> None:
    """Add what operators do with the table."""
    history = actions.add_parser("history", help="what was published, when, from which model")
    history.add_argument(
        "--limit", type=whole(1, 2**31 - 1), default=20, help="commits to show, newest first (default 20)"
    )
    history.set_defaults(run=_history)

    rollback = actions.add_parser("rollback", help="show the table as it stood before the last publication")
    where_to = rollback.add_mutually_exclusive_group()
    where_to.add_argument("--to-version", type=whole(0, 2**31 - 1), help="a version of the history")
    where_to.add_argument("--to-night", type=day, help="the last publication of this night")
    rollback.add_argument("--reason", default="", help="what the history shall say of it")
    rollback.set_defaults(run=_rollback)

    compare = actions.add_parser("compare", help="overlap, churn and coverage between two nights")
    compare.add_argument("date_a", type=day)
    compare.add_argument("date_b", type=day)
    compare.add_argument("--k", type=int, action="append", help="compare the top k (default 10; may be repeated)")
    compare.set_defaults(run=_compare)

    export = actions.add_parser("export", help="write a night to one plain parquet file")
    export.add_argument("file", type=Path)
    export.add_argument("--format", choices=("parquet", "ranx"), default="parquet", help="ranx: q_id, doc_id, score")
    export.set_defaults(run=_export)

    retain = actions.add_parser("retain", help="drop old nights, vacuum superseded files, sweep litter")
    retain.add_argument("--keep-nights", type=int, required=True, help="nights to keep, counted from the newest")
    retain.add_argument("--vacuum-hours", type=int, default=168, help="keep superseded files this long (default 168)")
    retain.set_defaults(run=_retain)

    verify = actions.add_parser("verify", help="read nights whole, against the sums of their commits")
    several = verify.add_mutually_exclusive_group()
    several.add_argument("--night", type=day, help="a night other than the newest, YYYY-MM-DD")
    several.add_argument("--all", action="store_true", help="every night of the table")
    verify.set_defaults(run=_verify)


def _show(args: argparse.Namespace) -> int:
    from warehouse import recommendations as table

    layout = Layout(args.data)
    with table.Reader(layout, max_age_days=args.max_age_days if args.require_fresh else None) as reader:
        night = reader.night(args.night)
        if args.user is None:
            print(json.dumps(_described(night), indent=2) if args.json else _headline(night))
            return 0
        rows = reader.for_user(_user_id(night, args.user), args.n, run_date=args.night)
    if args.json:
        print(json.dumps(rows, ensure_ascii=False, indent=2))
        return 0
    print(_headline(night))
    if not rows:
        print(f"user {args.user} has no list in this night: no event of theirs lies in its window")
        return 0
    lines = [(str(rank), str(r["item_id"]), str(r["title"] or ""), f"{r['score']:.3f}", str(r["model"]))
             for rank, r in enumerate(rows, start=1)]  # fmt: skip
    print(aligned(("rank", "item", "title", "score", "model"), lines))
    return 0


def _history(args: argparse.Namespace) -> int:
    from warehouse import recommendations as table

    rows = table.history(Layout(args.data), args.limit).to_pylist()
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
    from warehouse import recommendations as table

    done = table.rollback(Layout(args.data), args.to_version, args.to_night, reason=args.reason)
    print(
        f"the table shows version {done.to_version} again (newest night {done.newest}), as version {done.version}; "
        f"to undo: rollback --to-version {done.version - 1}"
    )
    return 0


def _compare(args: argparse.Namespace) -> int:
    from warehouse import recommendations as table

    rows = table.compare(Layout(args.data), args.date_a, args.date_b, args.k or (10,)).to_pylist()
    if args.json:
        print(json.dumps(rows, default=str, indent=2))
        return 0
    names = list(rows[0])
    print(aligned(("figure", *(f"top {row['k']}" for row in rows)), [(n, *(cell(r[n]) for r in rows)) for n in names]))
    return 0


def _export(args: argparse.Namespace) -> int:
    from warehouse import recommendations as table

    write = table.export_ranx if args.format == "ranx" else table.export_parquet
    print(f"{write(Layout(args.data), args.file, args.night)} rows written to {args.file}")
    return 0


def _retain(args: argparse.Namespace) -> int:
    from warehouse import recommendations as table

    done = table.retain(Layout(args.data), args.keep_nights, args.vacuum_hours)
    print(
        f"{len(done.kept)} nights kept, {len(done.dropped)} dropped; {done.vacuumed} superseded files and "
        f"{len(done.swept)} files of killed writers removed"
    )
    return 0


def _verify(args: argparse.Namespace) -> int:
    """One line a night; exit code 1 when one of them is not whole."""
    from warehouse.recommendations import verify
    from warehouse.recommendations.table import nights, open_table

    layout = Layout(args.data)
    chosen = nights(open_table(layout.recommendations)) if args.all else [args.night]
    found = [verify(layout, one) for one in chosen]
    for one in found:
        print(one)
    return 0 if all(one.whole for one in found) else 1


def _user_id(night: "Night", text: str) -> int | str:
    """The id as the table has it: the shell knows only text."""
    if str(night.schema.field("user_id").type) == "string":
        return text
    if not WHOLE.fullmatch(text) or not -(2**63) <= int(text) < 2**63:
        raise ValueError(f"--user {shown(text)} is not a number, but the user ids of {night.path} are integers")
    return int(text)


def _headline(night: "Night") -> str:
    model = "an unregistered model" if night.model_version is None else f"model version {night.model_version}"
    line = f"night {night.run_date}, {night.age_days} days old, {model}, made {night.generated_at:%Y-%m-%d %H:%M} UTC"
    return line if night.rollback is None else f"{line}\n{textwrap.fill(str(night.rollback), WIDTH)}"


def _described(night: "Night") -> dict[str, Any]:
    fields = ("run_date", "age_days", "version", "model_version", "mlflow_run_id", "generated_at")
    found = {name: value if isinstance(value := getattr(night, name), int | None) else str(value) for name in fields}
    return {**found, "rollback": None if night.rollback is None else str(night.rollback)}
