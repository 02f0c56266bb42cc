"""A column that no item has, named in the rules of the shop, is missed before a night trains."""

from pathlib import Path

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.nights.sensors import only_the_model
from pipelines.policy.failures import as_failure
from pipelines.policy.rule_columns import require_rule_columns
from pipelines.settings.list_sections import Recommendations
from warehouse.layout import Layout

DAY = "2026-01-08"
CAP = {"most": 1, "first": 3}


def test_columns_of_caps_and_of_new_items_must_be_there(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    require_rule_columns(layout, DAY, Recommendations())  # nothing is read without a rule
    with pytest.raises(dg.Failure, match="materialise items"):
        require_rule_columns(layout, DAY, Recommendations(caps={"brand": CAP}))
    layout.partition("items", DAY).parent.mkdir()
    pq.write_table(pa.table({"item_id": [1], "brand": ["a"], "came": ["2026-01-01"]}), layout.partition("items", DAY))
    require_rule_columns(layout, DAY, Recommendations(caps={"brand": CAP}, new_share=0.1, new_column="came"))
    require_rule_columns(layout, DAY, Recommendations(new_column="released"))  # that rule is off
    for knobs in ({"caps": {"brand": CAP, "brnd": CAP}}, {"new_share": 0.1, "new_column": "brnd"}):
        with pytest.raises(dg.Failure, match="need the column 'brnd' of items, which has item_id, brand, came"):
            require_rule_columns(layout, DAY, Recommendations(**knobs))


@pytest.mark.parametrize(("missing_column", "served"), [(True, False), (False, True)])
def test_no_champion_is_asked_for_lists_that_the_same_column_would_stop(
    missing_column: bool, served: bool, tmp_path: Path
) -> None:
    (tmp_path / "items").mkdir()
    pq.write_table(pa.table({"item_id": [1]}), Layout(tmp_path).partition("items", DAY))

    @dg.op
    def gru4rec_model() -> None:
        with as_failure():
            if missing_column:
                require_rule_columns(Layout(tmp_path), DAY, Recommendations(caps={"brnd": CAP}))
            raise ValueError("the loss is far above where it began")

    @dg.job
    def a_night() -> None:
        gru4rec_model()

    events = a_night.execute_in_process(raise_on_error=False).all_events
    assert only_the_model([event for event in events if event.is_step_failure]) is served
