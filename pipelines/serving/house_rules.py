"""The rules of the shop of a night: for whoever chooses the lists, and for the audit of what came of them."""

from typing import TYPE_CHECKING

from pipelines.policy.resources import Warehouse
from pipelines.settings.list_sections import Recommendations

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

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
    from warehouse.recommendations import Cap
    from warehouse.recommendations import HouseRules as AuditedRules
    from warehouse.steps.contexts.traits import traits

    if not (knobs.caps or knobs.new_share or knobs.mmr):
        return None, None
    released = knobs.new_column if knobs.new_share else ""
    known = traits(warehouse.local_engine(), warehouse.layout, day, tuple(knobs.caps), released, knobs.new_days)
    caps = {column: (cap["most"], cap["first"]) for column, cap in knobs.caps.items()}
    chosen = HouseRules.of(scorer, known, caps, pool=knobs.pool, share=knobs.new_share, diversity=knobs.mmr)
    vectors = None if chosen.directions is None else _vectors(scorer, chosen.directions)
    asked = tuple(Cap(column, most, first) for column, (most, first) in caps.items())
    return chosen, AuditedRules(known, asked, knobs.new_share, vectors)


def _vectors(scorer: "Scorer", directions: "NDArray[np.float32]") -> "pa.Table":
    """The item rows [I, H] as a table."""
    import pyarrow as pa

    column = pa.FixedSizeListArray.from_arrays(pa.array(directions.ravel()), directions.shape[1])
    return pa.table({"item_id": scorer.vocabulary.ids, "vector": column})
