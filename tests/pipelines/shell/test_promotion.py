"""A person moves the alias champion, and gives it back."""

import getpass
import os
from pathlib import Path

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


def test_a_version_that_cannot_serve_does_not_become_champion(tracking: Tracking, tmp_path: Path) -> None:
    """It would be seen by the next night, which could make no lists."""
    run = tracking.client.create_run(tracking.experiment_id).info.run_id
    tracking.client.create_model_version("gru4rec", (tmp_path / "gone").as_uri(), run)
    promotion.by_hand(tracking, 2, "better")
    with pytest.raises(ValueError, match="the files of gru4rec version 4 cannot be read"):
        promotion.by_hand(tracking, 4, "the newest")
    tracking.client.delete_model_version("gru4rec", "1")
    with pytest.raises(ValueError, match=r"gru4rec has no version 1: see the versions .* `pipelines promote`"):
        promotion.rollback(tracking, "")
    champion = registry.aliased(tracking, registry.CHAMPION)
    assert champion is not None
    assert int(champion.version) == 2
    assert "rolled_back_by" not in champion.tags
    assert "promoted_by" not in tracking.client.get_model_version("gru4rec", "4").tags


def test_a_user_without_a_name_promotes_too(tracking: Tracking, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container that runs under a number."""
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 54_321)
    with pytest.raises((KeyError, OSError)):
        getpass.getuser()
    promotion.by_hand(tracking, 2, "better")
    assert tracking.client.get_model_version("gru4rec", "2").tags["promoted_by"] == "user 54321 by hand"
