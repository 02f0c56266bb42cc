"""A checkpoint that cannot be read is told by its version, for the path of its copy says nothing to anybody."""

from pathlib import Path
from typing import Any

import pytest

from gru4rec.storage.checkpoint import load
from pipelines.serving.publish import serving_champion
from pipelines.tracking import registry
from pipelines.tracking.registry import saying_whose


@pytest.mark.parametrize(
    ("role", "helps"), [("champion", "`pipelines rollback`"), ("challenger", "train the night again")]
)
def test_a_checkpoint_that_cannot_be_read_names_its_version_and_what_helps(
    role: str, helps: str, tmp_path: Path
) -> None:
    with (
        pytest.raises(ValueError, match=rf"^The {role}, version 10, cannot be read: ") as found,
        saying_whose(role, 10, tmp_path),
    ):
        load(tmp_path)
    assert helps in str(found.value)
    assert "no gru4rec checkpoint in its folder: checkpoint.json is missing there" in str(found.value)
    assert str(tmp_path) not in str(found.value), "a copy, which is gone when somebody reads this"


def test_other_errors_pass_as_they_are(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), saying_whose("champion", 10, tmp_path):
        raise ZeroDivisionError


def test_where_the_gate_refused_the_first_model_its_reason_is_told(tracking: Any) -> None:
    assert int(serving_champion(tracking).version) == 1
    tracking.client.delete_registered_model_alias(tracking.model, registry.CHAMPION)
    with pytest.raises(ValueError, match="no champion model yet: materialise champion_model"):
        serving_champion(tracking)
    newest = tracking.client.get_model_version(tracking.model, "3")
    tracking.client.set_registered_model_alias(tracking.model, registry.CHALLENGER, "3")
    registry.tag(tracking, newest, gate="refused", gate_reason="recall@20 is 0.1, below popularity's 0.2.")
    with pytest.raises(ValueError, match=r"refused version 3: recall@20 is .* 0.2\. `pipelines promote 3`"):
        serving_champion(tracking)
