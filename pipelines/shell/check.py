"""`pipelines check`: what of the data folder cannot be read, and what to do about it. It changes nothing."""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from pipelines.policy.failures import sentence
from pipelines.policy.resources import MLflow, resources
from pipelines.settings.read import Settings
from pipelines.tracking import registry, store
from warehouse.layout import Layout
from warehouse.partitions import made_by
from warehouse.sentences import brief

TABLES = ("events", "rejected_events", "items", "sessions", "splits", "evaluations", "realised")
FOLDERS = (
    *TABLES,
    "raw",
    "deliveries",
    "recommendations",
    "recommendations_staging",
    "similar_items",
    "similar_items_staging",
    "mlflow",
    ".scratch",
    ".nights",
    ".copies",
)
AGAIN = "run that night again, or roll the table back"
ANOTHER = "put its files back, or `pipelines promote` another version"


@dataclass
class Findings:
    """A sentence for each thing that cannot be read; what was read; what has no sums because it is older."""

    problems: list[str] = field(default_factory=list)
    read: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def check(settings: Settings) -> int:
    """Print the findings, problems first; returns the exit code: 1 where there is a problem."""
    found = look(settings)
    for line in (*found.problems, *found.notes):
        print(f"- {line}")
    print(f"{len(found.problems)} problem(s); read: {', '.join(found.read) or 'nothing, for there is nothing yet'}")
    return 1 if found.problems else 0


def look(settings: Settings) -> Findings:
    """Read every table, every night and the models that serve or may serve next."""
    found, layout = Findings(), Layout(settings.root)
    for name in FOLDERS:
        if (path := settings.root / name).exists() and not path.is_dir():
            found.problems.append(f"{path} is a file where a folder is expected: move it away")
    found.problems += map(_stray_problem, layout.raw_strays())
    answers = _tables(layout, found)
    for path in (layout.recommendations, layout.similar_items):
        if _lists(path, found) and answers and layout.stored:
            _stored_lists(path, found)
    _models(settings, found)
    return found


def _stray_problem(path: Path) -> str:
    """What to do with something among the raw days that is none."""
    way = (
        "call it YYYY-MM-DD, by the day it arrived on" if path.is_dir() else "put it into its day's folder, YYYY-MM-DD"
    )
    return brief(f"{path} is no folder of a day and is not read: {way}, or give it a name that begins with _")


def _tables(layout: Layout, found: Findings) -> bool:
    """The days of the tables; returns whether the place where they lie could be used."""
    from warehouse.partitions import noted
    from warehouse.store.address import StoreError
    from warehouse.sums import Damaged

    try:
        days = [(table, day) for table in TABLES for day in layout.days(table)]
    except StoreError as error:
        found.problems.append(str(error))
        return False
    unsummed = 0
    for table, day in days:
        try:
            files = layout.files(table, day)
        except (StoreError, Damaged) as error:
            found.problems.append(str(error))
            continue
        except ValueError as error:
            found.problems.append(f"{error}; materialise {made_by(table)} for {day} again")
            continue
        found.problems += [problem for file in files if (problem := _file_problem(file, table, day))]
        unsummed += not all(map(noted, files))
    if unsummed:
        found.notes.append(f"{unsummed} partitions have no sum: an older version wrote them, and damage may go unseen")
    if days:
        found.read.append(f"{len(days)} partitions")
    return True


def _file_problem(file: Path, table: str, day: date) -> str | None:
    """What is wrong with a file of a partition, with what to do; None for a whole one."""
    from warehouse.engine.parquet_files import schema_of
    from warehouse.partitions import check as check_sum
    from warehouse.sums import Damaged

    try:
        check_sum(file)
        schema_of(file)
    except Damaged as error:
        return str(error)
    except ValueError as error:
        return f"{error}; materialise {made_by(table)} for {day} again"
    return None


def _lists(path: Path, found: Findings) -> bool:
    """The nights of one of the tables of lists; returns whether its log can be read, or there is none."""
    from warehouse import recommendations
    from warehouse.recommendations.table import nights, open_table

    try:
        there = nights(open_table(path))
    except recommendations.NoNight:
        return True
    except recommendations.RecommendationsError as error:
        found.problems.append(str(error))
        return False
    states = [recommendations.verify(path, night) for night in there]
    found.problems += [f"{problem}: {AGAIN}" for state in states for problem in state.problems]
    unsummed = [str(state.run_date) for state in states if state.unsummed]
    if unsummed:
        found.notes.append(f"nights without sums in the log of {path.name}, of an older version: {', '.join(unsummed)}")
    if states:
        found.read.append(f"{len(states)} night(s) of {path.name}")
    return True


def _stored_lists(path: Path, found: Findings) -> None:
    """Whether readers of the object store see what one of the tables of lists shows here."""
    from warehouse.recommendations import RecommendationsError
    from warehouse.recommendations.publishing.stored import lag
    from warehouse.store.address import StoreError

    try:
        lacked = lag(path)
    except (StoreError, RecommendationsError) as error:
        lacked = str(error)
    if lacked:
        found.problems.append(lacked)
    elif path.exists():
        found.read.append(f"{path.name} in the store")


def _models(settings: Settings, found: Findings) -> None:
    """The champion and the challenger; a store that is not there yet is not made."""
    file = store.file_of(settings.tracking_uri)
    if file is not None and not (file.exists() or file.parent.is_file()):
        return
    mlflow: MLflow = resources(settings)["mlflow"]
    try:
        tracking = mlflow.open()
    except Exception as error:  # ours, or MLflow's own of a server
        if (said := sentence(error)) is None:
            raise
        found.problems.append(said)
        return
    aliased: dict[str, list[str]] = {}
    for alias in (registry.CHAMPION, registry.CHALLENGER):
        if version := registry.aliased(tracking, alias):
            aliased.setdefault(str(version.version), []).append(alias)
    with tempfile.TemporaryDirectory() as copies:
        for number, aliases in aliased.items():
            name, version = " and ".join(aliases), tracking.client.get_model_version(tracking.model, number)
            try:
                folder = registry.readable(tracking, version, Path(copies))
            except registry.ModelUnreadable as error:
                found.problems.append(f"{name}: {error}: {ANOTHER}")
                continue
            found.read.append(f"{name} (version {number})")
            found.notes += _without_sum(name, folder)


def _without_sum(name: str, folder: Path) -> Iterator[str]:
    from gru4rec.storage.checkpoint import MANIFEST
    from gru4rec.storage.files import SUM

    if f'"{SUM}": "' not in (folder / MANIFEST).read_text(encoding="utf-8").splitlines()[-2]:
        yield f"the manifest of the {name} has no sum: an older version wrote it, and damage to it may go unseen"
