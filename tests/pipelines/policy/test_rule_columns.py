"""A column that no item has, named in the rules of the shop, is missed before a night trains."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.policy.rule_columns import require_rule_columns
from pipelines.settings.list_sections import Recommendations
from warehouse.layout import Layout

DAY = "2026-01-08"
CAP = {"most": 1, "first": 3}


def test_columns_of_caps_and_of_new_items_must_be_there(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    require_rule_columns(layout, DAY, Recommendations())  # nothing is read without a rule
    with pytest.raises(FileNotFoundError, match="materialise items"):
        require_rule_columns(layout, DAY, Recommendations(caps={"brand": CAP}))
    layout.partition("items", DAY).parent.mkdir()
    pq.write_table(pa.table({"item_id": [1], "brand": ["a"], "came": ["2026-01-01"]}), layout.partition("items", DAY))
    require_rule_columns(layout, DAY, Recommendations(caps={"brand": CAP}, new_share=0.1, new_column="came"))
    require_rule_columns(layout, DAY, Recommendations(new_column="released"))  # that rule is off
    for knobs in ({"caps": {"brand": CAP, "brnd": CAP}}, {"new_share": 0.1, "new_column": "brnd"}):
        with pytest.raises(ValueError, match="need the column 'brnd' of items, which has item_id, brand, came"):
            require_rule_columns(layout, DAY, Recommendations(**knobs))
