"""`warehouse recommendations`: a user's list with titles, and what operators do with the table, from the shell.

warehouse recommendations --user 42                     a readable table; --json for programs
warehouse recommendations --user 42 --require-fresh     exit 2 when last night's table is missing
warehouse recommendations history | rollback | compare 2026-01-30 2026-01-31 | export FILE | retain --keep-nights 30
warehouse recommendations verify --all                  exit 1 when a file of a night is missing or damaged
"""

import argparse
import json
from pathlib import Path
from typing import Any

from warehouse.cli.arguments import UNKNOWN, Parser, add_data_folder, day, id_of, whole
from warehouse.cli.table_actions import add_table_actions, described, headline
from warehouse.cli.text_tables import aligned, cell
from warehouse.layout import Layout

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
    parser.add_argument("--explain", action="store_true", help="say which event of the user's each item follows from")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.set_defaults(run=_show)
    actions = parser.add_subparsers(metavar="ACTION", title="actions of operators")
    add_table_actions(actions, lambda layout: layout.recommendations)
    _add_actions(actions)


def _add_actions(actions: "argparse._SubParsersAction[Parser]") -> None:
    """Add what operators do with the users' lists alone."""
    compare = actions.add_parser("compare", help="overlap, churn and coverage between two nights")
    compare.add_argument("date_a", type=day)
    compare.add_argument("date_b", type=day)
    compare.add_argument("--k", type=int, action="append", help="compare the top k (default 10; may be repeated)")
    compare.set_defaults(run=_compare)

    export = actions.add_parser("export", help="write a night to one plain parquet file")
    export.add_argument("file", type=Path)
    export.add_argument("--format", choices=("parquet", "ranx"), default="parquet", help="ranx: q_id, doc_id, score")
    export.set_defaults(run=_export)


def _show(args: argparse.Namespace) -> int:
    from warehouse import recommendations as table

    layout = Layout(args.data)
    _require_fresh(args)
    with table.Reader(layout) as reader:
        night = reader.night(args.night)
        if args.user is None:
            print(json.dumps(described(night), indent=2) if args.json else headline(night))
            return 0
        rows = reader.for_user(
            id_of(night, "user_id", args.user, "--user"), args.n, run_date=args.night, explain=args.explain
        )
    if args.json:
        print(json.dumps(rows, ensure_ascii=False, indent=2))
        return 0 if rows else UNKNOWN
    print(headline(night))
    if not rows:
        print(f"user {args.user} has no list in this night: no event of theirs lies in its window")
        return UNKNOWN
    head = ("rank", "item", "title", "score", "model", *(["because of"] if args.explain else []))
    lines = [(str(rank), str(r["item_id"]), str(r["title"] or ""), f"{r['score']:.3f}", str(r["model"]), *_event(r))
             for rank, r in enumerate(rows, start=1)]  # fmt: skip
    print(aligned(head, lines))
    return 0


def _require_fresh(args: argparse.Namespace) -> None:
    """StaleNight where the newest night is too old and that was asked, whichever night is then read."""
    from warehouse import recommendations as table

    if args.require_fresh:
        table.latest(Layout(args.data), max_age_days=args.max_age_days)


def _event(row: dict[str, Any]) -> list[str]:
    """The event that an item follows from, by its title where it has one; nothing where none was asked for."""
    if "because_of" not in row:
        return []
    event = row["because_of"]
    return [str(event["title"] or event["item_id"]) if event else ""]


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

    if args.user is not None:
        raise ValueError(f"export writes the lists of all users: leave out --user {args.user}")
    _require_fresh(args)
    write = table.export_ranx if args.format == "ranx" else table.export_parquet
    print(f"{write(Layout(args.data), args.file, args.night)} rows written to {args.file}")
    return 0
