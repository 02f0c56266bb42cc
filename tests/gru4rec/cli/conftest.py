"""A small model and the files that it was made of."""

from pathlib import Path

import pytest

from gru4rec.__main__ import main
from tests.gru4rec.shell import SMALL, write_events


@pytest.fixture(scope="package")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """train.parquet, test.parquet and a trained model in model/."""
    folder = tmp_path_factory.mktemp("cli")
    train, test = write_events(folder / "train.parquet", 300, 0), write_events(folder / "test.parquet", 40, 1)
    arguments = ["fit", str(train), "--validation", str(test), "--model-dir", str(folder / "model"), *SMALL]
    assert main(arguments) == 0
    return folder
