"""`warehouse similar`: what is similar to an item, with titles, and what operators do with that table.

warehouse similar --item 1                              a readable table; --json for programs
warehouse similar history | rollback | retain --keep-nights 30
"""

import argparse
import json

from warehouse.cli.arguments import UNKNOWN, Parser, add_data_folder, day, id_of
from warehouse.cli.table_actions import add_table_actions, described, headline
from warehouse.cli.text_tables import aligned
from warehouse.layout import Layout


def add_commands(subparsers: "argparse._SubParsersAction[Parser]") -> None:
    """Add `similar` and its own subcommands; each sets `run`, a function of the parsed arguments -> status."""
    parser = subparsers.add_parser(
        "similar",
        help="show what is similar to an item; history, rollback, retain, verify",
        description="Show the items most like an item in the newest whole night, with titles where they are known.",
    )
    add_data_folder(parser, "the data folder")
    parser.add_argument("--item", help="the item's id; without it, the newest night is described")
    parser.add_argument("--n", type=int, default=10, help="items to show (default 10)")
    parser.add_argument("--night", type=day, help="a night other than the newest, YYYY-MM-DD")
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.set_defaults(run=_show)
    actions = parser.add_subparsers(metavar="ACTION", title="actions of operators")
    add_table_actions(actions, lambda layout: layout.similar_items)


def _show(args: argparse.Namespace) -> int:
    from warehouse import recommendations as table

    path = Layout(args.data).similar_items
    night = table.latest(path) if args.night is None else table.night(path, args.night)
    if args.item is None:
        print(json.dumps(described(night), indent=2) if args.json else headline(night))
        return 0
    rows = table.for_item(path, id_of(night, "item_id", args.item, "--item"), args.n, run_date=night.run_date)
    if args.json:
        print(json.dumps(rows, ensure_ascii=False, indent=2))
        return 0 if rows else UNKNOWN
    print(headline(night))
    if not rows:
        print(f"item {args.item} has no list in this night: the model does not know it")
        return UNKNOWN
    lines = [(str(rank), str(row["item_id"]), str(row["title"] or ""), f"{row['score']:.3f}")
             for rank, row in enumerate(rows, start=1)]  # fmt: skip
    print(aligned(("rank", "item", "title", "score"), lines))
    return 0
