"""The nights behind one another: challenger, champion and best baseline of each, and who was promoted."""

import logging
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

from pipelines.evaluation.table import BASELINE, CHALLENGER, CHAMPION
from pipelines.policy.resources import Warehouse

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

    from pipelines.tracking.runs import Tracking

Row = dict[str, Any]
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Judged:
    """A night's figures of one metric, as rows of the evaluations table, and what the gate said ("" where it did not).

    champion: the one before, on the same sessions; None on the first night.
    """

    night: date
    challenger: Row
    champion: Row | None
    best: Row | None
    gate: str


def judged_nights(
    warehouse: Warehouse, versions: "dict[str, ModelVersion]", last: date, metric: str, most: int
) -> list[Judged]:
    """The newest `most` nights up to `last` that were evaluated, ascending.

    A night whose evaluation cannot be read is left out, with a warning.

    Args:
        warehouse: where the evaluations lie.
        versions: of each night, see `newest_versions`.
        last: the last night that counts.
        metric: such as "recall@20".
        most: how many nights.
    """
    import pyarrow.parquet as pq

    layout = warehouse.layout
    found = []
    for night in [one for one in layout.days("evaluations") if one <= last][-most:]:
        wanted = [("segment", "=", "all"), ("metric", "=", metric)]
        try:
            rows = pq.read_table(layout.files("evaluations", night), filters=wanted, partitioning=None).to_pylist()
        except (ValueError, OSError) as error:
            _log.warning("the evaluation of %s cannot be read and is left out: %s", night, error)
            continue
        roles = {row["role"]: row for row in rows}
        baselines = [row for row in rows if row["role"] == BASELINE]
        best = max(baselines, key=lambda row: row["value"], default=None)
        if CHALLENGER not in roles:
            continue
        version = versions.get(night.isoformat())
        gate = version.tags.get("gate", "") if version else ""
        found.append(Judged(night, roles[CHALLENGER], roles.get(CHAMPION), best, gate))
    return found


def newest_versions(tracking: "Tracking") -> "dict[str, ModelVersion]":
    """The newest version of each night that trained one, by the night's date."""
    found: dict[str, ModelVersion] = {}
    for version in tracking.client.search_model_versions(f"name = '{tracking.model}'"):
        night = version.tags.get("run_date", "")
        if night not in found or int(found[night].version) < int(version.version):
            found[night] = version
    return found
