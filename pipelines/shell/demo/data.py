"""The demo's data made ready below the data folder: raw parquet, and the settings that suit it."""

import shutil
import tempfile
import zipfile
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from pipelines.shell.demo import download
from warehouse.layout import Layout

MARK = "# Written by `make demo`, which writes it anew. Data: "
INSIDE = "recbole/dataset_example/ml-100k/"
SHOP_EVENTS, SHOP_DAYS = 60_000, 14

MODEL_TOML = """
[model]
preset = "rsc15"
threads = 1 # steps as small as these gain nothing by a second thread

[model.overrides]
batch_size = 64
n_sample = 256
epochs = 4
learning_rate = 0.05
keep = "best"
"""
MOVIELENS_TOML = """
[partitions]
first_day = "{first}"
last_day = "{last}"

[events]
allow_empty_day = true # nobody rated a film on two of the days

[sessions]
window_days = {days} # all of it: 100,000 ratings are few

[splits]
validation_days = 14
test_days = 14

[contexts]
window_days = {days} # a list for every user
source = "events" # the last films, whatever the sitting
max_events = 20
"""
SHOP_TOML = """
[partitions]
first_day = "{first}"
last_day = "{last}"

[contexts]
window_days = {days}
"""


@dataclass(frozen=True)
class Ready:
    """A data set made ready: its name for people, and its last day."""

    name: str
    last_day: date


def make_ready(root: Path) -> Ready:
    """Write raw data and pipeline.toml below `root`: MovieLens 100K, or the synthetic shop where it cannot be fetched.

    Raises:
        ValueError: `root` holds settings that are not the demo's.
    """
    settings = root / "pipeline.toml"
    before = settings.read_text(encoding="utf-8") if settings.is_file() else MARK
    if not before.startswith(MARK):
        raise ValueError(f"{settings} is not the demo's: name another data folder in GRU4REC_DATA.")
    wheel = download.wheel(root / "downloads")
    name = "MovieLens 100K" if wheel else "synthetic shop"
    if before != MARK and not before.startswith(f"{MARK}{name}\n"):
        _clear(root)
    if wheel:
        print(download.LICENCE)
        first, last = _movielens(Layout(root), wheel)
        template = MOVIELENS_TOML
    else:
        print("MovieLens 100K cannot be fetched (no network?): the demo runs on the synthetic shop instead.")
        first, last = _shop(Layout(root))
        template = SHOP_TOML
    days = (last - first).days + 1
    text = f"{MARK}{name}\n" + template.format(first=first, last=last, days=days) + MODEL_TOML
    settings.write_text(text, encoding="utf-8")
    return Ready(name, last)


def _movielens(layout: Layout, wheel: Path) -> tuple[date, date]:
    """Import the ratings; returns their first and last day."""
    from warehouse.engine.duckdb_engine import DuckDBEngine
    from warehouse.sources.public.movielens import import_movielens

    with tempfile.TemporaryDirectory() as folder, zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder, [name for name in archive.namelist() if name.startswith(INSIDE)])
        import_movielens(DuckDBEngine(), layout, Path(folder) / INSIDE, unit="movielens-100k")
    days = layout.raw_days()
    return days[0], days[-1]


def _shop(layout: Layout) -> tuple[date, date]:
    from warehouse.sources.shop.generate import generate

    generate(layout, SHOP_EVENTS, days=SHOP_DAYS)
    days = layout.raw_days()
    return days[0], days[-1]


def _clear(root: Path) -> None:
    """Remove all that a demo on other data has made; downloads stay."""
    print("The data folder holds another data set's demo: what it made is removed.")
    for made in (
        "raw",
        "deliveries",
        "events",
        "rejected_events",
        "items",
        "sessions",
        "splits",
        "evaluations",
        "recommendations",
        "realised",
        "reports",
    ):
        shutil.rmtree(root / made, ignore_errors=True)
    shutil.rmtree(root / "mlflow", ignore_errors=True)
