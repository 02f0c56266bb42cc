"""The rules of the shop of a night: for whoever chooses the lists, and for the audit of what came of them."""

from typing import TYPE_CHECKING

from pipelines.policy.resources import Warehouse
from pipelines.settings.list_sections import Recommendations

if TYPE_CHECKING:
    from gru4rec.scoring.scorer import Scorer
    from gru4rec.serving.house.rules import HouseRules
    from warehouse.recommendations import HouseRules as AuditedRules


def house_rules(
    knobs: Recommendations, warehouse: Warehouse, day: str, scorer: "Scorer"
) -> "tuple[HouseRules, AuditedRules] | tuple[None, None]":
    """The rules with what the night's items say; without a rule nothing is read.

    Raises:
        FileNotFoundError: the items of the night are missing.
        ValueError: a column is missing, or is not what it should be.
    """
    from gru4rec.serving.house.rules import HouseRules
    from warehouse.recommendations import HouseRules as AuditedRules
    from warehouse.steps.contexts.traits import traits

    if not (knobs.caps or knobs.new_share or knobs.mmr):
        return None, None
    category, released = (knobs.caps_column if knobs.caps else ""), (knobs.new_column if knobs.new_share else "")
    known = traits(warehouse.local_engine(), warehouse.layout, day, category, released, knobs.new_days)
    chosen = HouseRules.of(
        scorer, known, pool=knobs.pool, most=knobs.caps, first=knobs.caps_first, share=knobs.new_share,
        diversity=knobs.mmr,
    )  # fmt: skip
    return chosen, AuditedRules(known, knobs.caps, knobs.caps_first, knobs.new_share, mixed=knobs.mmr > 0)
