"""The progress bar is a comfort: without tqdm `fit` says so once and goes on."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gru4rec.__main__ import main
from gru4rec.training import progress
from tests.gru4rec.shell import SMALL, write_events


@pytest.fixture
def arguments(tmp_path: Path) -> list[str]:
    """Of a fit of a few sessions."""
    train = write_events(tmp_path / "train.parquet", sessions=60, seed=1)
    return ["fit", str(train), "--model-dir", str(tmp_path / "model"), *SMALL]


@pytest.fixture
def without_tqdm(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A process looks for tqdm once: it looks again in the test, and after it."""
    monkeypatch.setitem(sys.modules, "tqdm", None)
    progress._tqdm.cache_clear()
    yield
    progress._tqdm.cache_clear()


@pytest.mark.usefixtures("without_tqdm")
def test_fit_trains_every_epoch_without_a_bar_and_says_so_once(
    arguments: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 0
    said, errors = capfd.readouterr()
    assert len(json.loads(said.splitlines()[-1])["history"]) == 2
    assert errors.count("tqdm is not installed") == 1


def test_a_redirected_log_has_no_bar(arguments: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    """Both outputs are files here, as `capfd` has it."""
    assert main(arguments) == 0
    errors = capfd.readouterr().err
    assert "events/s]" not in errors
    assert "\r" not in errors
