"""Dagster's home made ready: a home without a dagster.yaml gets the project's own, and a new one its databases.

Dagster makes its databases when it first opens them. Where two processes do so in the same moment, as the UI and the
daemon of `make ui` once did, both create the same tables and one of them dies.

A home is one data folder's: its runs carry no data folder, so the daemon of a UI would run those of another's with its
own settings, and each UI would show the other's nights.
"""

import os
from contextlib import suppress
from pathlib import Path

from warehouse.whole_files import folder_lock, replacing

PROJECT = Path(__file__).resolve().parents[2]
DATA_FOLDER = "data_folder"  # the file of a home that says for which data folder it was opened last

SETTINGS = """\
# The project's own Dagster home: runs are kept here and shown in the UI. Named by DAGSTER_HOME in .env.
telemetry:
  enabled: false
nux:
  enabled: false # otherwise a newsletter dialog covers the UI
run_monitoring:
  enabled: true
concurrency:
  runs:
    tag_concurrency_limits:
      - key: pipelines/night # nights run one at a time, the oldest first
        limit: 1
      - key: dagster/backfill # and so do the runs of a backfill of single assets
        limit: 1
"""


def home_of(root: Path) -> Path:
    """Dagster's home of a data folder: DAGSTER_HOME, or the project's own for the project's `data`, or one inside."""
    if named := os.environ.get("DAGSTER_HOME"):
        return Path(named).absolute()
    return PROJECT / ".dagster" if root.resolve() == (PROJECT / "data").resolve() else root.absolute() / "dagster"


def shared(home: Path, root: Path) -> str | None:
    """Note for which data folder a home is opened; the sentence of a warning where another one had it before.

    Nothing is said of a data folder that was moved, or copied with its home inside.
    """
    note, now = home / DATA_FOLDER, root.resolve()
    if home.resolve().is_relative_to(now):
        return None
    before = None
    with suppress(OSError, ValueError):  # no note, or a spoiled one
        before = Path(note.read_text(encoding="utf-8"))
    if before == now:
        return None
    with suppress(OSError), replacing(note) as temporary:  # what is wrong with the disk is said by whoever needs it
        temporary.write_text(str(now), encoding="utf-8")
    if before is None or not before.is_dir():
        return None
    return (
        f"Dagster's home {home} (DAGSTER_HOME) was used for the data folder {before} before, and is now for {now}: "
        f"each UI shows the nights of both, and may run those of the other; name a home of its own for each, or none"
    )


def make_home(home: Path) -> Path:
    """Create the folder and its dagster.yaml where they are missing; what exists stays as it is.

    Without the file Dagster would warn in every process, and send what it counts to its makers.

    Raises:
        ValueError: the path is not a folder, or cannot be written.
    """
    try:
        home.mkdir(parents=True, exist_ok=True)
        with folder_lock(home):
            file = home / "dagster.yaml"
            if not file.exists():
                with replacing(file) as temporary:
                    temporary.write_text(SETTINGS, encoding="utf-8")
    except OSError as error:
        raise ValueError(
            f"Dagster's home {home} (DAGSTER_HOME) cannot be used: {error.strerror}; name a folder."
        ) from None
    return home


def make_databases(home: Path) -> None:
    """Have Dagster open its databases, and make those of a new home: to be called before anything else opens it.

    Raises:
        ValueError: they cannot be opened: a full disk, a spoiled one, or a dagster.yaml that Dagster cannot read.
    """
    import dagster as dg
    from sqlalchemy.exc import SQLAlchemyError
    from yaml import YAMLError  # type: ignore[import-untyped]

    try:
        with folder_lock(home), dg.DagsterInstance.from_config(str(home)):
            pass
    except (SQLAlchemyError, dg.DagsterError, YAMLError) as error:
        raise unusable(home, error) from error


def unusable(home: Path, error: Exception) -> ValueError:
    """What to do about a home whose databases or settings Dagster cannot use."""
    said = " ".join(str(error).split())[:200]
    return ValueError(
        f"Dagster's home {home} (DAGSTER_HOME) cannot be used: {said}; put its dagster.yaml right, or move the home "
        f"away: its runs are forgotten then, no table is"
    )
