"""Moving the alias champion by hand, with a trace: `pipelines promote` and `pipelines rollback`."""

import getpass
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.tracking import registry

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

    from pipelines.tracking.runs import Tracking


def by_hand(tracking: "Tracking", number: int, reason: str) -> str:
    """Make a version champion.

    Args:
        tracking: where the versions are.
        number: the version.
        reason: why, for the version's tags.

    Returns:
        A sentence that says what was done.

    Raises:
        ValueError: there is no such version, its files cannot be read, or no reason is given.
    """
    if not reason.strip():
        raise ValueError("A promotion by hand needs a reason: the next person will ask for it.")
    version = _able_to_serve(tracking, str(number))
    before = registry.aliased(tracking, registry.CHAMPION)
    registry.promote(tracking, version, by=_person(), reason=reason.strip())
    was = f"version {before.version}" if before else "nobody"
    return f"Version {number} is champion (before: {was}). The next recommendations come from it."


def rollback(tracking: "Tracking", reason: str) -> str:
    """Give the alias back to the champion before.

    Args:
        tracking: where the versions are.
        reason: why, for the tags of both versions; may be empty.

    Returns:
        A sentence that says what was done.

    Raises:
        ValueError: there is no champion before this one, or it was deleted, or its files cannot be read.
    """
    champion = registry.aliased(tracking, registry.CHAMPION)
    if champion is None:
        raise ValueError("There is no champion to roll back from.")
    before = champion.tags.get("previous_champion")
    if before is None:
        raise ValueError(f"Version {champion.version} is the first champion: there is none before it to go back to.")
    version = _able_to_serve(tracking, before)
    why = reason.strip() or f"rollback from version {champion.version}"
    registry.tag(tracking, champion, rolled_back_by=_person(), rollback_reason=why)
    registry.reinstate(tracking, version, by=_person(), reason=why)
    return f"Version {before} is champion again (before: version {champion.version})."


def _able_to_serve(tracking: "Tracking", number: str) -> "ModelVersion":
    """The version of a number; a champion without files would be seen by the next night, which had no lists."""
    from mlflow.exceptions import MlflowException

    try:
        version = tracking.client.get_model_version(tracking.model, number)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise
        way = "see the versions in the MLflow UI, and name one with `pipelines promote`"
        raise ValueError(f"{tracking.model} has no version {number}: {way}.") from None
    with tempfile.TemporaryDirectory() as copies:
        registry.require_servable(version, Path(copies))
    return version


def _person() -> str:
    try:
        return f"{getpass.getuser()} by hand"
    except (KeyError, OSError):  # in a container the user may have no name
        return f"user {os.getuid()} by hand"
