"""The asset similar_items: every item that the champion knows, neighbours of the ring, deny lists, a failed audit."""

from datetime import date
from types import SimpleNamespace

import numpy as np
import pytest

from gru4rec.serving.recommend import Recommender
from warehouse import recommendations as table

FIRST, LAST = date(2026, 1, 7), date(2026, 1, 8)
ITEMS = 40


def test_the_table_is_what_the_champion_says_and_every_check_passes(
    serve: SimpleNamespace, shop: SimpleNamespace
) -> None:
    result = serve.similar(n=5)
    assert result.success
    found = {check.check_name: check.passed for check in result.get_asset_check_evaluations()}
    assert found == {"similar_items_complete": True, **{f"audit_{name}": True for name in table.SIMILAR_CHECKS}}
    rows = table.latest(serve.layout.similar_items).to_arrow()
    expected = Recommender.load(shop.checkpoint).similar_items(list(range(ITEMS)), 5)
    for name in ("item_id", "rank", "similar_item_id"):
        assert rows[name].to_pylist() == expected[name].to_pylist()
    assert np.allclose(rows["score"].to_numpy(), expected["score"].to_numpy(), atol=1e-6)
    assert set(rows["model_version"].to_pylist()) == {serve.version}
    [materialized] = result.asset_materializations_for_node("similar_items")
    assert materialized.metadata["items"].value == ITEMS
    assert materialized.metadata["preview"].value.startswith("| item_id | rank | similar_item_id | score |")
    shown = [record.data for record in materialized.metadata["lists"].records]
    known = {(row["item_id"], row["rank"]): row["similar_item_id"] for row in rows.to_pylist()}
    places = [(item, rank) for item in (0, 10, 20, 30) for rank in range(1, 6)]
    assert [(row["item"], row["similar"]) for row in shown] == [
        (str(item), f"{rank}. {known[item, rank]}") for item, rank in places
    ]


def test_denied_items_are_not_named_and_old_nights_go(serve: SimpleNamespace, sentence) -> None:
    serve.similar(FIRST)
    assert serve.similar(deny="NOT in_stock", keep_nights=1).success
    shown = set(table.latest(serve.layout.similar_items).to_arrow()["similar_item_id"].to_pylist())
    assert shown <= set(range(0, ITEMS, 2))
    with pytest.raises(table.NoNight):
        table.night(serve.layout.similar_items, FIRST)
    assert "2026-01-07 is older than the newest 1 night(s)" in sentence(serve.similar(FIRST, keep_nights=1))
    assert not serve.layout.recommendations.exists()


def test_the_one_item_that_may_be_shown_has_none_like_it_and_stops_nobody(serve: SimpleNamespace) -> None:
    assert serve.similar(allow="item_id < 1", n=10).success
    rows = table.latest(serve.layout.similar_items).to_arrow()
    assert sorted(rows["item_id"].to_pylist()) == list(range(1, ITEMS))


def test_a_night_that_resembles_the_last_one_too_little_is_not_seen(serve: SimpleNamespace, sentence) -> None:
    assert serve.similar(FIRST, allow="item_id < 15", n=10).success
    result = serve.similar(LAST, allow="item_id >= 15", n=10)
    assert not result.success
    assert "mean share of an item's top 10 that stood there the night before: 0" in sentence(result)
    failed = [check.check_name for check in result.get_asset_check_evaluations() if not check.passed]
    assert failed == ["audit_overlap"]
    assert table.latest(serve.layout.similar_items).run_date == FIRST
