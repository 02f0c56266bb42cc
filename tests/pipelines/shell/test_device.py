"""A night asks for its device before it begins."""

import pytest

from pipelines.settings.read import SettingsError
from pipelines.shell.night import require_device


@pytest.mark.parametrize("device", ["cuda:99", "cuda:999"])
def test_a_device_that_is_not_there_is_said_at_once(device: str) -> None:
    with pytest.raises(SettingsError, match=r"\[model\] device: device .* (not there|no GPU)"):
        require_device(device)


@pytest.mark.parametrize("device", ["auto", "cpu"])
def test_what_is_always_there_is_not_looked_for(device: str) -> None:
    require_device(device)
