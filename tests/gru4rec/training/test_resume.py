"""With what a stopped run goes on, and with what it does not."""

from pathlib import Path
from typing import Any

import pytest

from gru4rec.config.options import Config
from gru4rec.data.dataset import Dataset
from gru4rec.training.fit import FitOptions, FitResult, fit
from tests.gru4rec.training.test_fit import SMALL, VOCABULARY, cycles


def test_a_run_whose_rate_falls_is_resumed_with_its_own_epochs_alone(tmp_path: Path) -> None:
    data, config = Dataset(cycles(9), VOCABULARY), Config().override({**SMALL, "falling": 0.5})
    fit(data, config, FitOptions(checkpoint_dir=tmp_path))
    with pytest.raises(ValueError, match="epochs was 4 and is 6"):
        fit(data, config.override({"epochs": 6}), FitOptions(checkpoint_dir=tmp_path, resume=True))


def test_resume_with_nothing_there_starts_at_the_beginning(tmp_path: Path) -> None:
    config = Config().override(SMALL)
    assert (
        len(fit(Dataset(cycles(9), VOCABULARY), config, FitOptions(checkpoint_dir=tmp_path, resume=True)).history) == 4
    )


def test_resume_of_another_run_is_refused(tmp_path: Path) -> None:
    config = Config().override(SMALL)
    fit(Dataset(cycles(9), VOCABULARY), config, FitOptions(checkpoint_dir=tmp_path))
    with pytest.raises(ValueError, match=r"learning_rate was 0\.1 and is 0\.2"):
        fit(
            Dataset(cycles(9), VOCABULARY),
            config.override({"learning_rate": 0.2}),
            FitOptions(checkpoint_dir=tmp_path, resume=True),
        )
    with pytest.raises(ValueError, match="was trained on other data"):
        fit(Dataset(cycles(8), VOCABULARY), config, FitOptions(checkpoint_dir=tmp_path, resume=True))


@pytest.mark.parametrize("members", [1, 2])
def test_a_run_with_more_epochs_than_are_asked_for_is_refused(tmp_path: Path, members: int) -> None:
    """Its weights are those of four passes, whatever the recipe beside them would say."""
    data, config = Dataset(cycles(9), VOCABULARY), Config().override({**SMALL, "members": members})
    fit(data, config, FitOptions(checkpoint_dir=tmp_path))
    before = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    with pytest.raises(ValueError, match="has made 4 epochs, more than epochs=2; use at least 4"):
        fit(data, config.override({"epochs": 2}), FitOptions(checkpoint_dir=tmp_path, resume=True))
    assert before == {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}


@pytest.mark.parametrize(
    ("changes", "refused"), [({"keep": "best"}, True), ({"patience": 3}, True), ({"patience": 0}, False)]
)
def test_a_best_epoch_is_not_compared_over_other_validation_sessions(
    tmp_path: Path, changes: dict[str, Any], refused: bool
) -> None:
    config = Config().override({**SMALL, **changes})

    def go_on(epochs: int, watched: int) -> FitResult:
        options = FitOptions(
            validation=Dataset(cycles(watched), VOCABULARY), checkpoint_dir=tmp_path, resume=True, threads=1
        )
        return fit(Dataset(cycles(9), VOCABULARY), config.override({"epochs": epochs}), options)

    go_on(2, 5)
    if refused:
        with pytest.raises(ValueError, match="on other validation sessions; give the same ones"):
            go_on(3, 6)
    assert len(go_on(3, 5 if refused else 6).history) == 3
