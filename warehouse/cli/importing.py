"""`warehouse import`: a published log, or a team's own, becomes raw parquet; `warehouse generate`: a synthetic shop."""

import argparse
from collections.abc import Callable
from pathlib import Path

from warehouse.cli.arguments import Parser, add_data_folder, day, share, whole
from warehouse.engine.duckdb_engine import DuckDBEngine
from warehouse.layout import Layout
from warehouse.sources.mapped import import_mapped
from warehouse.sources.public.diginetica import import_diginetica
from warehouse.sources.public.movielens import import_movielens
from warehouse.sources.public.otto import import_otto
from warehouse.sources.public.rees46 import import_rees46
from warehouse.sources.public.retailrocket import import_retailrocket
from warehouse.sources.public.rsc15 import import_rsc15
from warehouse.sources.raw.events import ImportReport
from warehouse.sources.shop.process import FEWEST_ITEMS, MOST_ITEMS

# SOURCE -> (the importer, what it reads)
SOURCES: dict[str, tuple[Callable[..., ImportReport], str]] = {
    "movielens": (import_movielens, "a folder: 100K, 1M, 10M, 20M, 25M, 32M, latest, or RecBole's 100K"),
    "rsc15": (import_rsc15, "a folder with yoochoose-clicks.dat, and -buys.dat"),
    "retailrocket": (import_retailrocket, "a folder with events.csv, and item_properties*.csv"),
    "diginetica": (import_diginetica, "a folder with train-item-views.csv, products.csv, ..."),
    "rees46": (import_rees46, "a folder of monthly csv.gz, or one of them"),
    "otto": (import_otto, "a jsonl file, or a folder of them"),
    "log": (import_mapped, "parquet, CSV or JSON lines, with --mapping FILE"),
}


def add_commands(subparsers: "argparse._SubParsersAction[Parser]") -> None:
    """Add `import` and `generate`; each sets `run`, a function of the parsed arguments -> exit status."""
    sources = "\n".join(f"  {name:14}{reads}" for name, (_, reads) in SOURCES.items())
    parser = subparsers.add_parser(
        "import",
        help="write a log as daily raw parquet",
        description=f"Write a log as daily raw parquet, and its catalogue.\n\nsources:\n{sources}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("source", metavar="SOURCE", choices=SOURCES, help="one of the sources above")
    parser.add_argument("path", metavar="PATH", type=Path, help="the file or the folder to read")
    parser.add_argument("--mapping", metavar="FILE", type=Path, help="for SOURCE log: what the columns are (TOML)")
    parser.add_argument(
        "--name",
        default="",
        help="what the import is called: one of the same name replaces all that it wrote (default: by PATH)",
    )
    parser.add_argument("--memory-limit", default="2GB", help="memory of the engine (default 2GB)")
    _add_common(parser)
    parser.set_defaults(run=_import)

    generate = subparsers.add_parser("generate", help="write a synthetic shop whose best reachable recall is known")
    generate.add_argument(
        "--events", type=whole(1, 10**10), default=100_000, help="about how many events (default 100000)"
    )
    few = f"how many items, at least {FEWEST_ITEMS} (default: one for 50 events)"
    generate.add_argument("--items", type=whole(FEWEST_ITEMS, MOST_ITEMS), help=few)
    generate.add_argument("--days", type=whole(1, 36_525), default=14, help="days the shop is open (default 14)")
    generate.add_argument("--first-day", type=day, default="2026-01-01", help="YYYY-MM-DD")
    generate.add_argument("--seed", type=whole(0, 2**31 - 1), default=0, help="everything follows from it (default 0)")
    generate.add_argument("--drift", type=share, default=0.0, help="share of the groups that change a day (default 0)")
    _add_common(generate)
    generate.set_defaults(run=_generate)


def _add_common(parser: argparse.ArgumentParser) -> None:
    add_data_folder(parser, "the data folder to write to")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")


def _import(arguments: argparse.Namespace) -> int:
    if arguments.mapping is not None and arguments.source != "log":
        raise ValueError(f"--mapping is for SOURCE log; {arguments.source} knows its own columns")
    run, _ = SOURCES[arguments.source]
    extra = {"mapping": arguments.mapping} if arguments.source == "log" else {}
    layout, engine = Layout(arguments.data), DuckDBEngine(memory_limit=arguments.memory_limit)
    report = run(engine, layout, arguments.path, unit=arguments.name, progress=not arguments.quiet, **extra)
    print(
        f"{report.events:,} events of {report.first_day} to {report.last_day} and {report.items:,} items "
        f"written below {layout.raw}"
    )
    if report.timeless:
        print(f"{report.timeless:,} rows without a believable time lie with the last day and will be rejected there")
    return 0


def _generate(arguments: argparse.Namespace) -> int:
    from warehouse.sources.shop.generate import usual_items, write_shop
    from warehouse.sources.shop.process import Shop

    shop = Shop(
        n_items=arguments.items or usual_items(arguments.events),
        seed=arguments.seed,
        drift=arguments.drift,
        days=arguments.days,
        first_day=arguments.first_day,
    )
    layout = Layout(arguments.data)
    report = write_shop(shop, layout, arguments.events, progress=not arguments.quiet)
    print(
        f"{report.events:,} events of {report.first_day} to {report.last_day}, {report.sessions:,} sessions, "
        f"{report.users:,} users, {report.items:,} items written below {layout.raw}"
    )
    return 0
