"""Model versions: registered, found by night or alias, downloaded, promoted.

Promotion is data: an alias that moves, and tags that say why.
"""

import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import pyarrow as pa
    from mlflow.entities.model_registry import ModelVersion
    from mlflow.models.model import ModelInfo

    from pipelines.tracking.runs import Tracking

CHALLENGER = "challenger"
CHAMPION = "champion"
ABOUT = (
    "GRU4Rec, one version a night. `challenger` is the newest; `champion` makes the recommendations, and only the gate "
    "(or `pipelines promote`, `pipelines rollback`) moves it: a version's tags gate and gate_reason say why."
)


def aliased(tracking: "Tracking", alias: str) -> "ModelVersion | None":
    """The version that carries an alias, or None."""
    from mlflow.exceptions import MlflowException

    try:
        return tracking.client.get_model_version_by_alias(tracking.model, alias)
    except MlflowException as error:
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            return None
        raise


def of_night(tracking: "Tracking", run_date: str) -> "ModelVersion":
    """The newest version trained for a night; FileNotFoundError says what to materialise where there is none."""
    found = tracking.client.search_model_versions(f"name = '{tracking.model}' and tags.run_date = '{run_date}'")
    if not found:
        raise FileNotFoundError(f"No model was trained for {run_date}: materialise gru4rec_model for {run_date} first.")
    return max(found, key=lambda version: int(version.version))


def register(tracking: "Tracking", logged: "ModelInfo", tags: "Mapping[str, str]") -> int:
    """A new version of a logged model, with its tags from the first moment; returns its number."""
    from mlflow.exceptions import MlflowException

    try:
        tracking.client.create_registered_model(tracking.model, description=ABOUT)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    made = tracking.client.create_model_version(
        tracking.model, logged.model_uri, logged.run_id, tags=dict(tags), model_id=logged.model_id
    )
    return int(made.version)


class ModelUnreadable(ValueError):
    """The files of a version are gone or spoiled; the message is the sentence to show."""


def readable(tracking: "Tracking", version: "ModelVersion", below: Path) -> Path:
    """Copy both checkpoints of a version and read them; returns the measured one's folder.

    Raises:
        ModelUnreadable: one of them is gone or spoiled.
    """
    measured = evaluated_checkpoint(tracking, version, below)
    _read(version, measured)
    require_servable(version, below)
    return measured


def require_servable(version: "ModelVersion", below: Path) -> None:
    """Copy the checkpoint that serves and read it; ModelUnreadable where it is gone or spoiled."""
    _read(version, served_checkpoint(version, below))


def _read(version: "ModelVersion", copy: Path) -> None:
    from gru4rec.storage.checkpoint import load

    try:
        load(copy)
    except (ValueError, OSError) as error:
        raise _unreadable(version, error, copy) from error


def said_of_copy(error: Exception, copy: Path) -> str:
    """What an error says of a copied model, without the copy's folder, which is gone when somebody reads it."""
    return str(error).replace(f"{copy}/", "").replace(str(copy), "its folder")


def _unreadable(version: "ModelVersion", error: Exception, copy: Path) -> ModelUnreadable:
    reason = (said_of_copy(error, copy).strip().splitlines() or [type(error).__name__])[0]
    return ModelUnreadable(f"the files of {version.name} version {version.version} cannot be read ({reason})")


def evaluated_checkpoint(tracking: "Tracking", version: "ModelVersion", below: Path) -> Path:
    """The checkpoint that was trained without the held-out days.

    It is copied into a new folder below one that the caller removes: left to itself, MLflow fills the system's
    temporary folder.

    Raises:
        ModelUnreadable: its files are gone.
    """
    return Path(_copied(version, below, run_id=version.run_id, artifact_path="evaluated"))


def served_checkpoint(version: "ModelVersion", below: Path) -> Path:
    """The checkpoint that serves, copied likewise."""
    uri = f"models:/{version.name}/{version.version}/artifacts/checkpoint"
    return Path(_copied(version, below, artifact_uri=uri))


def known_items(version: "ModelVersion", below: Path) -> "pa.Array | None":
    """The ids of the items that a version's model knows; None where they cannot be read. Arguments as above."""
    import pyarrow.parquet as pq

    try:
        [file] = served_checkpoint(version, below).glob("vocabulary*.parquet")
        return pq.read_table(file)["item_id"].combine_chunks()
    except (ValueError, KeyError, OSError):
        return None


def _copied(version: "ModelVersion", below: Path, **what: str) -> str:
    import mlflow
    from mlflow.exceptions import MlflowException

    copy = tempfile.mkdtemp(dir=below)
    try:
        return str(mlflow.artifacts.download_artifacts(dst_path=copy, **what))
    except (MlflowException, OSError) as error:
        raise _unreadable(version, error, Path(copy)) from error


@contextmanager
def saying_whose(role: str, version: int | str, copy: Path) -> "Iterator[None]":
    """Let an error about a copied checkpoint name the version and what helps, in the place of the copy's path."""
    try:
        yield
    except (ValueError, FileNotFoundError) as error:
        way = "train the night again"
        if role == CHAMPION:
            way = "make another version champion (`pipelines promote VERSION --reason ...` or `pipelines rollback`)"
        found = said_of_copy(error, copy)
        raise ValueError(f"The {role}, version {version}, cannot be read: {way}. What was found: {found}") from error


def tag(tracking: "Tracking", version: "ModelVersion", **tags: object) -> None:
    """Set tags of a version, and of its run, so that the table of runs shows them too."""
    for name, value in tags.items():
        tracking.client.set_model_version_tag(version.name, version.version, name, str(value))
        tracking.client.set_tag(version.run_id, name, str(value))


def promote(tracking: "Tracking", version: "ModelVersion", *, by: str, reason: str) -> None:
    """Make a version champion; its tags say who was champion before, who moved the alias, and why."""
    before = aliased(tracking, CHAMPION)
    if before is not None and int(before.version) != int(version.version):
        tag(tracking, version, previous_champion=before.version)
    reinstate(tracking, version, by=by, reason=reason)


def reinstate(tracking: "Tracking", version: "ModelVersion", *, by: str, reason: str) -> None:
    """Make a former champion champion again; its tag still says who was champion before its first time."""
    tag(tracking, version, promoted_by=by, promotion_reason=reason)
    tracking.client.set_registered_model_alias(tracking.model, CHAMPION, str(version.version))
