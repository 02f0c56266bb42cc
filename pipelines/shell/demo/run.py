"""The demo from its data to its last line: fetch, import, backfill, one night through Dagster, and what came out."""

import os
import shlex
import sys
import time
from pathlib import Path

from pipelines.shell.demo.data import make_ready
from pipelines.shell.demo.report import report
from pipelines.shell.home import make_home
from warehouse.layout import Layout


def demo(root: Path, home: Path) -> int:
    """Run it all below `root`, with Dagster's own home; returns the exit code."""
    begun = time.monotonic()
    ready = make_ready(root)
    make_home(home)
    os.environ["GRU4REC_DATA"] = str(root)
    os.environ["DAGSTER_HOME"] = str(home)
    from pipelines.shell.night import everything

    if not everything():
        print("The demo stopped; the reason is above, and in the Dagster UI (make ui).", file=sys.stderr)
        return 1
    report(Layout(root), ready.name, ready.last_day)
    print(f"\nIt took {time.monotonic() - begun:.0f} s. The night's report: {Layout(root).report(ready.last_day)}")
    print("Look around in Dagster and MLflow; the links are printed:")
    print(f"  GRU4REC_DATA={shlex.quote(str(root))} DAGSTER_HOME={shlex.quote(str(home))} make ui")
    return 0
