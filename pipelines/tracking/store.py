"""MLflow's sqlite file judged before MLflow opens it: waited for, told from other files, and moved with its folder.

MLflow itself meets a file that it cannot read with a hundred seconds of silent attempts and a stack trace, and keeps
the absolute path of every artifact, so that a data folder that was moved would lose its models.
"""

import contextlib
import logging
import shutil
import sqlite3
import time
from pathlib import Path
from urllib.parse import unquote, urlsplit

PREFIX = "sqlite:///"
LEAST = 2**20  # bytes: with fewer left on the disk, the database cannot write its next page
PATIENCE = 60.0  # seconds for which a locked database is waited for
# Where MLflow keeps the place of artifacts: the folder itself in an experiment, places below it elsewhere.
STATEMENTS = (
    "UPDATE experiments SET artifact_location = :now WHERE artifact_location = :before",
    "UPDATE runs SET artifact_uri = :now || substr(artifact_uri, length(:before) + 1) "
    "WHERE substr(artifact_uri, 1, length(:before) + 1) = :before || '/'",
    "UPDATE logged_models SET artifact_location = :now || substr(artifact_location, length(:before) + 1) "
    "WHERE substr(artifact_location, 1, length(:before) + 1) = :before || '/'",
    "UPDATE model_versions SET storage_location = :now || substr(storage_location, length(:before) + 1) "
    "WHERE substr(storage_location, 1, length(:before) + 1) = :before || '/'",
    "UPDATE model_versions SET source = :now || substr(source, length(:before) + 1) "
    "WHERE substr(source, 1, length(:before) + 1) = :before || '/'",
)
HOW = "put a copy of it back, or move it away: models and their figures then begin anew"

log = logging.getLogger(__name__)


class StoreUnusable(ValueError):
    """MLflow's database cannot be used; the message is the sentence to show."""


def file_of(uri: str) -> Path | None:
    """The sqlite file of a store; None for a server, and for a database that lives in memory."""
    path = uri.partition("?")[0].removeprefix(PREFIX)
    return Path(path) if uri.startswith(PREFIX) and path not in ("", ":memory:") else None


def patient(uri: str) -> str:
    """The URI by which MLflow waits for a locked sqlite file."""
    return f"{uri}?timeout={PATIENCE:.0f}" if file_of(uri) and "?" not in uri else uri


def judge(file: Path) -> None:
    """Make the folder of a sqlite file, wait while another program has it locked, and look into it.

    Raises:
        StoreUnusable: it is a folder, damaged, no database or one of another program; it stays locked; its folder is a
            file, or may not be written.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreUnusable(
            f"MLflow's folder {file.parent} cannot be made ({error.strerror}): clear its place"
        ) from None
    if file.is_dir():
        raise StoreUnusable(f"MLflow's database {file} is a folder: {HOW}")
    if not file.exists() or not file.stat().st_size:
        return
    tables = _look(file)
    if tables and not {"experiments", "alembic_version"} <= tables:
        raise StoreUnusable(f"{file} is a database of another program, or half made, and not MLflow's: {HOW}")


def _look(file: Path) -> set[str]:
    """The names of a database's tables, once it is free and all its pages can be read."""
    with contextlib.closing(_connect(file)) as database:
        _when_free(database, file)
        try:
            ((said,),) = database.execute("PRAGMA quick_check(1)").fetchall()
            tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        except sqlite3.DatabaseError as error:
            raise unusable(file, str(error)) from None
    if said != "ok":
        raise StoreUnusable(f"MLflow's database {file} is damaged ({said.splitlines()[-1]}): {HOW}")
    return tables


def _connect(file: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{file.absolute().as_uri()}?mode=rw", uri=True, timeout=1.0, isolation_level=None)


def _when_free(database: sqlite3.Connection, file: Path) -> None:
    """Return once a writer could begin."""
    begun, told = time.monotonic(), False
    while True:
        try:
            database.execute("BEGIN IMMEDIATE")
            database.execute("ROLLBACK")
            return
        except sqlite3.DatabaseError as error:
            if getattr(error, "sqlite_errorcode", None) not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise unusable(file, str(error)) from None
        if time.monotonic() - begun > PATIENCE:
            raise StoreUnusable(
                f"MLflow's database {file} has been locked by another program for {PATIENCE:.0f} s: end that program, "
                "and run again"
            )
        if not told:
            log.warning("MLflow's database %s is locked by another program: waiting", file)
            told = True


def unusable(file: Path, said: str) -> StoreUnusable:
    """What to do about a database that refuses with `said`."""
    if shutil.disk_usage(file.parent).free < LEAST:
        untouched = f"MLflow's database {file} is as it was ({said})"
        return StoreUnusable(f"the disk is full: free some space and run again; {untouched}")
    return StoreUnusable(f"MLflow's database {file} cannot be used ({said}): {HOW}")


def follow(file: Path, artifacts: Path) -> bool:
    """Have a store that was moved or copied with its folder find its artifacts where they lie now.

    Only where the artifacts lie beside the database, as they do in a data folder. Every path below the old place is
    rewritten in one transaction. Returns whether there was something to rewrite.

    Raises:
        StoreUnusable: the database refuses.
    """
    if not file.is_file() or not file.stat().st_size or file.absolute().parent != artifacts.absolute().parent:
        return False
    now = artifacts.absolute().as_uri()
    try:
        with contextlib.closing(_connect(file)) as database:
            old = _moved_from(database, artifacts)
            if not old:
                return False
            _when_free(database, file)
            database.execute("BEGIN IMMEDIATE")
            for before in old:
                for statement in STATEMENTS:
                    database.execute(statement, {"now": now, "before": before})
            database.execute("COMMIT")
    except sqlite3.DatabaseError as error:
        raise unusable(file, str(error)) from None
    log.warning("MLflow's artifacts are now found in %s (before: %s)", artifacts, ", ".join(old))
    return True


def _moved_from(database: sqlite3.Connection, artifacts: Path) -> list[str]:
    """Where experiments have their artifacts, if it is another folder of that name; a link to this one is none."""
    found = database.execute("SELECT DISTINCT artifact_location FROM experiments").fetchall()
    places = {str(place).rstrip("/") for (place,) in found}
    named = [place for place in places if place.startswith("file:") and place.endswith(f"/{artifacts.name}")]
    return sorted(place for place in named if _folder(place) != artifacts.resolve())


def _folder(uri: str) -> Path:
    return Path(unquote(urlsplit(uri).path)).resolve()
