"""What the rules of the shop ask of the items, and these do not have, is missed before a night trains."""

from pathlib import Path

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.nights.sensors import only_the_model
from pipelines.policy.failures import STOPS_LISTS, as_failure
from pipelines.policy.resources import Warehouse
from pipelines.policy.shop_rules import require_rules
from pipelines.settings.list_sections import Recommendations
from warehouse.layout import Layout

DAY = "2026-01-08"
CAP = {"most": 1, "first": 3}


def warehouse(root: Path) -> Warehouse:
    return Warehouse(root=str(root), memory_limit="1GB", threads=1)


def test_columns_of_caps_and_of_new_items_must_be_there(tmp_path: Path) -> None:
    shop, layout = warehouse(tmp_path), Layout(tmp_path)
    require_rules(shop, DAY, Recommendations())  # nothing is read without a rule
    with pytest.raises(dg.Failure, match="materialise items"):
        require_rules(shop, DAY, Recommendations(caps={"brand": CAP}))
    layout.partition("items", DAY).parent.mkdir()
    pq.write_table(pa.table({"item_id": [1], "brand": ["a"], "came": ["2026-01-01"]}), layout.partition("items", DAY))
    require_rules(shop, DAY, Recommendations(caps={"brand": CAP}, new_share=0.1, new_column="came"))
    require_rules(shop, DAY, Recommendations(new_column="released"))  # that rule is off
    for knobs in ({"caps": {"brand": CAP, "brnd": CAP}}, {"new_share": 0.1, "new_column": "brnd"}):
        with pytest.raises(dg.Failure, match="need the column 'brnd' of items, which has item_id, brand, came"):
            require_rules(shop, DAY, Recommendations(**knobs))


def test_allow_and_deny_must_be_readable(tmp_path: Path) -> None:
    shop, items = warehouse(tmp_path), Layout(tmp_path).partition("items", DAY)
    with pytest.raises(dg.Failure, match=r"deny needs .* which does not exist: materialise items"):
        require_rules(shop, DAY, Recommendations(deny="price > 3"))
    items.parent.mkdir()
    pq.write_table(pa.table({"item_id": [1, 2], "price": [2.0, 4.0]}), items)
    require_rules(shop, DAY, Recommendations(allow="price > 3", deny="item_id = 1"))
    for knobs, said in (
        ({"deny": "prize > 3"}, 'deny .* "prize" not found .*items has the columns "item_id", "price"'),
        ({"allow": "price > 9"}, "allow .* leaves no item that may be recommended"),
        ({"allow": "gone.parquet"}, "allow needs .*gone.parquet, which does not exist"),
    ):
        with pytest.raises(dg.Failure, match=said) as refused:
            require_rules(shop, DAY, Recommendations(**knobs))
        assert STOPS_LISTS in refused.value.metadata


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
                require_rules(warehouse(tmp_path), DAY, Recommendations(caps={"brnd": CAP}))
            raise ValueError("the loss is far above where it began")

    @dg.job
    def a_night() -> None:
        gru4rec_model()

    events = a_night.execute_in_process(raise_on_error=False).all_events
    assert only_the_model([event for event in events if event.is_step_failure]) is served
