"""`warehouse import`: a published log, or a team's own, becomes raw parquet; `warehouse generate`: a synthetic shop."""

import argparse
import importlib
import os
from pathlib import Path

from warehouse.layout import Layout, as_day

# SOURCE -> (module, function, what it reads)
SOURCES = {
    "movielens": (
        "public.movielens",
        "import_movielens",
        "a folder: 100K, 1M, 10M, 20M, 25M, 32M, latest, or RecBole's 100K",
    ),
    "rsc15": ("public.rsc15", "import_rsc15", "a folder with yoochoose-clicks.dat, and -buys.dat"),
    "retailrocket": (
        "public.retailrocket",
        "import_retailrocket",
        "a folder with events.csv, and item_properties*.csv",
    ),
    "diginetica": ("public.diginetica", "import_diginetica", "a folder with train-item-views.csv, products.csv, ..."),
    "rees46": ("public.rees46", "import_rees46", "a folder of monthly csv.gz, or one of them"),
    "otto": ("public.otto", "import_otto", "a jsonl file, or a folder of them"),
    "log": ("mapped", "import_mapped", "parquet, CSV or JSON lines, with --mapping FILE"),
}


def add_commands(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `import` and `generate`; each sets `run`, a function of the parsed arguments -> exit status."""
    sources = "\n".join(f"  {name:14}{reads}" for name, (_, _, reads) in SOURCES.items())
    parser = subparsers.add_parser(
        "import",
        help="write a log as daily raw parquet",
        description=f"Write a log as daily raw parquet, and its catalogue.\n\nsources:\n{sources}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("source", metavar="SOURCE", choices=SOURCES, help="one of the sources above")
    parser.add_argument("path", metavar="PATH", type=Path, help="the file or the folder to read")
    parser.add_argument("--mapping", metavar="FILE", type=Path, help="for SOURCE log: what the columns are (TOML)")
    _add_common(parser)
    parser.set_defaults(run=_import)

    generate = subparsers.add_parser("generate", help="write a synthetic shop whose best reachable recall is known")
    generate.add_argument("--events", type=int, default=100_000, help="about how many events (default 100000)")
    generate.add_argument("--items", type=int, help="how many items (default: one for 50 events)")
    generate.add_argument("--days", type=int, default=14, help="days the shop is open (default 14)")
    generate.add_argument("--first-day", type=as_day, default=as_day("2026-01-01"), help="YYYY-MM-DD")
    generate.add_argument("--seed", type=int, default=0, help="everything follows from it (default 0)")
    generate.add_argument("--drift", type=float, default=0.0, help="share of the groups that change a day (default 0)")
    _add_common(generate)
    generate.set_defaults(run=_generate)


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data",
        metavar="FOLDER",
        type=Path,
        default=Path(os.environ.get("GRU4REC_DATA", "data")),
        help="the data folder to write to (default: $GRU4REC_DATA, else data)",
    )
    parser.add_argument("--memory-limit", default="2GB", help="memory of the engine (default 2GB)")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")


def _import(arguments: argparse.Namespace) -> int:
    from warehouse.engine.duckdb_engine import DuckDBEngine

    if arguments.mapping is not None and arguments.source != "log":
        raise ValueError(f"--mapping is for SOURCE log; {arguments.source} knows its own columns")
    module, function, _ = SOURCES[arguments.source]
    run = getattr(importlib.import_module(f"warehouse.sources.{module}"), function)
    extra = {"mapping": arguments.mapping} if arguments.source == "log" else {}
    layout, engine = Layout(arguments.data), DuckDBEngine(memory_limit=arguments.memory_limit)
    report = run(engine, layout, arguments.path, progress=not arguments.quiet, **extra)
    print(
        f"{report.events:,} events of {report.first_day} to {report.last_day} and {report.items:,} items "
        f"written below {layout.raw}"
    )
    if report.timeless:
        print(f"{report.timeless:,} rows without a believable time lie with the last day and will be rejected there")
    return 0


def _generate(arguments: argparse.Namespace) -> int:
    from warehouse.sources.shop.generate import Shop

    shop = Shop(
        n_items=arguments.items or min(max(arguments.events // 50, 200), 1_000_000),
        seed=arguments.seed,
        drift=arguments.drift,
        days=arguments.days,
        first_day=arguments.first_day,
    )
    layout = Layout(arguments.data)
    report = shop.generate(layout, arguments.events, progress=not arguments.quiet)
    print(
        f"{report.events:,} events of {report.first_day} to {report.last_day}, {report.sessions:,} sessions, "
        f"{report.users:,} users, {report.items:,} items written below {layout.raw}"
    )
    return 0
