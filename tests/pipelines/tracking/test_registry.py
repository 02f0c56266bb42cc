"""A checkpoint that cannot be read is told by its version, for the path of its copy says nothing to anybody."""

from pathlib import Path

import pytest

from gru4rec.storage.checkpoint import load
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
