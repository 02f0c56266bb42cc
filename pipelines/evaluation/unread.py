"""A champion that cannot be read: noted by the evaluation as a tag of the challenger, heeded by the gate."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

UNREAD = "champion_unreadable"  # the champion's version and why, as "3: the files of ..."; empty for one that was read


def why_unread(challenger: "ModelVersion", champion: "ModelVersion | None") -> str | None:
    """Why the evaluation could not read today's champion; None where it could, or there is none."""
    version, _, reason = challenger.tags.get(UNREAD, "").partition(": ")
    return reason if champion is not None and version == str(champion.version) else None
