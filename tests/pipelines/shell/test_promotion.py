"""A person moves the alias champion, and gives it back."""

import pytest

from pipelines.shell import promotion
from pipelines.tracking import registry
from pipelines.tracking.runs import Tracking


def test_promotion_by_hand_and_rollback_leave_a_trace(tracking: Tracking) -> None:
    assert "Version 3 is champion (before: version 1)" in promotion.by_hand(tracking, 3, "looks better to us")
    third = registry.aliased(tracking, registry.CHAMPION)
    assert third is not None
    assert int(third.version) == 3
    assert third.tags["promotion_reason"] == "looks better to us"
    assert third.tags["promoted_by"].endswith("by hand")
    assert "Version 1 is champion again" in promotion.rollback(tracking, "")
    assert int(registry.aliased(tracking, registry.CHAMPION).version) == 1  # type: ignore[union-attr]
    left = tracking.client.get_model_version("gru4rec", "3")
    assert left.tags["rollback_reason"] == "rollback from version 3"
    with pytest.raises(ValueError, match="first champion"):
        promotion.rollback(tracking, "")
    with pytest.raises(ValueError, match="no version 9"):
        promotion.by_hand(tracking, 9, "why not")
    with pytest.raises(ValueError, match="needs a reason"):
        promotion.by_hand(tracking, 2, " ")
